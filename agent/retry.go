package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// retrier decides whether to try again and waits. One retrier serves one kind
// of work; success resets it, so its patience counts from the first failure of
// a row of failures.
type retrier struct {
	what    string // for the log
	backoff *backoff.ExponentialBackOff
	attempt int
	observe func(Event)
}

func newRetrier(what string, patience time.Duration, observe func(Event)) *retrier {
	patience = max(patience, time.Nanosecond) // to the library none is for ever
	return &retrier{what: what, observe: observe, backoff: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(time.Minute),
		backoff.WithMaxElapsedTime(patience),
	)}
}

// succeeded ends a row of failures.
func (r *retrier) succeeded() {
	if r.attempt > 0 {
		r.observe(Recovered{What: r.what, Attempts: r.attempt + 1, After: r.backoff.GetElapsedTime()})
	}
	r.attempt = 0
}

// pause waits before the next attempt and returns nil, or returns the error
// that ends the work: err itself if it will not pass, or err with the patience
// that ran out.
func (r *retrier) pause(ctx context.Context, err error) error {
	var t temporary
	if ctx.Err() != nil || !errors.As(err, &t) || !t.Temporary() {
		return err
	}
	if r.attempt == 0 {
		r.backoff.Reset()
	}
	r.attempt++
	wait := r.backoff.NextBackOff()
	if wait == backoff.Stop {
		return fmt.Errorf("%s: gave up after %s and %d attempts (--retry-for): %w",
			r.what, r.backoff.GetElapsedTime().Round(100*time.Millisecond), r.attempt, err)
	}
	if asked, ok := t.RetryAfter(); ok {
		wait = asked
	}
	r.observe(Retrying{
		What: r.what, Attempt: r.attempt, Wait: wait, Left: r.backoff.MaxElapsedTime - r.backoff.GetElapsedTime(), Cause: causeOf(err), Err: err,
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
