package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
)

// lease gives the owner's row a lease as an agent leaves it that has just died.
func (s *setup) lease(tb testing.TB) {
	tb.Helper()
	until := "now() + interval '1 hour'"
	if !s.db.Postgres {
		until = "'" + time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000Z") + "'"
	}
	s.db.Exec(tb, "UPDATE "+s.db.Table("agent_owner")+" SET lease_until = "+until)
}

func (s *setup) refused(tb testing.TB, what string) {
	tb.Helper()
	if _, err := s.sync(tb, catalog.VOWProperty); !errors.Is(err, agent.ErrInUse) {
		tb.Errorf("%s: %v, want that it waits for the lease", what, err)
	}
}

// An agent that lost its destination while its run was about to be written to
// SyncLog writes nothing there, and leaves the other one's marks alone: what that
// one has done and not logged yet stays on its account.
func TestLoserLeavesTheMarksAlone(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		source := harness.NewSource(t, harness.Small())
		first, second := newSetup(t, source, db), newSetup(t, source, db)
		first.config.Lease = time.Minute // no renewal comes between
		first.mustSync(t, catalog.VOWProperty)
		marks := func() [][]string {
			return db.Strings(t, "SELECT stream, incarnation, state FROM "+db.Table("agent_position")+" ORDER BY stream")
		}
		var before [][]string
		first.log.on = func(e agent.Event) {
			if _, ok := e.(agent.PassFinished); !ok {
				return
			}
			// As if the lease had run out while the first agent was stalled. The second
			// one is interrupted behind its pass, before it is logged.
			db.Exec(t, "UPDATE "+db.Table("agent_owner")+" SET lease_until = NULL")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			second.log.on = func(e agent.Event) {
				if _, ok := e.(agent.PassFinished); ok {
					cancel()
				}
			}
			if _, err := second.syncWith(t, ctx, agent.Selection{Streams: []string{catalog.VOWProperty}}); !errors.Is(err, context.Canceled) {
				t.Errorf("the second agent: %v", err)
			}
			before = marks()
		}
		if _, err := first.sync(t, catalog.VOWProperty); !errors.Is(err, agent.ErrInUse) {
			t.Errorf("the first agent: %v, want that another has it", err)
		}
		after := marks()
		unlogged := false
		for i := range before {
			unlogged = unlogged || strings.Contains(before[i][2], "unlogged")
			if before[i][1] != after[i][1] || before[i][2] != after[i][2] {
				t.Errorf("the loser changed a mark: %v\nwas %v", after[i], before[i])
			}
		}
		if !unlogged {
			t.Fatal("nothing of the second agent waited to be logged")
		}
		if n := db.Count(t, "SyncLog", ""); n != 1 {
			t.Errorf("%d rows in SyncLog, want that of the first run", n)
		}
		first.log.on, second.log.on = nil, nil
		second.mustSync(t)
		second.compare(t)
	})
}

// Who finds its own state id and incarnation in the owner's row goes on at once,
// wherever it runs by now; a state file that was lost, repaired or copied waits.
func TestWhoWaitsForTheLease(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		file := filepath.Join(s.config.StateDir, checkpoint.FileName)
		s.mustSync(t, catalog.VOWProperty)
		copied := filepath.Join(t.TempDir(), "copy.db")
		copyFile(t, file, copied)
		s.mustSync(t, catalog.VOWProperty)
		s.lease(t)

		moved := newSetup(t, s.source, db)
		moved.config.Host = "another-host"
		if err := os.MkdirAll(moved.config.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file, filepath.Join(moved.config.StateDir, checkpoint.FileName)); err != nil {
			t.Fatal(err)
		}
		moved.mustSync(t, catalog.VOWProperty)
		moved.lease(t)
		copyFile(t, copied, file)
		s.refused(t, "a copy at the same place")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		s.refused(t, "a state file that was lost")

		s.db.Exec(t, "UPDATE "+db.Table("agent_owner")+" SET lease_until = NULL")
		s.mustSync(t)
		s.compare(t)
		s.lease(t)
		moved.refused(t, "the one before")
		if err := os.WriteFile(file, []byte("no state file any more"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := agent.Repair(t.Context(), s.config, nil); !errors.Is(err, agent.ErrInUse) || !strings.Contains(err.Error(), "another state file") {
			t.Errorf("a repaired state file: %v, want that it waits for the lease and why", err)
		}
	})
}

// A state file from before there were notes is known by host and directory, once.
func TestStateFileWithoutAClaim(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		forget := func() {
			f, err := checkpoint.Open(s.config.StateDir, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Update(func(tx *checkpoint.Tx) error { return tx.DeleteNote("claim") }), f.Close()); err != nil {
				t.Fatal(err)
			}
			s.lease(t)
		}
		s.mustSync(t, catalog.VOWProperty)
		forget()
		s.mustSync(t, catalog.VOWProperty)
		s.lease(t)
		s.config.Host = "renamed-host"
		s.mustSync(t, catalog.VOWProperty) // by its note
		forget()
		s.config.Host = "another-host"
		s.refused(t, "without a note, on another host")
	})
}
