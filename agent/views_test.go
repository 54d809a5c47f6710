package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// columns are a table's or view's, with their types.
func columns(tb testing.TB, db *harness.Database, name string) (names []string, types map[string]string) {
	tb.Helper()
	query, args := "SELECT name, '' FROM pragma_table_info(?)", []any{name}
	if db.Postgres {
		query = `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
			WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`
		args = []any{db.Table(name)}
	}
	types = make(map[string]string)
	for _, row := range db.Strings(tb, query, args...) {
		names, types[row[0]] = append(names, row[0]), row[1]
	}
	return names, types
}

// shown are the views of listings, with the table that each shows and the columns
// that it has behind the typed ones.
type shown struct {
	view, table string
	tail        map[string]string // to the table's own name
	order       []string
}

func views() []shown {
	feed := map[string]string{"modification_timestamp": "record_timestamp", "record": "record"}
	whole := map[string]string{"record_timestamp": "record_timestamp", "record_hash": "record_hash", "record": "record"}
	return []shown{
		{"idx_listing", "idx_property", feed, []string{"modification_timestamp", "record"}},
		{"vow_listing", "vow_property", feed, []string{"modification_timestamp", "record"}},
		{"property", "vow_property", whole, []string{"record_timestamp", "record_hash", "record"}},
	}
}

// typedColumns are the typed columns of listings.
func typedColumns() (names []string) {
	for _, c := range catalog.All().Find(catalog.VOWProperty).Columns {
		names = append(names, c.Name)
	}
	return names
}

// Each view of listings is its table, column by column and row by row, and the
// typed columns are what the conversion makes of the JSON beside them: of a whole
// simulated feed, and of values as odd as there are.
func TestViewsShowTheirTables(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		source := harness.NewSource(t, harness.Small())
		addOdd(t, source)
		s := newSetup(t, source, db)
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
		if n := db.Count(t, "agent_reject", ""); n != 0 {
			t.Errorf("%d rejects: %v", n, db.Strings(t, "SELECT record_key, reason FROM "+db.Table("agent_reject")))
		}
		for _, stream := range []string{catalog.IDXProperty, catalog.VOWProperty} {
			if n := harness.Typed(t, db, catalog.All().Find(stream).Shape()); n < len(oddValues()) {
				t.Fatalf("%s has %d rows", stream, n)
			}
		}
		for _, v := range views() {
			names, types := columns(t, db, v.view)
			if diff := cmp.Diff(append(append([]string{"listing_key"}, typedColumns()...), v.order...), names); diff != "" {
				t.Errorf("columns of %s (-want +got):\n%s", v.view, diff)
			}
			_, stored := columns(t, db, v.table)
			var differs []string
			for _, name := range names {
				own := name
				if renamed := v.tail[name]; renamed != "" {
					own = renamed
				}
				if types[name] != stored[own] {
					t.Errorf("%s.%s is %s, in %s %s", v.view, name, types[name], v.table, stored[own])
				}
				differs = append(differs, fmt.Sprintf("CAST(v.%s AS text) IS DISTINCT FROM CAST(t.%s AS text)", name, own))
			}
			rows := db.Count(t, v.table, "")
			same := db.Int(t, "SELECT count(*) FROM "+db.Table(v.view)+" v JOIN "+db.Table(v.table)+" t ON t.listing_key = v.listing_key WHERE NOT ("+strings.Join(differs, " OR ")+")")
			if n := db.Count(t, v.view, ""); n != rows || same != rows {
				t.Errorf("%s has %d rows, %d of them as in %s, which has %d", v.view, n, same, v.table, rows)
			}
		}
	})
}

// oddValues are put into every typed column of a listing, each into one of its own.
func oddValues() []string {
	return []string{
		`1`, `3.0`, `2.0E7`, `-0.0`, `1.50`, `1e15`, `9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `1e40`, `1e308`, `true`, `false`,
		`""`, `" "`, `"n/a"`, `"12"`, `" 1200.50 "`, `"\t7\r\n"`, `"+5"`, `"-5"`, `"--5"`, `"+-5"`, `".5"`, `"5."`, `"."`, `"-"`, `"e5"`, `".e5"`, `"1e"`, `"1e+"`,
		`"007"`, `"1E2"`, `"1e+2"`, `"2.0E7"`, `"1.5"`, `"1e999"`, `"-1e999"`, `"1e999999999"`, `"1e99999999999999999999"`, `"0e-10"`, `"1,200"`, `"$5"`,
		`"NaN"`, `"inf"`, `"Infinity"`, `"0x1F"`, `"0x10p1"`, `"1_000"`, `"1 000"`, `"5 "`, `"٣"`, `"9007199254740991"`, `"9223372036854775807"`,
		`"Y"`, `"yes"`, `" No "`, `"TRUE"`, `"0"`, `"maybe"`, `["a"]`, `[]`, `{"a":1}`, `[1]`, `"a\"b\\c\u00e9\ud83d\ude00"`, `"{\"City\":1}"`,
		`"2024-02-29"`, `"2023-02-29"`, `"2024-02-30"`, `"2024-04-31"`, `"2024-13-01"`, `"2024-00-10"`, `"2024-01-00"`, `"2024-1-5"`, `"0000-01-01"`, `"0001-01-01"`,
		`"9999-12-31"`, `"99999-12-31"`, `"2024-02-29 10:00:00"`, `"2024-02-29T"`, `20240229`, `" 2024-02-29 "`, `"infinity"`, `"now"`, `"today"`, `"2024-060"`,
		`"2024-02-29T10:00:00Z"`, `"2024-02-29T10:00:00"`, `"2024-02-29T10:00:00.5-05:00"`, `"2024-02-29T23:59:59.9999999Z"`, `"2024-02-29T10:00:00.1234567891234Z"`,
		`"2024-02-29T10:00:00.Z"`, `"2024-02-29T24:00:00Z"`, `"2024-02-29T23:60:00Z"`, `"2024-02-29T23:59:60Z"`, `"2024-02-30T10:00:00Z"`, `"2024-02-29T10:00Z"`,
		`"2024-02-29t10:00:00z"`, `"2024-02-29T10:00:00+0500"`, `"2024-02-29T10:00:00+05"`, `"2024-02-29T01:00:00+05:30"`, `"2024-12-31T23:00:00-14:00"`,
		`"2024-02-29T10:00"`, `"2024-02-29t10:00z"`, `"2024-02-29T10:00+05:30"`, `"2024-02-29T10:00-05:00"`, `"2024-02-29T10:00.5Z"`, `"2024-02-29T10:00:Z"`, `"2024-02-29T1000Z"`,
		`"2024-02-29t10:00:00.25"`, `"2024-02-29T10Z"`, `"2024-02-30T10:00Z"`, `"2024-02-29T24:00Z"`, `"2024-02-29T10:60Z"`, `"2024-02-29T10:00Zz"`, `"2024-02-29T10:00 Z"`,
		`"2024-02-29T10:00:00-23:59"`, `"2024-02-29T10:00:00+15:00"`, `"2024-02-29T10:00:00+24:00"`, `"2024-02-29T10:00:00+05:60"`, `"2024-02-29T10:00:00 +05:00"`,
		`"12024-02-29T10:00:00Z"`, `"-2024-02-29T10:00:00Z"`, `"02024-02-29T10:00:00Z"`, `"0000-02-29T10:00:00Z"`, `"2024-02-29T10:00:00.123456789012345678Z"`,
		`"1969-12-31T23:59:59.999999Z"`, `"0001-01-01T00:00:00+01:00"`, `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"9999-12-31T23:59:59-01:00"`,
		`"` + strings.Repeat("long ", 2000) + `"`, `"` + strings.Repeat("9", 500) + `"`, `"0.` + strings.Repeat("7", 500) + `"`, `0.` + strings.Repeat("7", 500),
		`"` + strings.Repeat("9", 308) + `"`, `"` + strings.Repeat("9", 309) + `"`,
	}
}

func addOdd(tb testing.TB, s *harness.Source) {
	tb.Helper()
	for i, value := range oddValues() {
		key, at := fmt.Sprintf("ODD%03d", i), "2026-07-01T12:00:00Z"
		var b strings.Builder
		fmt.Fprintf(&b, `{"ListingKey":%q,"ModificationTimestamp":%q`, key, at)
		for _, c := range catalog.All().Find(catalog.VOWProperty).Shape().Columns {
			fmt.Fprintf(&b, `,%q:%s`, c.Field, value)
		}
		b.WriteString("}")
		if err := s.AddRaw(simulator.Property, key, at, "", []byte(b.String())); err != nil {
			tb.Fatal(err)
		}
	}
}

// listings are the columns of the shape by key, as text, and "null" for NULL.
func listings(tb testing.TB, db *harness.Database, table, timestamp, body string) map[string][]string {
	tb.Helper()
	query := "SELECT listing_key"
	for _, c := range append(catalog.All().Find(catalog.VOWProperty).Shape().Columns, record.Column{Name: timestamp}, record.Column{Name: body}) {
		query += ", coalesce(CAST(" + c.Name + " AS text), 'null')"
	}
	out := make(map[string][]string)
	for _, row := range db.Strings(tb, query+" FROM "+db.Table(table)) {
		out[row[0]] = row[1:]
	}
	return out
}

// What VOW alone knows never shows in idx_listing: a price and a status that are
// other there, and a listing that is there only. Not in a column, not in the
// JSON, not by way of a condition.
func TestVOWDoesNotLeak(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		before := listings(t, db, "idx_listing", "modification_timestamp", "record")
		photos := db.Strings(t, "SELECT * FROM "+db.Table("idx_photo")+" ORDER BY listing_key, photo_number")

		// A sale: IDX does not see the listing any more, VOW has its price.
		key := db.Strings(t, "SELECT min(listing_key) FROM "+db.Table("idx_listing"))[0][0]
		at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
		must(t, s.source.Touch(simulator.Property, key, at, map[string]any{
			"StandardStatus": "Closed", "MlsStatus": "Sold", "ListPrice": 98765432.0, "ClosePrice": 98765433.0, "City": "Leakville",
			"UnparsedAddress": "1 Leak Street",
		}))
		addVOWOnly(t, s)
		s.mustSync(t)

		seen := db.Strings(t, "SELECT listing_key FROM "+db.Table("vow_listing")+" WHERE list_price = 98765432 AND standard_status = 'Closed' ORDER BY 1")
		if len(seen) != 2 || db.Count(t, "listing_photo", "listing_key = 'VOWONLY'") != 1 {
			t.Fatalf("VOW has %v: nothing that could leak", seen)
		}
		if diff := cmp.Diff(before, listings(t, db, "idx_listing", "modification_timestamp", "record")); diff != "" {
			t.Errorf("idx_listing shows (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(photos, db.Strings(t, "SELECT * FROM "+db.Table("idx_photo")+" ORDER BY listing_key, photo_number")); diff != "" {
			t.Errorf("idx_photo shows (-before +after):\n%s", diff)
		}
		for _, where := range []string{
			"list_price = 98765432", "close_price IS NOT NULL", "standard_status <> 'Active'", "mls_status = 'Sold'", "city = 'Leakville'",
			"listing_key = 'VOWONLY'", "modification_timestamp >= '2026-07-01'", "CAST(record AS text) LIKE '%9876543%'",
		} {
			if n := db.Count(t, "idx_listing", where); n != 0 {
				t.Errorf("%d rows WHERE %s", n, where)
			}
		}
	})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// A site's own role, with the grants of docs/QUERIES.md, reads the views of IDX and
// no other relation of the schema, and sees nothing in them that is in VOW alone:
// not in a row, and not by a function of its own that looks at what is filtered out.
func TestPublicRole(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	addVOWOnly(t, s)
	s.mustSync(t)
	if db.Count(t, "vow_listing", "listing_key = 'VOWONLY'") != 1 || db.Count(t, "listing_photo", "listing_key = 'VOWONLY'") != 1 {
		t.Fatal("VOW has nothing that could leak")
	}
	conn, end := publicRole(t, db)
	defer end()
	relations := db.Strings(t, `SELECT relname, '' FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')`, db.Schema)
	if len(relations) < 14 {
		t.Errorf("relations %v", relations)
	}
	for _, relation := range relations {
		allowed := relation[0] == "idx_listing" || relation[0] == "idx_photo"
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM (SELECT * FROM "+db.Table(relation[0])+" OFFSET 0) t").Scan(&n)
		if allowed && (err != nil || n == 0) {
			t.Errorf("%s: %d rows, %v", relation[0], n, err)
		}
		if !allowed && (err == nil || !strings.Contains(err.Error(), "42501")) {
			t.Errorf("%s: %d rows, %v, want it refused", relation[0], n, err)
		}
	}
	for _, query := range []string{
		"SELECT count(*) FROM idx_listing WHERE listing_key = 'VOWONLY' OR record::text LIKE '%Leakville%'",
		"SELECT count(*) FROM idx_photo p WHERE listing_key = 'VOWONLY' OR p::text LIKE '%leak.jpg%'",
	} {
		var n int
		must(t, conn.QueryRow(t.Context(), query).Scan(&n))
		if n != 0 {
			t.Errorf("%d rows of %s", n, query)
		}
	}
	// A condition that costs nothing is asked before others, wherever it may be.
	_, err := conn.Exec(t.Context(), `CREATE FUNCTION pg_temp.look(value text) RETURNS boolean LANGUAGE plpgsql STRICT IMMUTABLE COST 0.0001
		AS $$ BEGIN IF value = 'VOWONLY' OR value LIKE '%leak%' THEN RAISE EXCEPTION 'seen: %', value; END IF; RETURN true; END $$`)
	must(t, err)
	for _, query := range []string{
		"SELECT count(*) FROM idx_listing WHERE pg_temp.look(listing_key) AND pg_temp.look(city)",
		"SELECT count(*) FROM idx_photo WHERE pg_temp.look(listing_key)", "SELECT count(*) FROM idx_photo WHERE pg_temp.look(media_url)",
	} {
		var n int
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil || n == 0 {
			t.Errorf("%s: %d rows, %v", query, n, err)
		}
	}
}

// addVOWOnly adds a listing with a photo that only VOW has.
func addVOWOnly(tb testing.TB, s *setup) {
	tb.Helper()
	must(tb, s.source.Add(simulator.Property, map[string]any{
		"ListingKey": "VOWONLY", "ModificationTimestamp": "2026-07-01T00:00:01Z", "StandardStatus": "Closed", "City": "Leakville", "ListPrice": 98765432.0,
	}))
	must(tb, s.source.Add(simulator.Media, map[string]any{
		"MediaKey": "leak", "ResourceRecordKey": "VOWONLY", "ResourceName": "Property", "MediaCategory": "Photo",
		"MediaModificationTimestamp": "2026-07-01T00:00:01Z", "MediaURL": "https://media.example.com/leak.jpg",
	}))
}

// publicRole makes a role with the grants of docs/QUERIES.md, and a session that
// is the role's. end takes both away.
func publicRole(tb testing.TB, db *harness.Database) (conn *pgx.Conn, end func()) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), db.URL)
	must(tb, err)
	role := "site_" + db.Schema
	grants := strings.NewReplacer("public_site", role, "SCHEMA public", "SCHEMA "+db.Schema, "idx_", db.Schema+".idx_")
	_, err = conn.Exec(tb.Context(), grants.Replace(section(tb, "Grants").sql[0]))
	must(tb, err)
	_, err = conn.Exec(tb.Context(), "SET SESSION AUTHORIZATION "+role+"; SET search_path TO "+db.Schema)
	must(tb, err)
	return conn, func() {
		_, err := conn.Exec(tb.Context(), "RESET SESSION AUTHORIZATION; DROP OWNED BY "+role+"; DROP ROLE "+role)
		must(tb, errors.Join(err, conn.Close(tb.Context())))
	}
}

// Text that no index holds, and JSON that SQLite gives up on, cost a column, not
// the record.
func TestIndexesRefuseNoRecord(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		var noise strings.Builder
		for i := range 9000 {
			noise.WriteByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(i*i*7919+i*31)%62])
		}
		for key, rest := range map[string]string{
			"LONGCITY":   `"City":"` + noise.String() + `","StandardStatus":"` + noise.String() + `","MlsStatus":"New"`,
			"LONGNUMBER": `"ListPrice":0.` + strings.Repeat("1234567", 2000) + `,"Latitude":"0.` + strings.Repeat("7654321", 2000) + `","MlsStatus":"New"`,
			"DEEP":       `"MlsStatus":"New","X":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500),
		} {
			const at = "2026-07-01T12:00:00Z"
			must(t, s.source.AddRaw(simulator.Property, key, at, "", []byte(`{"ListingKey":"`+key+`","ModificationTimestamp":"`+at+`",`+rest+`}`)))
		}
		s.mustSync(t, "idx_property", "vow_property")
		for _, view := range []string{"idx_listing", "vow_listing"} {
			where := "listing_key IN ('LONGCITY', 'LONGNUMBER', 'DEEP') AND city IS NULL AND standard_status IS NULL AND list_price IS NULL AND latitude IS NULL"
			if n := db.Count(t, view, where); n != 3 {
				t.Errorf("%s has %d of the three", view, n)
			}
		}
	})
}
