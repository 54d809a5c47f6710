package agent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// earlier is the catalogue before showings got two of their columns, and an index.
func earlier() catalog.Catalogue {
	all := madeUp()
	s := all.Find("showing")
	s.Columns = slices.DeleteFunc(slices.Clone(s.Columns), func(c record.Column) bool { return c.Name == "attended_yn" || c.Name == "showing_day" })
	s.Indexes = nil
	return all
}

// A typed column that is added to a row of the catalogue has its value in the rows
// that were there before, and nothing is fetched for it.
func TestNewColumnsAreFilled(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.config.SetCatalogue(earlier())
		s.mustSync(t)
		if names, _ := columns(t, db, "showing"); slices.Contains(names, "attended_yn") {
			t.Fatalf("the table has %v already", names)
		}
		s.config.SetCatalogue(madeUp())
		s.source.ResetRequests()
		s.mustSync(t, "idx_property", "office")
		s.compareAll(t)
		if n := s.source.Pages("Showing"); n != 0 {
			t.Errorf("%d pages of showings were asked for", n)
		}
		if n := db.Count(t, "showing", "attended_yn IS NOT NULL AND showing_day IS NOT NULL"); n < 100 {
			t.Errorf("%d showings have both values", n)
		}
		indexes := "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = 'agent_showing_day'"
		if db.Postgres {
			indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = '" + db.Schema + "' AND indexname = 'agent_showing_day'"
		}
		if n := db.Int(t, indexes); n != 1 {
			t.Error("the new index is not there")
		}
		again := s.mustSync(t)
		if n := pass(t, again, "showing").Counters; n.Processed() != 0 {
			t.Errorf("the next pass counts %+v", n)
		}
	})
}

// A column whose type is another one is read again in every row.
func TestColumnsOfAnotherType(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.mustSync(t)
		altered := madeUp()
		office := altered.Find("office")
		for i, kind := range map[int]record.Kind{1: record.Text, 2: record.Number, 3: record.Date} {
			office.Columns[i].Kind = kind
		}
		s.config.SetCatalogue(altered)
		s.source.ResetRequests()
		s.mustSync(t, "idx_property")
		if n := s.source.Pages("Office"); n != 0 {
			t.Errorf("%d pages of offices were asked for", n)
		}
		if n := harness.Typed(t, db, office.Shape()); n < 400 {
			t.Errorf("%d offices", n)
		}
	})
}

// An agent of before, which does not know a column, may have been at work in
// between: what it changed has the right value once it is known again.
func TestColumnsBehindAnEarlierAgent(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.mustSync(t)
		s.config.SetCatalogue(earlier())
		at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		for i, r := range s.rows(t, "Showing", 60, func(_ simulator.Row, f map[string]any) bool { return f["ShowingStatus"] == "Active" }) {
			must(t, s.source.Touch("Showing", r.Key, at, map[string]any{"AttendedYN": i%3 == 0, "Day": "2026-07-15"}))
		}
		s.mustSync(t)
		s.config.SetCatalogue(madeUp())
		s.mustSync(t)
		s.compareAll(t)
	})
}

// swell gives the table of showings 6,000 rows that no source has, of 2 KB each.
func swell(tb testing.TB, db *harness.Database) (rows int64) {
	tb.Helper()
	const into = "INSERT INTO %s (listing_key, showing_key, record_timestamp, record_hash, record) "
	query := "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 6000) " + into +
		`SELECT 'FILL' || printf('%%05d', n), 'K' || n, '2024-01-01T00:00:00.000000Z', n,
			json_object('AttendedYN', json(CASE n %% 2 WHEN 0 THEN 'true' ELSE 'false' END), 'Day', '2024-01-02', 'Pad', hex(randomblob(1000))) FROM c`
	if db.Postgres {
		query = into + `SELECT 'FILL' || lpad(n::text, 5, '0'), 'K' || n, '2024-01-01', n,
			jsonb_build_object('AttendedYN', n %% 2 = 0, 'Day', '2024-01-02', 'Pad', repeat(md5(n::text), 62)) FROM generate_series(1, 6000) n`
	}
	db.Exec(tb, fmt.Sprintf(query, db.Table("showing")))
	return 6000
}

// Columns are filled while a sync goes on, and the stream itself changes; an agent
// that ends in between goes on where it was.
func TestFillingGoesOn(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.config.SetCatalogue(earlier())
		s.mustSync(t)
		all := swell(t, db)
		s.config.SetCatalogue(madeUp())

		// It ends behind the first batch.
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.log.on = func(e agent.Event) {
			if n, ok := e.(agent.Notice); ok && strings.Contains(n.Text, "has new columns") {
				cancel()
			}
		}
		if _, err := s.syncWith(t, ctx, agent.Selection{Streams: []string{"vow_property"}}); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v, want that the run was told to end", err)
		}
		s.log.on = nil
		const filled = "listing_key LIKE 'FILL%' AND attended_yn IS NOT NULL"
		done := db.Count(t, "showing", filled)
		if done == 0 || done > all/2 {
			t.Fatalf("%d of %d rows are filled behind the first batch", done, all)
		}
		// A value that a fill from the beginning would mend.
		first := db.Strings(t, "SELECT listing_key, '' FROM "+db.Table("showing")+" WHERE "+filled+" ORDER BY listing_key LIMIT 1")[0][0]
		spoil := "UPDATE " + db.Table("showing") + " SET attended_yn = NOT attended_yn WHERE listing_key = '" + first + "'"
		db.Exec(t, spoil)

		// The rest waits until streams have been read.
		at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		living := func(_ simulator.Row, f map[string]any) bool { return f["ShowingStatus"] == "Active" }
		for i, r := range s.rows(t, "Showing", 60, living) {
			change := map[string]any{"AttendedYN": i%3 == 0, "Day": "2026-07-15"}
			if i%4 == 3 {
				change = map[string]any{"ShowingStatus": "Cancelled"}
			}
			must(t, s.source.Touch("Showing", r.Key, at.Add(time.Duration(i)*time.Second), change))
		}
		read := make(chan struct{})
		s.config.Observe = func(e agent.Event) {
			s.log.observe(e)
			switch e := e.(type) {
			case agent.PassFinished:
				if e.Stream == "showing" {
					close(read)
				}
			case agent.Notice:
				if strings.Contains(e.Text, "has new columns") {
					select {
					case <-read:
					case <-time.After(time.Minute):
						t.Error("no stream is read while columns are filled")
					}
				}
			}
		}
		s.mustSync(t)
		if n := db.Count(t, "showing", filled); n != all {
			t.Errorf("%d of %d rows are filled", n, all)
		}
		db.Exec(t, spoil)
		stream := showings()
		harness.Typed(t, db, stream.Shape()) // the value that was spoilt would be told if it had been mended
		db.Exec(t, "DELETE FROM "+db.Table("showing")+" WHERE listing_key LIKE 'FILL%'")
		s.compareAll(t)
	})
}

// Where columns cannot be filled the run is not done: it has no row in SyncLog, and
// the next one accounts for what it stored.
func TestFillingThatFails(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.config.SetCatalogue(earlier())
		s.mustSync(t)
		s.config.SetCatalogue(madeUp())
		s.arrive(t, "NEW", 3)
		lift := refuseUpdates(t, db, "showing")
		before := db.Count(t, "SyncLog", "")
		_, err := s.sync(t, "vow_property")
		if err == nil || strings.Count(err.Error(), "not now") != 1 {
			t.Fatalf("error %v, want the trigger's, once", err)
		}
		if n := db.Count(t, "SyncLog", ""); n != before {
			t.Errorf("%d rows of SyncLog, want %d", n, before)
		}
		lift()
		s.mustSync(t, "office")
		if n := db.Count(t, "SyncLog", "total_processed = 3"); n != 1 {
			t.Errorf("SyncLog does not account for the run that failed: %v", db.Strings(t, "SELECT CAST(total_processed AS text), '' FROM "+db.Table("SyncLog")))
		}
		runs, err := agent.ReadHistory(t.Context(), s.config.StateDir, 0)
		if err != nil || len(runs) != 3 || !runs[0].InSyncLog || runs[1].Done || runs[1].Processed != 3 {
			t.Errorf("the journal has %+v, error %v", runs, err)
		}
	})
}

// refuseUpdates has a trigger refuse every change of a table's rows.
func refuseUpdates(tb testing.TB, db *harness.Database, table string) (lift func()) {
	tb.Helper()
	if !db.Postgres {
		db.Exec(tb, "CREATE TRIGGER refusing BEFORE UPDATE ON "+table+" BEGIN SELECT RAISE(ABORT, 'not now'); END")
		return func() { db.Exec(tb, "DROP TRIGGER refusing") }
	}
	db.Exec(tb, "CREATE FUNCTION "+db.Table("refusing")+"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$")
	db.Exec(tb, "CREATE TRIGGER refusing BEFORE UPDATE ON "+db.Table(table)+" FOR EACH ROW EXECUTE FUNCTION "+db.Table("refusing")+"()")
	return func() { db.Exec(tb, "DROP TRIGGER refusing ON "+db.Table(table)) }
}
