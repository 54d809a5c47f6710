package agent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"resoagent/internal/record"
	"resoagent/migrations"
)

// The next run begins an interval behind the start of the last, spread by the
// jitter; one that took longer is followed at once.
func TestPlanBehindSuccess(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	now := begun.Add(time.Minute)
	p := newPlanner(Schedule{Interval: 15 * time.Minute, Jitter: 0.2}, 30*time.Second, func() time.Time { return now })
	spread := make(map[time.Time]bool)
	for range 200 {
		at := p.next(begun, nil)
		if at.Before(begun.Add(15*time.Minute)) || at.After(begun.Add(18*time.Minute)) {
			t.Fatalf("planned for %s behind the start", at.Sub(begun))
		}
		spread[at] = true
	}
	if len(spread) < 100 {
		t.Errorf("200 plans fell on %d moments", len(spread))
	}
	now = begun.Add(3 * time.Hour)
	if at := p.next(begun, nil); !at.Equal(now) {
		t.Errorf("behind a run of three hours: in %s", at.Sub(now))
	}
}

// A run that failed is tried again sooner than by the interval, and then less and
// less soon, but no later than that; a success ends it.
func TestPlanBehindFailure(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	p := newPlanner(Schedule{Interval: 15 * time.Minute}, 30*time.Second, func() time.Time { return now })
	var before time.Duration
	for i := range 12 {
		wait := p.next(now, errors.New("the source is away")).Sub(now)
		// The library spreads each wait by half.
		least, most := min(15*time.Minute, firstRetry<<i)/2, min(15*time.Minute, (firstRetry<<i)*3/2)
		if wait < least || wait > most {
			t.Errorf("wait %d is %s, want %s to %s", i+1, wait, least, most)
		}
		before = wait
	}
	if p.failures != 12 || before < 7*time.Minute {
		t.Errorf("%d failures, the last wait %s", p.failures, before)
	}
	if p.next(now, nil); p.failures != 0 {
		t.Errorf("%d failures behind a success", p.failures)
	}
	if wait := p.next(now, errors.New("again")).Sub(now); wait > firstRetry*3/2 {
		t.Errorf("the first wait behind a success is %s", wait)
	}
	// A destination that another agent has is asked for each time its lease would
	// have run out, however often that was.
	for range 20 {
		if wait := p.next(now, ErrInUse).Sub(now); wait != 30*time.Second {
			t.Errorf("waits %s for another's lease", wait)
		}
	}
}

// A source that asks to be left alone is asked when that time has come, and not
// before, however short the interval is.
func TestPlanBehindAPauseAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlanner(Schedule{Interval: 5 * time.Minute}, 30*time.Second, time.Now)
		until := time.Now().Add(time.Hour)
		for range 3 {
			at := p.next(time.Now(), fmt.Errorf("media, page 2: %w", &patienceError{what: "source, media", until: until}))
			if at.Before(until) || at.After(until.Add(8*time.Minute)) {
				t.Errorf("planned for %s, and the source asked for %s", at, until)
			}
			time.Sleep(10 * time.Minute)
		}
	})
}

func TestScheduleRefused(t *testing.T) {
	t.Parallel()
	a := &Agent{config: DefaultConfig()}
	for _, s := range []Schedule{
		{Interval: 0},
		{Interval: time.Millisecond},
		{Interval: time.Minute, Jitter: -0.1},
		{Interval: time.Minute, Jitter: 1.1},
		{Interval: time.Minute}, // there is no token for anything
	} {
		if err := a.Every(t.Context(), s); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// The rate is that of the last minute, not of the whole pass.
func TestRate(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	var r rate
	if _, ok := r.perSecond(begun); ok {
		t.Error("a rate of nothing")
	}
	for s := range 600 { // 1,000 a second for five minutes, then 10
		seen := int64(min(s, 300)*1000 + max(0, s-300)*10)
		r.add(begun.Add(time.Duration(s)*time.Second), seen)
	}
	if n, ok := r.perSecond(begun.Add(599 * time.Second)); !ok || n < 9.9 || n > 10.1 {
		t.Errorf("%g a second, want 10", n)
	}
	// Where nothing comes any more, it falls.
	if n, _ := r.perSecond(begun.Add(599*time.Second + 9*time.Minute)); n > 1.1 {
		t.Errorf("%g a second, nine minutes behind the last record", n)
	}
	if len(r.points) > 64 {
		t.Errorf("%d points are kept", len(r.points))
	}
}

// lease counts what is done with it.
type lease struct{ renewed, released int }

func (l *lease) Claim(context.Context, record.Owner, []string) ([]record.Mark, error) {
	return nil, errors.New("not asked for")
}
func (l *lease) Renew(context.Context, time.Duration) error { l.renewed++; return nil }
func (l *lease) Release(context.Context) error              { l.released++; return nil }

// A run that could not claim the destination leaves it held as it was: between the
// runs of a schedule it stays this agent's.
func TestFailedClaimGoesOnHolding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &lease{}
		a := &Agent{config: DefaultConfig(), owner: l, tables: &fakeStore{}, keepsClaim: true, migrate: func(context.Context, record.Owner) (migrations.Result, error) {
			return migrations.Result{}, errors.New("a right was revoked")
		}}
		a.hold(t.Context())
		if _, _, _, err := a.claim(t.Context()); err == nil {
			t.Fatal("it went through")
		}
		time.Sleep(3 * a.config.Lease) // of the test's own clock
		synctest.Wait()
		if l.renewed < 8 || l.released != 0 {
			t.Errorf("renewed %d times in three leases, given back %d times", l.renewed, l.released)
		}
		a.letGo(t.Context())
		if l.released != 1 {
			t.Errorf("given back %d times at the end", l.released)
		}
	})
}
