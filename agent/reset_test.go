package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

func (s *setup) reset(tb testing.TB, streams ...string) {
	tb.Helper()
	a, err := agent.Open(tb.Context(), s.config)
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(a.Reset(tb.Context(), streams), a.Close()); err != nil {
		tb.Fatal(err)
	}
}

// A stream that was sent back is read again from the beginning: what differs is
// mended, the rest is not touched, other streams go on where they stood, and
// SyncLog's timestamps, which belong to the old position, are not taken up.
func TestReset(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		first := pass(t, s.mustSync(t), catalog.Media).Counters
		db.Exec(t, "DELETE FROM "+db.Table("media")+" WHERE media_key IN (SELECT media_key FROM "+db.Table("media")+" ORDER BY media_key LIMIT 3)")
		s.reset(t, catalog.Media)
		status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if p := status.Streams[2].Position; p != nil {
			t.Errorf("after the reset media stands at %+v", p)
		}
		s.source.ResetRequests()
		report := s.mustSync(t)
		s.compare(t)
		if n := pass(t, report, catalog.Media).Counters; n.Written != 3 || n.Seen() != first.Seen() {
			t.Errorf("the pass counts %+v, want 3 written of %d", n, first.Seen())
		}
		if n := pass(t, report, catalog.Rooms).Counters; n.Seen() != 0 {
			t.Errorf("rooms were fetched again: %+v", n)
		}
	})
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	a, err := agent.Open(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Reset(t.Context(), []string{"photos"})); !errors.Is(err, agent.ErrConfig) {
		t.Errorf("an unknown stream: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// A state file copied to a second host: while one agent is at work the other is
// refused; after its end each takes over from the other, and finds its own copy
// behind. In the end everything is there.
func TestCopiedStateFile(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Sizes["property"].Page, s.config.Sizes["property"].Batch = 10, 5
		s.mustSync(t)
		second := newSetup(t, s.source, db)
		second.config.Host = "second-host"
		copyFile(t, filepath.Join(s.config.StateDir, "state.db"), filepath.Join(second.config.StateDir, "state.db"))
		if err := os.Chmod(second.config.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}

		// Both at once.
		tried := false
		s.log.on = func(e agent.Event) {
			if _, ok := e.(agent.PassStarted); !ok || tried {
				return
			}
			tried = true
			if _, err := second.sync(t); !errors.Is(err, agent.ErrInUse) {
				t.Errorf("the second agent at the same time: %v", err)
			}
		}
		s.mustSync(t)
		s.log.on = nil
		if !tried {
			t.Fatal("the second agent was not tried")
		}

		// In turns, with new listings and photos each time.
		at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
		for round, agents := 0, []*setup{second, s, second, s}; round < len(agents); round++ {
			for i := range 30 {
				key := string(rune('A'+round)) + string(rune('a'+i))
				at = at.Add(20 * time.Minute)
				s.add(t, simulator.Property, listing(key, at))
				s.add(t, simulator.Media, map[string]any{
					"MediaKey": "photo-" + key, "ResourceRecordKey": key, "ResourceName": "Property",
					"MediaModificationTimestamp": at.Format(time.RFC3339),
				})
			}
			agents[round].mustSync(t)
			s.compare(t)
		}
	})
}
