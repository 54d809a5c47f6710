package agent_test

import (
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

// A state file that cannot be used is refused with what to do, by every command
// that reads it; a repair makes a new one that stands where the old one stood,
// and nothing is fetched again.
func TestRepair(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		path := filepath.Join(s.config.StateDir, checkpoint.FileName)
		for name, damage := range map[string]func(b []byte) []byte{
			"cut":         func(b []byte) []byte { return b[:len(b)/2] },
			"empty":       func([]byte) []byte { return nil },
			"zeros":       func(b []byte) []byte { clear(b[8192:]); return b },
			"a page lost": func(b []byte) []byte { clear(b[:4096]); return b },
			"text":        func([]byte) []byte { return []byte("a diary\n") },
		} {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.sync(t); err == nil || !strings.Contains(err.Error(), "agent repair") {
				t.Fatalf("%s: sync: %v", name, err)
			}
			if _, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now()); err == nil || !strings.Contains(err.Error(), "agent repair") {
				t.Errorf("%s: status: %v", name, err)
			}
			done, err := agent.Repair(t.Context(), s.config, nil)
			if err != nil {
				t.Fatalf("%s: repair: %v", name, err)
			}
			if done.Keys == 0 || done.Positions[catalog.Media] == "" {
				t.Errorf("%s: repaired to %+v", name, done)
			}
			if _, err := os.Stat(done.Aside); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			s.source.ResetRequests()
			report := s.mustSync(t)
			s.compare(t)
			if n := pass(t, report, catalog.Media).Counters; n.Written != 0 {
				t.Errorf("%s: %d written behind the repair", name, n.Written)
			}
		}
		if done, err := agent.Repair(t.Context(), s.config, nil); err != nil || done.Found.State != agent.StateGood || done.Aside != "" {
			t.Errorf("a good file: %+v, %v", done, err)
		}
	})
}

// A run that waited for its mirror in a damaged file comes to SyncLog all the
// same, although the destination is away during the repair.
func TestRepairKeepsWaitingRuns(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t)
	f, err := checkpoint.Open(s.config.StateDir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	waiting := checkpoint.Run{ID: "01990000-0000-7000-8000-000000000001", StartedAt: time.Now(), FinishedAt: time.Now()}
	if err := errors.Join(f.Update(func(tx *checkpoint.Tx) error { return tx.PutRun(waiting) }), f.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.config.StateDir, checkpoint.FileName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[:8192]) // both heads
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	away := s.config
	away.DatabaseURL, away.RetryFor = "postgres://nobody@127.0.0.1:1/none", 0
	done, err := agent.Repair(t.Context(), away, nil)
	if err == nil || done.Waiting == 0 {
		t.Fatalf("repair without a destination: %+v, %v", done, err)
	}
	s.mustSync(t)
	if n := s.db.Count(t, "agent_run", "run_id = '"+waiting.ID+"'"); n != 1 {
		t.Errorf("the run that waited has %d rows", n)
	}
	s.compare(t)
}

// What is neither damaged nor foreign is not repaired, but told.
func TestRepairRefuses(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	if done, err := agent.Repair(t.Context(), s.config, nil); err != nil || done.Found.State != agent.StateNone {
		t.Errorf("no file: %+v, %v", done, err)
	}
	a, err := agent.Open(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := agent.Repair(t.Context(), s.config, nil); !errors.Is(err, agent.ErrInUse) {
		t.Errorf("an agent at work: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
