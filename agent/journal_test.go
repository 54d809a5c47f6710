package agent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

func history(tb testing.TB, s *setup) []agent.RunRecord {
	tb.Helper()
	runs, err := agent.ReadHistory(tb.Context(), s.config.StateDir, 0)
	if err != nil {
		tb.Fatal(err)
	}
	return runs
}

// Runs that fail are in the history, with the reason, and never in SyncLog;
// those that end like the one before are counted, so that they do not push the
// others out.
func TestHistoryOfFailures(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.VOWProperty)
		s.fault(simulator.Property, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 401}})
		for range 3 {
			if _, err := s.sync(t, catalog.VOWProperty); err == nil {
				t.Fatal("it went through")
			}
		}
		s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.log.on = func(e agent.Event) {
			if _, ok := e.(agent.PassStarted); ok {
				cancel()
			}
		}
		if _, err := s.syncWith(t, ctx, agent.Selection{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		s.log.on = nil
		s.mustSync(t, catalog.VOWProperty)

		runs := history(t, s)
		if len(runs) != 4 {
			t.Fatalf("%d runs: %+v", len(runs), runs)
		}
		if !runs[0].Done || !runs[0].InSyncLog || !runs[3].Done || runs[3].Processed != 130 {
			t.Errorf("done: %+v, %+v", runs[0], runs[3])
		}
		if runs[1].Done || runs[1].Error != "interrupted" || runs[1].InSyncLog {
			t.Errorf("interrupted: %+v", runs[1])
		}
		if f := runs[2]; f.Done || !strings.Contains(f.Error, "401") || f.Repeats != 2 || f.Seconds != nil {
			t.Errorf("failed three times: %+v", f)
		}
		if rows := db.Count(t, "SyncLog", ""); rows != 2 {
			t.Errorf("SyncLog has %d rows of two runs that were done", rows)
		}
		last, err := agent.ReadHistory(t.Context(), s.config.StateDir, 1)
		if err != nil || len(last) != 1 || last[0].ID != runs[0].ID {
			t.Errorf("the last run: %+v, %v", last, err)
		}
	})
}

// A run that takes up a pass accounts for what it does itself, and runs that fail
// on it alike are one entry, whatever window they were in.
func TestHistoryOfAResumedPass(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, simulator.Options{Seed: 7, Properties: 150, MediaPerListing: 12}), harness.NewSQLite(t))
	s.mustSync(t, catalog.VOWProperty)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.log.on = func(e agent.Event) {
		if p, ok := e.(agent.PageStored); ok && p.Done > 300 {
			cancel()
		}
	}
	if _, err := s.syncWith(t, ctx, agent.Selection{Streams: []string{catalog.Media}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.log.on = nil
	s.fault(simulator.Media, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 401}})
	for range 5 {
		if _, err := s.sync(t, catalog.Media); err == nil {
			t.Fatal("it went through")
		}
	}
	runs := history(t, s)
	if len(runs) != 3 || runs[0].Repeats != 4 || runs[0].Processed != 0 {
		t.Fatalf("five failures that did nothing: %+v", runs)
	}
	if stored := s.db.Count(t, "media", ""); runs[1].Processed != stored || stored < 300 {
		t.Errorf("the interrupted run has %d records, the table %d", runs[1].Processed, stored)
	}
	s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
	before := s.db.Count(t, "media", "")
	s.mustSync(t, catalog.Media)
	if run, stored := history(t, s)[0], s.db.Count(t, "media", "")-before; run.Written != stored {
		t.Errorf("the last run wrote %d records, and says %d", stored, run.Written)
	}
}

// A host that kills the agent again and again does not push the last success out.
func TestHistoryOfACrashLoop(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t, catalog.VOWProperty)
	s.fault(simulator.Property, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 401}})
	for i := range 3 { // each finds what one that was killed has left
		file, err := checkpoint.Open(s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		err = file.Update(func(tx *checkpoint.Tx) error {
			return tx.PutNote("run_under_way", map[string]any{"id": fmt.Sprintf("7fffffff-%d", i), "started_at": time.Now()})
		})
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		a, err := agent.Open(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.log.on = func(e agent.Event) {
			if _, ok := e.(agent.LastSync); ok {
				cancel()
			}
		}
		_, _ = a.Sync(ctx, agent.Selection{})
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	died := 0
	for _, r := range history(t, s) {
		if strings.Contains(r.Error, "the run died") {
			died += 1 + r.Repeats
		}
	}
	st, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
	if died != 3 || err != nil || st.LastSuccessAt == nil {
		t.Errorf("%d deaths, last success %v, %v: %+v", died, st.LastSuccessAt, err, history(t, s))
	}
}

// What the destination says of itself is kept for the status.
func TestFigures(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		bad := []byte(`{"ListingKey":"BAD","ModificationTimestamp":"2026-07-01T24:00:00Z"}`)
		if err := s.source.AddRaw(simulator.Property, "BAD", "2026-07-01T00:00:00Z", "", bad); err != nil {
			t.Fatal(err)
		}
		s.mustSync(t)
		st, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		orphans := db.Int(t, "SELECT count(DISTINCT parent_key) FROM "+db.Table("agent_orphan"))
		if st.Rejects != db.Count(t, "agent_reject", "") || st.Rejects == 0 || st.OrphanParents != orphans || orphans == 0 {
			t.Errorf("%d rejects, %d orphans' parents; want %d", st.Rejects, st.OrphanParents, orphans)
		}
		least := db.Int(t, "SELECT sum(length(CAST(record AS text))) FROM "+db.Table("media")) / 8 // compressed, perhaps
		if st.DestinationBytes < least || st.DestinationBytes > 1<<30 {
			t.Errorf("the destination has %d bytes, its photos alone %d or more", st.DestinationBytes, least)
		}
	})
}
