package agent_test

import (
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// look is the status without an agent, by stream.
func look(tb testing.TB, s *setup) map[string]agent.StreamStatus {
	tb.Helper()
	st, err := agent.ReadStatus(tb.Context(), s.config.StateDir, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	all := make(map[string]agent.StreamStatus)
	for _, stream := range st.Streams {
		all[stream.Name] = stream
	}
	return all
}

// The status has what there is of each stream, here and at the source, without asking
// either; and while nothing is under way what the last pass did that brought anything.
func TestStatusHasWhatThereIs(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		bad := []byte(`{"ListingKey":"BAD","ModificationTimestamp":"2026-07-01T24:00:00Z"}`)
		if err := s.source.AddRaw(simulator.Property, "BAD", "2026-07-01T00:00:00Z", "", bad); err != nil {
			t.Fatal(err)
		}
		s.mustSync(t)
		first := look(t, s)
		s.mustSync(t) // which brings nothing
		second := look(t, s)
		for name, table := range map[string]string{
			catalog.VOWProperty: "vow_property", catalog.IDXProperty: "idx_property",
			catalog.Media: "media", catalog.Rooms: "propertyrooms", catalog.OpenHouse: "openhouse",
		} {
			want := db.Int(t, "SELECT count(*) FROM "+db.Table(table))
			rejects := db.Count(t, "agent_reject", "stream = '"+name+"'")
			orphans := db.Count(t, "agent_orphan", "stream = '"+name+"'")
			for _, st := range []agent.StreamStatus{first[name], second[name]} {
				if st.Rows == nil || *st.Rows != want || st.RowsEstimated || st.RowsAt == nil || st.Rejects != rejects || st.OrphanParents != orphans {
					t.Errorf("%s: %+v; there are %d rows, %d rejects, %d orphans' parents", name, st, want, rejects, orphans)
				}
				if st.SourceCount == nil || st.SourceCountAt == nil || *st.SourceCount < want {
					t.Errorf("%s: the source's count: %v", name, st.SourceCount)
				}
			}
			a, b := first[name], second[name]
			if b.Processed == 0 || a.Processed != b.Processed || a.Skipped != b.Skipped || b.CountedAt == nil || !b.CountedAt.Before(*b.LastFinishedAt) {
				t.Errorf("%s: the counters are %+v, before a run that brought nothing %+v", name, b, a)
			}
		}
		if first[catalog.VOWProperty].Rejects+first[catalog.IDXProperty].Rejects == 0 || first[catalog.Media].OrphanParents == 0 {
			t.Error("the feed has no rejects and orphans to show")
		}
	})
}

// What a large table has is not counted again and again, but estimated, and said to be.
func TestLargeTablesAreEstimated(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.mustSync(t)
	db.Exec(t, `INSERT INTO `+db.Table("media")+` (resource_record_key, media_key, record_timestamp, record_hash, record)
		SELECT 'X', 'X' || n, now(), n, jsonb_build_object('x', repeat(md5(n::text), 40)) FROM generate_series(1, 60000) n`)
	db.Exec(t, `ANALYZE `+db.Table("media"))
	s.mustSync(t)
	want, st := db.Count(t, "media", ""), look(t, s)[catalog.Media]
	if st.Rows == nil || !st.RowsEstimated || *st.Rows < want*9/10 || *st.Rows > want*11/10 {
		t.Errorf("%v rows of %d, estimated %t", st.Rows, want, st.RowsEstimated)
	}
}

// The source's count of all is asked for once a day, not in each run.
func TestSourceIsCountedOnceADay(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	now := time.Now()
	s.config.Now = func() time.Time { return now }
	s.mustSync(t)
	before := *look(t, s)[catalog.VOWProperty].SourceCount
	if err := s.source.AddRaw(simulator.Property, "NEWS", "2026-07-02T00:00:00Z", "", []byte(`{"ListingKey":"NEWS","ModificationTimestamp":"2026-07-02T00:00:00Z"}`)); err != nil {
		t.Fatal(err)
	}
	s.mustSync(t)
	if st := look(t, s)[catalog.VOWProperty]; *st.SourceCount != before {
		t.Errorf("counted again within the day: %d, then %d", before, *st.SourceCount)
	}
	now = now.Add(25 * time.Hour)
	s.mustSync(t)
	if st := look(t, s)[catalog.VOWProperty]; *st.SourceCount != before+1 || !st.SourceCountAt.Equal(now.UTC()) {
		t.Errorf("a day later: %d, then %d, as of %v", before, *st.SourceCount, st.SourceCountAt)
	}
}
