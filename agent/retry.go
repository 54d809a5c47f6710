package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// firstPause is the first wait of a retrier, which the library spreads by half.
const firstPause = 500 * time.Millisecond

// retrier decides whether to try again and waits. One retrier serves one kind
// of work; success resets it, so its patience counts from the first failure of
// a row of failures.
type retrier struct {
	what     string // for the log
	patience time.Duration
	backoff  *backoff.ExponentialBackOff
	attempt  int
	since    time.Time // the first failure of the row
	observe  func(Event)
}

func newRetrier(what string, patience time.Duration, observe func(Event)) *retrier {
	return &retrier{what: what, patience: patience, observe: observe, backoff: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(firstPause),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(time.Minute),
		backoff.WithMaxElapsedTime(0), // the patience is counted here: the library gives up early by up to a whole wait
	)}
}

// succeeded ends a row of failures.
func (r *retrier) succeeded() {
	if r.attempt > 0 {
		r.observe(Recovered{What: r.what, Attempts: r.attempt + 1, After: time.Since(r.since)})
	}
	r.attempt = 0
}

// pause waits before the next attempt and returns nil, or returns the error
// that ends the work: err itself if it will not pass, or err with the patience
// that ran out. The last attempt is made when the patience ends, and none before
// the time that was asked for.
func (r *retrier) pause(ctx context.Context, err error) error {
	var t temporary
	if ctx.Err() != nil || !errors.As(err, &t) || !t.Temporary() {
		return err
	}
	now := time.Now()
	if r.attempt == 0 {
		r.backoff.Reset()
		r.since = now
	}
	r.attempt++
	spent := now.Sub(r.since)
	left := r.patience - spent
	asked, named := t.RetryAfter()
	var source throttled
	if errors.As(err, &source) && asked > max(left, 0) {
		return &patienceError{what: r.what, until: now.Add(asked), patience: r.patience, err: err}
	}
	if left <= 0 {
		return fmt.Errorf("%s: gave up after %s and %d attempts (--retry-for): %w", r.what, spent.Round(100*time.Millisecond), r.attempt, err)
	}
	wait := r.backoff.NextBackOff()
	if left-wait < firstPause/2 {
		wait = left
	}
	switch {
	case source != nil:
		wait = max(wait, asked) // never sooner than by the own backoff: clocks differ, and a source may ask for nothing
	case named:
		wait = min(asked, left) // the destination: a lost race is over already
	}
	r.observe(Retrying{
		What: r.what, Attempt: r.attempt, Wait: wait, Left: left, Cause: causeOf(err), Err: err,
	})
	return sleep(ctx, wait)
}

// causeOf names the kind of an error, for counting.
func causeOf(err error) string {
	var k kinded
	if errors.As(err, &k) {
		return k.Kind()
	}
	return "other"
}

// do repeats fn until it succeeds or will not.
func (r *retrier) do(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		if err == nil {
			r.succeeded()
			return nil
		}
		if err := r.pause(ctx, err); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// patienceError is a source that wants to be left alone for longer than the
// agent's patience. It is not asked again before that.
type patienceError struct {
	what     string // "" where nothing was asked, since the time was known
	until    time.Time
	patience time.Duration
	err      error
}

func (e *patienceError) Error() string {
	text := fmt.Sprintf("the source asks to be left alone until %s, which is longer than --retry-for (%s); run again then",
		e.until.Add(time.Second-1).UTC().Truncate(time.Second).Format(time.RFC3339), e.patience)
	if e.err != nil {
		text = fmt.Sprintf("%s: %s: %v", e.what, text, e.err)
	}
	return text
}

func (e *patienceError) Unwrap() error { return e.err }

// Kind, Temporary and RetryAfter say of it what errors of the source say.
func (e *patienceError) Kind() string                      { return "throttled" }
func (e *patienceError) Temporary() bool                   { return false }
func (e *patienceError) RetryAfter() (time.Duration, bool) { return max(0, time.Until(e.until)), true }
