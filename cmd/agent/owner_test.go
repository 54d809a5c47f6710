package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// twin starts an agent on a host that has the same name as another.
func twin(tb testing.TB, args ...string) *command {
	tb.Helper()
	c := prepared(tb, args...)
	c.Env = append(c.Env, asHost+"=twin")
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// Two machines with one host name and one path, whose second state file is one of
// its own or a copy of the first's: the second waits as long as the first is
// there, takes over when it has died, and is not robbed when it comes back.
func TestSameNameAndPath(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		for _, kind := range []string{"a state file of its own", "a copy"} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				own := harness.NewSQLite
				if db.Postgres {
					own = harness.NewPostgres
				}
				testTwins(t, newSetup(t, harness.Small(), own(t)), kind == "a copy")
			})
		}
	})
}

func testTwins(t *testing.T, s *setup, copied bool) {
	t.Helper()
	const refusal = "another agent owns this destination"
	if c := twin(t, s.args()...); c.wait(t) != 0 {
		t.Fatal(c.output())
	}
	other := s.dir + "-other" // the second machine's directory, while the first has its own at the path
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if copied {
		state, err := os.ReadFile(filepath.Join(s.dir, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, "state.db"), state, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := s.runArgs("--every", "1s", "--lease", "8s")
	first := twin(t, args...)
	first.until(t, "Next sync at")
	// The directories change places below the first, which has its files open.
	here := *s
	here.dir = s.dir + "-first"
	if err := errors.Join(os.Rename(s.dir, here.dir), os.Rename(other, s.dir)); err != nil {
		t.Fatal(err)
	}
	n := s.db.Count(t, "agent_run", "")
	second := twin(t, args...)
	until(t, func() bool { return strings.Count(second.output(), refusal) >= 2 }, "not refused twice")
	s.finishes(t, n+3)
	if strings.Contains(first.output(), "in use by another agent") || strings.Contains(second.output(), "SYNC COMPLETED") {
		t.Fatalf("both wrote:\n%s\n%s", first.output(), second.output())
	}
	once := twin(t, s.args()...) // which has the second one's directory, and cannot have it
	if code := once.wait(t); code != exitInUse {
		t.Errorf("exit %d", code)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.wait(t)
	s.add(t, simulator.Property, map[string]any{"ListingKey": "NEWS", "ModificationTimestamp": "2026-07-02T00:00:00Z"})
	second.until(t, "SYNC COMPLETED")
	again := twin(t, here.args()...)
	if code := again.wait(t); code != exitInUse || !strings.Contains(again.output(), refusal) {
		t.Errorf("the first one, back again: exit %d:\n%s", code, again.output())
	}
	n = s.db.Count(t, "agent_run", "")
	s.finishes(t, n+2)
	second.signal(t, syscall.SIGTERM)
	if code := second.wait(t); code != exitDone || strings.Count(second.output(), "has taken over") > 0 {
		t.Errorf("exit %d:\n%s", code, second.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
	// Given back: now the first may.
	if c := twin(t, here.args()...); c.wait(t) != exitDone {
		t.Errorf("the first one, when the second has ended:\n%s", c.output())
	}
}

// An agent that loses its destination in the middle of a run stops at its next
// commit with code 4.
func TestLoserStops(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.Small(), db)
		if c := twin(t, append([]string{"migrate"}, s.args()[1:]...)...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
		s.source.Set(func(f *simulator.Faults) { f.Latency = 100 * time.Millisecond })
		first := twin(t, s.args("--lease", "10m")...) // no renewal comes between
		first.until(t, "Progress:")
		s.db.Exec(t, "UPDATE "+s.db.Table("agent_owner")+" SET lease_until = NULL")
		other := *s
		other.dir += "-other"
		if c := twin(t, append([]string{"reset", "--yes", "--all"}, other.args()[1:]...)...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
		if code := first.wait(t); code != exitInUse {
			t.Errorf("exit %d:\n%s", code, first.output())
		}
		s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
		if c := twin(t, other.args()...); c.wait(t) != exitDone {
			t.Errorf("the second:\n%s", c.output())
		}
		harness.Compare(t, s.source, s.db, harness.AllFeeds())
	})
}

// Tables that an agent is at work on are changed by nobody else: what the database
// lacks is made once its lease has ended, and an agent or 'agent migrate' that would
// make it before that leaves with code 4.
func TestTablesOfAnOwnerAreLeftAlone(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.Small(), db)
		if c := start(t, s.args()...); c.wait(t) != exitDone {
			t.Fatal(c.output())
		}
		db.Exec(t, "DROP VIEW "+db.Table("idx_photo"))
		until := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000Z")
		db.Exec(t, "UPDATE "+db.Table("agent_owner")+" SET host = 'other-host', state_id = 'other', lease_until = '"+until+"'")
		for _, command := range []string{"migrate", "sync"} {
			c := start(t, append([]string{command}, s.args()[1:]...)...)
			if code := c.wait(t); code != exitInUse || !strings.Contains(c.output(), "other-host") {
				t.Errorf("agent %s: exit %d:\n%s", command, code, c.output())
			}
		}
		db.Exec(t, "UPDATE "+db.Table("agent_owner")+" SET lease_until = NULL")
		if c := start(t, append([]string{"migrate"}, s.args()[1:]...)...); c.wait(t) != exitDone {
			t.Errorf("once the lease has ended:\n%s", c.output())
		}
		if db.Count(t, "idx_photo", "") == 0 {
			t.Error("the view is not there again")
		}
	})
}
