package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// Two streams that the agent has no code for: each is a row of the catalogue, and
// data in the simulator.

// showings belong to listings, and some are cancelled.
func showings() catalog.Stream {
	return catalog.Stream{
		Name: "showing", Flag: "showing", Title: "Showings", Noun: "showings", Help: "showings", Heading: "=== SHOWING SYNC (CHILD) ===",
		Resource: "Showing", Key: "ShowingKey", Timestamp: "ShowingTimestamp", Parent: "ListingRef",
		Tombstone: record.Tombstone{Field: "ShowingStatus", Value: "Cancelled"},
		Table:     "showing", KeyColumn: "showing_key", ParentColumn: "listing_key",
		Columns: []record.Column{
			{Name: "showing_status", Field: "ShowingStatus", Kind: record.Word},
			{Name: "showing_day", Field: "Day", Kind: record.Date},
			{Name: "attended_yn", Field: "AttendedYN", Kind: record.Boolean},
			{Name: "remarks", Field: "Remarks", Kind: record.Text},
		},
		Indexes: []catalog.Index{{Name: "day", Columns: []string{"showing_day", "showing_status"}, Where: "showing_day IS NOT NULL"}},
		Feeds:   []string{catalog.VOW, catalog.IDX}, Settings: "showing", Sizes: catalog.Sizes{Page: 50, Batch: 20}, RowBytes: 400,
	}
}

// offices belong to no listing.
func offices() catalog.Stream {
	return catalog.Stream{
		Name: "office", Flag: "office", Title: "Offices", Noun: "offices", Help: "offices", Heading: "=== OFFICE SYNC ===",
		Resource: "Office", Key: "OfficeKey", Timestamp: "OfficeTimestamp", Table: "office", KeyColumn: "office_key",
		Columns: []record.Column{
			{Name: "office_name", Field: "OfficeName", Kind: record.Text},
			{Name: "fee", Field: "Fee", Kind: record.Number},
			{Name: "agents", Field: "Agents", Kind: record.Integer},
			{Name: "opened_at", Field: "Opened", Kind: record.Timestamp},
		},
		Feeds: []string{catalog.IDX}, Settings: "office", Sizes: catalog.Sizes{Page: 50, Batch: 20}, RowBytes: 300,
	}
}

func madeUp() catalog.Catalogue { return append(catalog.All(), showings(), offices()) }

// madeUpSetup is an agent that knows both streams, and a source that has them.
func madeUpSetup(tb testing.TB, db *harness.Database) *setup {
	tb.Helper()
	o := harness.Small()
	o.DeletedShare = 0.03
	o.Extra = []simulator.Extra{
		{
			Name: "Showing", Key: "ShowingKey", Parent: "ListingRef", Timestamp: "ShowingTimestamp",
			Tombstone: "ShowingStatus", Gone: "Cancelled", PerListing: 5,
			Fields: []simulator.ExtraField{
				{Name: "Day", Type: simulator.TypeDate}, {Name: "AttendedYN", Type: simulator.TypeBoolean}, {Name: "Remarks", Type: simulator.TypeText},
			},
		},
		{
			Name: "Office", Key: "OfficeKey", Timestamp: "OfficeTimestamp", Rows: 470,
			Fields: []simulator.ExtraField{
				{Name: "OfficeName", Type: simulator.TypeText},
				{Name: "Fee", Type: simulator.TypeNumber},
				{Name: "Agents", Type: simulator.TypeInteger},
				{Name: "Opened", Type: simulator.TypeTime},
			},
		},
	}
	s := newSetup(tb, harness.NewSource(tb, o), db)
	s.config.SetCatalogue(madeUp())
	return s
}

// compareAll compares every stream's rows with the source.
func (s *setup) compareAll(tb testing.TB) {
	tb.Helper()
	harness.Compare(tb, s.source, s.db, harness.AllFeeds(),
		harness.Copy{
			Table: "showing", Parent: "listing_key", Key: "showing_key", Columns: showings().Columns,
			Feed: simulator.VOW, Resource: "Showing", Tombstone: "ShowingStatus=Cancelled",
		},
		harness.Copy{Table: "office", Key: "office_key", Columns: offices().Columns, Feed: simulator.IDX, Resource: "Office"})
}

// lookWith is the status of an agent, which knows the streams, by stream.
func (s *setup) lookWith(tb testing.TB) map[string]agent.StreamStatus {
	tb.Helper()
	a, err := agent.Open(tb.Context(), s.config)
	if err != nil {
		tb.Fatal(err)
	}
	status, err := a.Status()
	if err := errors.Join(err, a.Close()); err != nil {
		tb.Fatal(err)
	}
	all := make(map[string]agent.StreamStatus)
	for _, stream := range status.Streams {
		all[stream.Name] = stream
	}
	return all
}

// rows are rows of a resource in the VOW feed that satisfy a condition.
func (s *setup) rows(tb testing.TB, resource string, most int, wanted func(simulator.Row, map[string]any) bool) (rows []simulator.Row) {
	tb.Helper()
	must(tb, s.source.Each(simulator.VOW, resource, func(r simulator.Row) error {
		var fields map[string]any
		if err := json.Unmarshal(r.JSON, &fields); err != nil {
			return err
		}
		if len(rows) < most && wanted(r, fields) {
			rows = append(rows, r)
		}
		return nil
	}))
	if len(rows) < most {
		tb.Fatalf("the source has %d such rows of %s, want %d", len(rows), resource, most)
	}
	return rows
}

func anyRow(simulator.Row, map[string]any) bool { return true }

// A stream is one row of the catalogue: it is read and kept up to date like those
// of today.
func TestMadeUpStreams(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		report := s.mustSync(t)
		s.compareAll(t)
		for _, name := range []string{"showing", "office"} {
			if n := pass(t, report, name).Counters; n.Written == 0 || n.Failed != 0 {
				t.Errorf("the first pass of %s counts %+v", name, n)
			}
		}
		if again := s.mustSync(t); again.Totals.Processed() != 0 {
			t.Errorf("a run with nothing new processed %+v", again.Totals)
		}

		// Changes, new records, and showings that are cancelled.
		at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		living := func(_ simulator.Row, fields map[string]any) bool { return fields["ShowingStatus"] == "Active" }
		touched := s.rows(t, "Showing", 40, living)
		for i, r := range touched {
			change := map[string]any{"Remarks": fmt.Sprint("changed ", i), "AttendedYN": i%2 == 0}
			if i%4 == 3 {
				change = map[string]any{"ShowingStatus": "Cancelled"}
			}
			must(t, s.source.Touch("Showing", r.Key, at.Add(time.Duration(i)*time.Second), change))
		}
		for i, r := range s.rows(t, "Office", 40, anyRow) {
			must(t, s.source.Touch("Office", r.Key, at.Add(time.Duration(i)*time.Second), map[string]any{"Agents": i, "Fee": json.Number("2.0E7")}))
		}
		parent := s.rows(t, simulator.Property, 1, anyRow)[0].Key
		s.add(t, "Showing", map[string]any{"ShowingKey": "NEW", "ListingRef": parent, "ShowingTimestamp": at.Format(time.RFC3339), "Day": "2026-07-02"})
		s.add(t, "Office", map[string]any{"OfficeKey": "NEW", "OfficeTimestamp": at.Format(time.RFC3339), "OfficeName": "New & Old"})
		before := db.Count(t, "showing", "")
		report = s.mustSync(t)
		s.compareAll(t)
		if n := db.Count(t, "showing", ""); n > before || n < before-9 {
			t.Errorf("%d showings, before some were cancelled %d", n, before)
		}
		if n := pass(t, report, "office").Counters.Written; n != 41 {
			t.Errorf("%d offices were written, want 41", n)
		}

		// Rows that differ without the source's knowledge are mended by a forced sync.
		for _, table := range []string{"showing", "office"} {
			db.Exec(t, "UPDATE "+db.Table(table)+" SET record = '{}', record_hash = 1 WHERE "+table+"_key IN (SELECT "+table+"_key FROM "+db.Table(table)+" LIMIT 7)")
		}
		report, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{"showing", "office"}, Force: true})
		must(t, err)
		s.compareAll(t)
		if n := pass(t, report, "office").Counters.Written; n != 7 {
			t.Errorf("the forced pass wrote %d offices, want 7", n)
		}
	})
}

// What the agent tells of its streams has them too. SyncLog has no columns for them:
// their positions stand in agent_run alone.
func TestMadeUpStreamsAreTold(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		report := s.mustSync(t)
		status := s.lookWith(t)
		for name, all := range map[string]int{"showing": s.source.Count(simulator.VOW, "Showing"), "office": s.source.Count(simulator.IDX, "Office")} {
			st := status[name]
			if want := db.Count(t, name, ""); st.Rows == nil || *st.Rows != want || st.Rejects != 0 {
				t.Errorf("%s: %+v; there are %d rows", name, st, want)
			}
			if st.SourceCount == nil || *st.SourceCount != int64(all) || st.Gap != nil {
				t.Errorf("%s: the source's count is %v, want %d; gap %v", name, st.SourceCount, all, st.Gap)
			}
			if st.Position == nil || st.NewestRecordAt == nil || st.LastFinishedAt == nil || st.Processed == 0 {
				t.Errorf("%s: %+v", name, st)
			}
		}
		if want := db.Count(t, "agent_orphan", "stream = 'showing'"); want == 0 || status["showing"].OrphanParents != want {
			t.Errorf("%d orphans' parents of showings, want %d", status["showing"].OrphanParents, want)
		}

		var positions map[string]time.Time
		must(t, json.Unmarshal([]byte(db.Strings(t, "SELECT CAST(positions AS text) FROM "+db.Table("agent_run"))[0][0]), &positions))
		want := madeUp().Names()
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(positions))); diff != "" {
			t.Errorf("streams in agent_run (-want +got):\n%s", diff)
		}
		if at := status["office"].NewestRecordAt; at == nil || !positions["office"].Equal(*at) {
			t.Errorf("agent_run has offices at %s, the status at %v", positions["office"], at)
		}
		if n := db.Count(t, "SyncLog", fmt.Sprintf("total_successful = %d", report.Totals.Successful())); n != 1 {
			t.Errorf("%d rows of SyncLog account for the run, want 1", n)
		}
		names, _ := columns(t, db, "SyncLog")
		if i := slices.IndexFunc(names, func(c string) bool { return strings.Contains(c, "showing") || strings.Contains(c, "office") }); i >= 0 {
			t.Errorf("SyncLog has got the column %s", names[i])
		}
	})
}

// The examination asks for them too.
func TestMadeUpStreamsAreExamined(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.mustSync(t)
		findings, err := agent.Examine(t.Context(), s.config, agent.Examination{})
		must(t, err)
		var found []string
		for _, f := range findings {
			if found = append(found, f.Name); f.State == agent.FindingFailure || f.State == agent.FindingWarning {
				t.Errorf("%+v", f)
			}
		}
		for _, name := range []string{"showing.page", "showing.keyset", "office.order"} {
			if !slices.Contains(found, name) {
				t.Errorf("%s was not looked at", name)
			}
		}
	})
}

// Listings that appear bring the children that were passed by.
func TestMadeUpOrphansComeHome(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		s.mustSync(t)
		known := make(map[string]bool)
		must(t, s.source.Each(simulator.VOW, simulator.Property, func(r simulator.Row) error {
			known[r.Key] = true
			return nil
		}))
		// Of old, and one that comes with a listing of its own.
		orphan := s.rows(t, "Showing", 1, func(r simulator.Row, f map[string]any) bool {
			return !known[r.Parent] && f["ShowingStatus"] == "Active"
		})[0]
		at := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)
		s.add(t, "Showing", map[string]any{"ShowingKey": "LATE", "ListingRef": "LATE", "ShowingTimestamp": at.Format(time.RFC3339)})
		s.mustSync(t)
		waiting := "stream = 'showing' AND parent_key IN ('LATE', '" + orphan.Parent + "')"
		if n := db.Count(t, "agent_orphan", waiting); n != 2 {
			t.Fatalf("%d of the two listings are waited for", n)
		}
		for _, key := range []string{"LATE", orphan.Parent} {
			s.add(t, simulator.Property, listing(key, at.Add(24*time.Hour)))
		}
		s.mustSync(t)
		s.compareAll(t)
		if n := db.Count(t, "agent_orphan", waiting); n != 0 {
			t.Errorf("%d of the two are waited for still", n)
		}
		if n := db.Count(t, "showing", "showing_key IN ('LATE', '"+orphan.Key+"')"); n != 2 {
			t.Errorf("%d of their showings have come", n)
		}
	})
}

// A pass that stops in the midst of its windows goes on in each of them.
func TestMadeUpStreamsGoOn(t *testing.T) {
	t.Parallel()
	for _, stream := range []catalog.Stream{showings(), offices()} {
		t.Run(stream.Name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := madeUpSetup(t, db)
				s.config.Parallel = 4
				s.mustSync(t, "idx_property", "vow_property")
				s.fault(stream.Resource, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 400}, After: 8})
				if _, err := s.sync(t, stream.Name); err == nil || !strings.Contains(err.Error(), stream.Name+", window ") {
					t.Fatalf("error %v, want one of a window", err)
				}
				st := s.lookWith(t)[stream.Name]
				if st.Pass == nil || len(st.Pass.Windows) == 0 || st.Done() == 0 {
					t.Fatalf("nothing was kept: %+v", st)
				}
				s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
				s.source.ResetRequests()
				s.mustSync(t, stream.Name)
				total := int64(s.source.Count(simulator.VOW, stream.Resource))
				if fetched := int64(s.source.Counters().Rows); fetched > total-st.Done()+1 {
					t.Errorf("%d records were fetched again", fetched-(total-st.Done()))
				}
				s.mustSync(t)
				s.compareAll(t)
			})
		})
	}
}

// A stream that was sent back is read again from its beginning, and no other.
func TestMadeUpStreamsAreReset(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := madeUpSetup(t, db)
		first := s.mustSync(t)
		for _, table := range []string{"showing", "office"} {
			db.Exec(t, "DELETE FROM "+db.Table(table)+" WHERE "+table+"_key IN (SELECT "+table+"_key FROM "+db.Table(table)+" ORDER BY 1 LIMIT 3)")
		}
		s.reset(t, "showing", "office")
		for _, name := range []string{"showing", "office"} {
			if p := s.lookWith(t)[name].Position; p != nil {
				t.Errorf("after the reset %s stands at %+v", name, p)
			}
		}
		report := s.mustSync(t)
		s.compareAll(t)
		for _, name := range []string{"showing", "office"} {
			if n := pass(t, report, name).Counters; n.Written != 3 || n.Seen() != pass(t, first, name).Counters.Seen() {
				t.Errorf("the pass of %s counts %+v, want 3 written", name, n)
			}
		}
		if n := pass(t, report, "media").Counters; n.Seen() != 0 {
			t.Errorf("media was fetched again: %+v", n)
		}
	})
}
