package migrations

import (
	"database/sql"
	"strings"
	"testing"

	"resoagent/internal/harness"
)

// openFor opens a destination the way the agent does.
func openFor(tb testing.TB, h *harness.Database) (*sql.DB, Dialect) {
	tb.Helper()
	driver, url, d := "sqlite", "file:"+strings.TrimPrefix(h.URL, "sqlite:")+"?_pragma=busy_timeout(5000)", SQLite
	if h.Postgres {
		driver, url, d = "pgx", h.URL, Postgres
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db, d
}

// versionOne makes the destination of an older agent, with two listings. One has
// values that no index holds.
func versionOne(tb testing.TB, h *harness.Database, db *sql.DB, d Dialect) {
	tb.Helper()
	p, err := provider(tb.Context(), db, d, Names{Schema: h.Schema}, Layout{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := p.UpTo(tb.Context(), 1); err != nil {
		tb.Fatal(err)
	}
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
}

func TestUpgradeFromVersionOne(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		db, d := openFor(t, h)
		versionOne(t, h, db, d)
		result, err := Up(t.Context(), db, d, Names{Schema: h.Schema}, Layout{}, nil)
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
		result, err = Up(t.Context(), db, d, Names{Schema: h.Schema}, Layout{}, nil)
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
		db, d := openFor(t, h)
		p, err := provider(t.Context(), db, d, Names{Schema: h.Schema}, Layout{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.UpTo(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		tables := map[string]string{"media": "resource_record_key, media_key", "propertyrooms": "listing_key, room_key", "openhouse": "listing_key, open_house_key"}
		insert := func(table, key, stamp, hash string) error {
			_, err := db.ExecContext(t.Context(), "INSERT INTO "+h.Table(table)+" ("+tables[table]+", record_timestamp, record_hash, record) VALUES ('A', '"+
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
		if _, err := Up(t.Context(), db, d, Names{Schema: h.Schema}, Layout{}, nil); err != nil {
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
