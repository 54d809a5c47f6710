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
