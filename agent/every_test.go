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

// The lease is given back also when the signal comes while a run is about to
// claim the destination.
func TestEveryGivesTheLeaseBack(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		runs := 0
		s.log.on = func(e agent.Event) {
			if _, ok := e.(agent.RunStarted); ok {
				if runs++; runs == 2 {
					cancel()
				}
			}
		}
		a, err := agent.Open(ctx, s.config)
		if err != nil {
			t.Fatal(err)
		}
		selection := agent.Selection{Streams: []string{catalog.VOWProperty}}
		if err := errors.Join(a.Every(ctx, agent.Schedule{Interval: time.Second, Selection: selection}), a.Close()); err != nil {
			t.Fatal(err)
		}
		if n := db.Count(t, "agent_owner", "lease_until IS NULL"); n != 1 {
			t.Error("the lease was not given back")
		}
	})
}

// Who loses the destination while the source counts, far from any commit, is told
// so, and not that somebody has interrupted the run.
func TestLostWhileCounting(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.config.Lease = time.Second
	s.mustSync(t, catalog.VOWProperty)
	s.source.Set(func(f *simulator.Faults) { f.Latency = 3 * time.Second })
	s.log.on = func(e agent.Event) {
		if _, ok := e.(agent.LastSync); ok {
			db.Exec(t, "UPDATE "+db.Table("agent_owner")+" SET incarnation = incarnation + 1")
		}
	}
	if _, err := s.sync(t, catalog.VOWProperty); !errors.Is(err, agent.ErrInUse) {
		t.Errorf("error %v, want that another agent has it", err)
	}
}

// A copy is current while the last success is no older than twice the interval,
// and not when it lies in the future: a clock that was ahead once must not hide
// what comes after.
func TestReady(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		age   time.Duration
		ready bool
	}{{0, true}, {29 * time.Minute, true}, {31 * time.Minute, false}, {-30 * time.Second, true}, {-time.Hour, false}} {
		at := now.Add(-test.age)
		s := agent.Status{At: now, LastSuccessAt: &at, Schedule: &agent.ScheduleStatus{EverySeconds: 900}}
		if err := s.Ready(); (err == nil) != test.ready {
			t.Errorf("%s old: %v", test.age, err)
		}
		s.LastSuccessAt = nil
		if s.Ready() == nil {
			t.Error("ready without any success")
		}
	}
}
