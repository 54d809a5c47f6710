package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Schedule says when Every begins its runs.
type Schedule struct {
	// Interval is the time from the start of one run to that of the next. A run
	// that takes longer is followed by the next at once: runs never overlap.
	Interval time.Duration
	// Jitter is the share of the interval, 0 to 1, by which a start is later, at
	// random: many agents must not ask one source at the same moment.
	Jitter    float64
	Selection Selection
	// Before is called before each run, nil for nothing: the moment to read
	// tokens again.
	Before func()
}

// Bounds of a schedule.
const (
	leastInterval = time.Second
	// firstRetry is the first wait behind a run that has failed; each further one
	// is twice as long, up to the interval.
	firstRetry = 30 * time.Second
)

func (s Schedule) check() error {
	if s.Interval < leastInterval {
		return fmt.Errorf("%w: --every is %s, must be %s or more", ErrConfig, s.Interval, leastInterval)
	}
	if s.Jitter < 0 || s.Jitter > 1 {
		return fmt.Errorf("%w: --jitter is %g, must be 0 to 1, a share of the interval", ErrConfig, s.Jitter)
	}
	return nil
}

// Every runs Sync by a schedule until ctx ends, and then returns nil. The first
// run begins at once. A run that fails does not end it: the next one comes sooner
// than by the interval, and then less and less soon. The destination stays this
// agent's between runs; where another agent has it, Every asks again each time a
// lease would have run out, and takes over from one that has died.
//
// ErrConfig: the schedule or the selection cannot work; nothing was done.
func (a *Agent) Every(ctx context.Context, s Schedule) error {
	if err := s.check(); err != nil {
		return err
	}
	if _, _, err := a.config.selected(s.Selection); err != nil {
		return err
	}
	a.setKeepsClaim()
	defer func() {
		a.syncing.Lock()
		defer a.syncing.Unlock()
		a.letGo(ctx)
		a.live.setSchedule(nil)
	}()
	// A destination that another agent owns is asked for again each time its lease
	// would have run out: that is how long one that has died keeps it.
	p := newPlanner(s, a.config.Lease, a.now)
	for {
		a.live.setSchedule(p.status(nil))
		if s.Before != nil {
			s.Before()
		}
		begun := a.now()
		_, err := a.Sync(ctx, s.Selection)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			a.reopen()
		}
		at := p.next(begun, err)
		a.live.setSchedule(p.status(&at))
		a.observe(RunScheduled{At: at, Wait: at.Sub(a.now()), Failures: p.failures, Err: err})
		if sleepFor(ctx, at.Sub(a.now())) != nil {
			return nil
		}
	}
}

func (a *Agent) setKeepsClaim() {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	a.keepsClaim = true
}

// reopen opens the state file again where it cannot be used any more: one whose
// commit failed is good again, or found damaged, when it is read anew. While it
// cannot be opened, runs go on to fail and to say so.
func (a *Agent) reopen() {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	if a.file.Usable() == nil {
		return
	}
	a.state.Lock()
	defer a.state.Unlock()
	_ = a.file.Close() // it is of no use any more, and opening it again tells what is left of it
	file, keys, err := openStateFile(a.config.StateDir, a.now())
	if err != nil {
		a.notice(true, "the state file could not be opened again: %v", stateHint(err))
		return
	}
	a.file, a.keys = file, keys
	if a.unjournaled != nil {
		a.journalFailure(a.unjournaled)
	}
}

// planner finds the time of the next run.
type planner struct {
	schedule Schedule
	lease    time.Duration
	backoff  *backoff.ExponentialBackOff
	failures int // runs in a row
	started  time.Time
	now      func() time.Time
}

func newPlanner(s Schedule, lease time.Duration, now func() time.Time) *planner {
	return &planner{schedule: s, lease: lease, started: now(), now: now, backoff: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(min(firstRetry, s.Interval/4)), backoff.WithMultiplier(2),
		backoff.WithMaxInterval(s.Interval), backoff.WithMaxElapsedTime(0),
	)}
}

// next plans the run behind one that began at begun and ended with err.
func (p *planner) next(begun time.Time, err error) time.Time {
	now := p.now()
	if err == nil {
		p.failures = 0
		p.backoff.Reset()
		jitter := time.Duration(rand.Float64() * p.schedule.Jitter * float64(p.schedule.Interval)) //nolint:gosec // it spreads load
		at := begun.Add(p.schedule.Interval + jitter)
		if at.Before(now) {
			return now
		}
		return at
	}
	p.failures++
	wait := min(p.backoff.NextBackOff(), p.schedule.Interval) // which the library spreads beyond its own limit
	if errors.Is(err, ErrInUse) {
		// It ends or dies at a time that has nothing to do with ours.
		p.backoff.Reset()
		wait = min(p.lease, p.schedule.Interval)
	}
	var asked *patienceError
	if errors.As(err, &asked) {
		// The source has named the time itself, and is not asked before it.
		left, _ := asked.RetryAfter()
		wait = max(wait, left)
	}
	return now.Add(wait)
}

// status is the plan for people and programs; at is nil during a run.
func (p *planner) status(at *time.Time) *ScheduleStatus {
	s := &ScheduleStatus{EverySeconds: p.schedule.Interval.Seconds(), Failures: p.failures, StartedAt: p.started.UTC()}
	if at != nil {
		utc := at.UTC()
		s.NextRunAt = &utc
	}
	return s
}
