package agent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// Rows appear with timestamps older than the position. Within the lookback they
// arrive; what is there already is neither touched nor counted again.
func TestLateRowsArrive(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		before := s.position(t, catalog.VOWProperty)
		at, err := time.Parse(time.RFC3339, before.Timestamp)
		if err != nil {
			t.Fatal(err)
		}
		s.add(t, simulator.Property, listing("LATE-1", at.Add(-9*time.Minute)))
		s.add(t, simulator.Property, listing("LATE-2", at))
		report := s.mustSync(t)
		s.compare(t)
		if n := pass(t, report, catalog.VOWProperty).Counters; n.Written != 2 || n.Processed() != 2 {
			t.Errorf("two rows came late, the pass counts %+v", n)
		}
		if after := s.position(t, catalog.VOWProperty); after.Timestamp != before.Timestamp {
			t.Errorf("the position moved from %+v to %+v", before, after)
		}
		if n := s.mustSync(t).Totals; n.Seen() != 0 {
			t.Errorf("a run with nothing new counts %+v", n)
		}
		s.add(t, simulator.Property, listing("LATE-3", at.Add(-11*time.Minute)))
		if n := s.mustSync(t).Totals; n.Seen() != 0 {
			t.Errorf("a row from behind the lookback: %+v", n)
		}
		s.config.Lookback = 0
		s.add(t, simulator.Property, listing("LATE-4", at.Add(-time.Minute)))
		if n := s.mustSync(t).Totals; n.Seen() != 0 {
			t.Errorf("without lookback: %+v", n)
		}
	})
}

func listing(key string, at time.Time) map[string]any {
	return map[string]any{"ListingKey": key, "ModificationTimestamp": at.UTC().Format(time.RFC3339)}
}

// Rejects, deletes and orphans in the span that is read again count once.
func TestLookbackCountsOnce(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		at := time.Date(2026, 7, 3, 0, 0, 0, 0, time.UTC)
		key := db.Strings(t, "SELECT listing_key, '' FROM "+db.Table("vow_property")+" ORDER BY listing_key LIMIT 1")[0][0]
		photo := func(name, parent, status string, minute int) map[string]any {
			return map[string]any{
				"MediaKey": name, "ResourceRecordKey": parent, "ResourceName": "Property", "MediaStatus": status,
				"MediaModificationTimestamp": at.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339),
			}
		}
		s.add(t, simulator.Media, photo("GONE", key, "Deleted", 0))
		s.add(t, simulator.Media, photo("ALONE", "NOBODY", "Active", 1))
		s.add(t, simulator.Media, photo("BAD\u0000", key, "Active", 2))
		s.add(t, simulator.Media, photo("GOOD", key, "Active", 3))
		n := pass(t, s.mustSync(t), catalog.Media).Counters
		if n.Deleted != 1 || n.Skipped != 1 || n.Failed != 1 || n.Written != 1 {
			t.Errorf("the first time: %+v", n)
		}
		if n := pass(t, s.mustSync(t), catalog.Media).Counters; n.Seen() != 0 {
			t.Errorf("read again: %+v", n)
		}
		if n := db.Count(t, "agent_reject", ""); n != 1 {
			t.Errorf("%d rejects, want 1", n)
		}
	})
}

// Runs that die again and again in the span that is read again get on all the
// same, and nothing moves back.
func TestLookbackInACrashLoop(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Lookback = 10 * 365 * 24 * time.Hour // all of it
		s.config.Sizes["property"].Page, s.config.Sizes["property"].Batch = 10, 5
		s.mustSync(t, catalog.VOWProperty)
		before := s.position(t, catalog.VOWProperty)
		s.slow(300 * time.Millisecond)
		last := time.Time{}
		for range 2 {
			ctx, cancel := s.stopAfter(t, catalog.VOWProperty, 1)
			if _, err := s.syncWith(t, ctx, agent.Selection{Streams: []string{catalog.VOWProperty}}); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v, want the interruption", err)
			}
			cancel()
			s.log.on = nil
			if p := s.position(t, catalog.VOWProperty); p != before {
				t.Fatalf("the position moved from %+v to %+v", before, p)
			}
			requests := s.source.Requests()
			asked := requests[len(requests)-1].Time
			if !asked.After(last) {
				t.Error("no progress")
			}
			last = asked
		}
		resumed := of[agent.PassStarted](s.log)
		if e := resumed[len(resumed)-1]; !e.Resumed {
			t.Errorf("the last run began anew: %+v", e)
		}
		s.slow(0)
		s.mustSync(t)
		s.compare(t)
	})
}

func (s *setup) position(tb testing.TB, stream string) agent.PositionStatus {
	tb.Helper()
	status, err := agent.ReadStatus(tb.Context(), s.config.StateDir, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	for _, st := range status.Streams {
		if st.Name == stream && st.Position != nil {
			p := *st.Position
			p.Sequence = 0
			return p
		}
	}
	tb.Fatalf("no position of %s", stream)
	return agent.PositionStatus{}
}
