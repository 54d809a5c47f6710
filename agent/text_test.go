package agent_test

import (
	"testing"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A timestamp that is in the year 10000 by UTC is stored as the last moment that
// a table of SQLite's can sort, and stops no later run that finds it there.
func TestTimestampsOutsideTheYears(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at = "9999-12-31T23:59:59-01:00"
		must(t, s.source.AddRaw(simulator.Property, "LAST", at, "", []byte(`{"ListingKey":"LAST","ModificationTimestamp":"`+at+`"}`)))
		for _, force := range []bool{false, false, true} {
			if _, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{agent.VOWProperty}, Force: force}); err != nil {
				t.Fatal(err)
			}
			if n := db.Count(t, "property", "listing_key = 'LAST' AND vow_timestamp = '9999-12-31T23:59:59.999999Z'"); n != 1 {
				t.Fatalf("%d rows of the last moment", n)
			}
		}
	})
}

// Of members that occur twice the last one counts everywhere: as key, in the typed
// columns, in the views, and in the JSON, also where it is null, is spelled with an
// escape, or stands inside another.
func TestMemberTwice(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at = "2026-07-01T12:00:00Z"
		must(t, s.source.AddRaw(simulator.Property, "TWICE", at, "", []byte(`{"ListingKey":"ONCE","ModificationTimestamp":"2026-07-01T11:00:00Z",`+
			`"City":"Ajax","ListPrice":1.0,"MlsStatus":"New","StandardStatus":null,"Y":{"a":1,"b":0,"a":{"c":1,"c":2}},"City":"Oshawa","ListPrice":null,`+
			`"StandardStatus":"Active","\u0043ity":"Whitby","ListingKey":"TWICE","ModificationTimestamp":"`+at+`"}`)))
		s.mustSync(t, agent.IDXProperty, agent.VOWProperty)
		if n := db.Count(t, "property", "listing_key = 'ONCE'"); n != 0 {
			t.Errorf("%d rows under the key that does not count", n)
		}
		for _, view := range []string{"idx_listing", "vow_listing"} {
			inside := "record #>> '{Y,a,c}' = '2' AND NOT record ? 'ListPrice' AND record ->> 'City' = 'Whitby'"
			if !db.Postgres {
				inside = "record ->> '$.Y.a.c' = 2 AND record NOT LIKE '%ListPrice%' AND record ->> '$.City' = 'Whitby' AND record NOT LIKE '%Ajax%'"
			}
			where := "listing_key = 'TWICE' AND city = 'Whitby' AND list_price IS NULL AND standard_status = 'Active' AND mls_status = 'New' AND "
			if n := db.Count(t, view, where+inside); n != 1 {
				t.Errorf("%s: %v", view, db.Strings(t, "SELECT city, coalesce(CAST(list_price AS text), 'null'), standard_status, CAST(record AS text) FROM "+
					db.Table(view)+" WHERE listing_key = 'TWICE'"))
			}
		}
	})
}
