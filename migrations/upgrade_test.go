package migrations_test

import (
	"testing"

	"resoagent/internal/harness"
	"resoagent/migrations"
)

// versionOne makes the destination of an older agent, with two listings. One has
// values that no index holds.
func versionOne(tb testing.TB, h *harness.Database) *older {
	tb.Helper()
	o := newOlder(tb, h, 1)
	h.Exec(tb, `INSERT INTO `+h.Table("property")+` (listing_key, city, standard_status, list_price, idx_timestamp, idx_hash, idx, vow_timestamp, vow_hash, vow) VALUES
		('A', 'Ajax', 'Closed', 2, '2024-01-01T00:00:00Z', 1, '{"City":"Ajax","StandardStatus":"Active","ListPrice":1.0}', '2024-02-01T00:00:00Z', 2, '{"ListPrice":2}')`)
	noise := "md5(i::text)"
	numbers := "generate_series(1, 500) i"
	price := "('0.' || repeat('1234567', 2300))::numeric"
	if !h.Postgres {
		noise, numbers, price = "hex(randomblob(16))", "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n)", "0.1"
	}
	aggregate := "string_agg(" + noise + ", '')"
	if !h.Postgres {
		aggregate = "group_concat(" + noise + ", '')"
	}
	h.Exec(tb, `INSERT INTO `+h.Table("property")+` (listing_key, city, standard_status, list_price, vow_timestamp, vow_hash, vow)
		SELECT 'LONG', `+aggregate+`, `+aggregate+`, `+price+`, '2024-01-01T00:00:00Z', 1, '{}' FROM `+numbers)
	return o
}

func TestUpgradeFromVersionOne(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		o := versionOne(t, h)
		result, err := migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, nil)
		if err != nil || result.From != 1 || result.To < 3 {
			t.Fatalf("result %+v, %v", result, err)
		}
		if n := h.Count(t, "idx_listing", "listing_key = 'A' AND list_price = 1 AND standard_status = 'Active'"); n != 1 {
			t.Errorf("%d rows in idx_listing", n)
		}
		if n := h.Count(t, "vow_listing", "listing_key = 'A' AND list_price = 2 AND standard_status = 'Closed'"); n != 1 {
			t.Errorf("%d rows in vow_listing", n)
		}
		if n := h.Count(t, "vow_listing", "listing_key = 'LONG' AND city IS NULL AND standard_status IS NULL"); h.Postgres && n != 1 {
			t.Errorf("%d rows with what no index holds", n)
		}
		result, err = migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, nil)
		if err != nil || result.From != result.To {
			t.Errorf("once more: %+v, %v", result, err)
		}
	})
}

// Tables that were made to refuse a row without a timestamp take one after the
// upgrade, by every connection, and keep what they had and what else they refuse.
func TestUpgradeTakesRowsWithoutTimestamp(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		o := newOlder(t, h, 2)
		tables := map[string]string{"media": "resource_record_key, media_key", "propertyrooms": "listing_key, room_key", "openhouse": "listing_key, open_house_key"}
		insert := func(table, key, stamp, hash string) error {
			_, err := o.db.ExecContext(t.Context(), "INSERT INTO "+h.Table(table)+" ("+tables[table]+", record_timestamp, record_hash, record) VALUES ('A', '"+
				key+"', "+stamp+", "+hash+", '{}')")
			return err
		}
		for table := range tables {
			if err := insert(table, "old", "'2024-01-01T00:00:00Z'", "1"); err != nil {
				t.Fatal(err)
			}
			if insert(table, "new", "NULL", "1") == nil {
				t.Fatalf("%s takes one before the upgrade: this shows nothing", table)
			}
			h.Count(t, table, "") // the test's own connection knows the old schema
		}
		if _, err := migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, nil); err != nil {
			t.Fatal(err)
		}
		for table := range tables {
			if err := insert(table, "new", "NULL", "1"); err != nil {
				t.Error(err)
			}
			if insert(table, "none", "NULL", "NULL") == nil {
				t.Errorf("%s takes a row without a hash", table)
			}
			h.Exec(t, "INSERT INTO "+h.Table(table)+" ("+tables[table]+", record_hash, record) VALUES ('A', 'newer', 1, '{}')")
			if n := h.Count(t, table, ""); n != 3 {
				t.Errorf("%s has %d rows", table, n)
			}
		}
		if !h.Postgres {
			if text := h.Strings(t, "PRAGMA integrity_check")[0][0]; text != "ok" {
				t.Error(text)
			}
		}
	})
}
