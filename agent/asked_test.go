package agent_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A source that asks to be left alone for longer than the patience is not asked
// again before that: not in the run, whose error names the time, and not by the
// next process. When the time has come the copy becomes complete.
func TestAskedToWaitForAnHour(t *testing.T) {
	t.Parallel()
	for name, hint := range map[string]simulator.Hint{
		"the vendor's header": simulator.HintProvider, "seconds": simulator.HintSeconds, "a date": simulator.HintDate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.Parallel = 4 // windows that sleep, and others that are under way
			s.config.RetryFor = 15 * time.Minute
			s.fault(simulator.Media, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Throttled, Hint: hint, Wait: time.Hour}, After: 6})
			begun := time.Now()
			_, err := s.sync(t)
			until := begun.Add(time.Hour)
			if err == nil || !strings.Contains(err.Error(), "asks to be left alone until "+until.UTC().Format("2006-01-02T")) || !strings.Contains(err.Error(), "--retry-for") {
				t.Fatalf("error %v, want one that names %s", err, until)
			}
			throttled := s.source.Counters().ByStatus[429]
			if throttled == 0 || throttled > 4 {
				t.Errorf("%d requests were told to wait, of 4 at a time", throttled)
			}
			s.source.ResetRequests()
			for range 2 {
				if _, err := s.sync(t); err == nil || !strings.Contains(err.Error(), "asks to be left alone until") {
					t.Errorf("before that time: %v", err)
				}
				if _, _, err := agent.Plan(t.Context(), s.config, agent.Selection{}); err == nil || !strings.Contains(err.Error(), "asks to be left alone until") {
					t.Errorf("a plan before that time: %v", err)
				}
			}
			if n := s.source.Counters().Requests; n != 0 {
				t.Errorf("%d requests before the time that the source asked for", n)
			}
			s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
			s.config.Now = func() time.Time { return time.Now().Add(61 * time.Minute) }
			s.mustSync(t)
			s.compare(t)
		})
	}
}

// Under a schedule the next run is planned by what the source asks for.
func TestScheduleOfASourceThatAsksToWait(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.RetryFor = time.Minute
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Throttled, Wait: time.Hour}})
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.log.on = func(e agent.Event) {
		if _, ok := e.(agent.RunScheduled); ok {
			cancel()
		}
	}
	begun := time.Now()
	a, err := agent.Open(ctx, s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Every(ctx, agent.Schedule{Interval: time.Second}), a.Close()); err != nil {
		t.Fatal(err)
	}
	planned := of[agent.RunScheduled](s.log)
	if len(planned) != 1 || planned[0].At.Before(begun.Add(time.Hour-time.Second)) || planned[0].At.After(time.Now().Add(time.Hour+time.Second)) {
		t.Errorf("planned %+v", planned)
	}
	if n := s.source.Counters().Requests; n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Pauses of no length, and dates that have passed, do not let the agent ask
// without pause; counts keep the pace as well.
func TestNoHammering(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]simulator.Fault{
		"0 of the vendor's":   {Kind: simulator.Throttled},
		"0 seconds":           {Kind: simulator.Throttled, Hint: simulator.HintSeconds},
		"a date that is over": {Kind: simulator.Throttled, Hint: simulator.HintDate, Wait: -time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.Parallel, s.config.RetryFor = 4, 2*time.Second
			s.mustSync(t, catalog.VOWProperty)
			s.source.ResetRequests()
			s.source.Set(func(f *simulator.Faults) { f.Strike(simulator.Strike{Fault: fault}) })
			if _, err := s.sync(t); err == nil || !strings.Contains(err.Error(), "--retry-for") {
				t.Errorf("error %v", err)
			}
			if n := s.source.Counters().Requests; n < 3 || n > 20 {
				t.Errorf("%d requests in about two seconds", n)
			}
		})
	}
}

// A pause that one window is asked for is one of all: but for what was under way, the
// source is left alone until it is over.
func TestPauseOfOneWindowHoldsForAll(t *testing.T) {
	t.Parallel()
	const pause = 3 * time.Second
	for name, status := range map[string]int{"429": http.StatusTooManyRequests, "503": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.Parallel, s.config.Sizes["media"].Page, s.config.RetryFor = 4, 5, time.Minute
			s.mustSync(t, catalog.VOWProperty)
			s.source.ResetRequests()
			s.fault(simulator.Media, simulator.Strike{
				Fault: simulator.Fault{Kind: simulator.Throttled, Status: status, Hint: simulator.HintSeconds, Wait: pause}, Every: 20,
			})
			s.source.Set(func(f *simulator.Faults) { f.Latency = 20 * time.Millisecond })
			var told time.Time
			s.log.on = func(e agent.Event) {
				if e, ok := e.(agent.Retrying); ok && e.Wait >= pause && told.IsZero() {
					told = time.Now()
					s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
				}
			}
			s.mustSync(t, catalog.Media)
			if told.IsZero() {
				t.Fatal("nobody was told to wait")
			}
			during, after := 0, 0
			for _, r := range s.source.Requests() {
				switch since := r.Time.Sub(told); {
				case since > pause:
					after++
				case since > 0 && since < pause-100*time.Millisecond:
					during++
				}
			}
			// The others had asked, or had been about to, when the answer was on its way.
			if during > 6 || after < 20 {
				t.Errorf("%d requests in the pause, %d behind it", during, after)
			}
		})
	}
}

// --retry-for is the time between the first failure and the last attempt.
func TestRetryForIsKept(t *testing.T) {
	t.Parallel()
	for _, patience := range []time.Duration{0, 700 * time.Millisecond, 3 * time.Second} {
		t.Run(patience.String(), func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.RetryFor, s.config.Parallel = patience, 1
			s.source.Set(func(f *simulator.Faults) { f.CountRefused = 501 })
			s.fault(simulator.Property, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
			_, err := s.sync(t, catalog.VOWProperty)
			if err == nil || !strings.Contains(err.Error(), "--retry-for") {
				t.Fatalf("error %v", err)
			}
			var at []time.Time
			for _, r := range s.source.Requests() {
				if r.Status == 503 {
					at = append(at, r.Time)
				}
			}
			if span := at[len(at)-1].Sub(at[0]); span < patience-50*time.Millisecond || (patience == 0) != (len(at) == 1) {
				t.Errorf("%d attempts in %s", len(at), span)
			}
		})
	}
}
