package agent

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of the delay that a source's 429 adds to the configured one.
const (
	leastExtra = 250 * time.Millisecond
	mostExtra  = time.Minute
)

// goodRequests is how many in a row must go well before one more is made at a
// time, after 429s had lowered their number.
const goodRequests = 20

// throttle spaces the requests to a source, over all that ask it: at most one
// begins in each delay, and alone it begins that long after the end of the one
// before. The delay is that of the stream that asks, and an extra that doubles
// with each 429 and shrinks with each request that went well. A 429 also halves
// how many are made at a time. A pause that the source asks for, with a 429 or
// another fault, holds for everybody, also for who was about to ask.
type throttle struct {
	most     int           // requests at a time
	patience time.Duration // a pause that ends later than this is not waited for

	turn chan struct{} // of who waits for its moment; the others wait behind it, in their order

	mu        sync.Mutex
	extra     time.Duration
	last      time.Time // when a request began last; where none is under way, when one ended last
	notBefore time.Time // what the source has asked for
	limit     int       // requests at a time for now
	active    int
	good      int           // requests in a row that went well
	slowed    time.Time     // when a 429 last had its effect
	changed   chan struct{} // closed when a request has ended
}

func newThrottle(parallel int, patience time.Duration) *throttle {
	return &throttle{
		most: parallel, limit: parallel, patience: patience, turn: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

// enter blocks until a request of a stream with this delay may begin, and gives
// that moment. Who has entered leaves; who sleeps here holds nothing. *patienceError:
// the source wants to be left alone for longer than there is patience.
func (t *throttle) enter(ctx context.Context, delay time.Duration) (begun time.Time, err error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	for ctx.Err() == nil {
		begun, wait, changed, err := t.take(delay)
		if err != nil || changed == nil {
			return begun, err
		}
		var over <-chan time.Time
		if wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			over = timer.C
		}
		select {
		case <-over:
		case <-changed: // a slot is free, or the source asks for a longer pause
		case <-ctx.Done():
		}
	}
	return time.Time{}, ctx.Err()
}

// take begins a request, or gives what to wait for before trying again: a time,
// if it is not 0, or a request's end.
func (t *throttle) take(delay time.Duration) (begun time.Time, wait time.Duration, changed <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.notBefore.Sub(now) > t.patience {
		return now, 0, nil, &patienceError{until: t.notBefore, patience: t.patience}
	}
	if t.active >= t.limit {
		return now, 0, t.changed, nil
	}
	at := t.notBefore
	if spaced := t.last.Add(delay + t.extra); !t.last.IsZero() && spaced.After(at) {
		at = spaced
	}
	if at.After(now) {
		return now, at.Sub(now), t.changed, nil
	}
	t.active++
	t.last = now
	return now, 0, nil, nil
}

// leave notes how a request ended. Of several that were on their way together and
// are all told to slow down, the first has the effect.
func (t *throttle) leave(begun time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.active--
	var th throttled
	switch {
	case err == nil:
		t.extra -= max(t.extra/4, leastExtra/4)
		t.extra = max(t.extra, 0)
		if t.good++; t.good >= goodRequests && t.limit < t.most {
			t.limit, t.good = t.limit+1, 0
		}
	case errors.As(err, &th) && th.Throttled() && begun.After(t.slowed):
		t.extra = min(mostExtra, max(leastExtra, 2*t.extra))
		t.limit, t.good, t.slowed = max(1, t.limit/2), 0, now
	}
	var hint temporary
	if errors.As(err, &hint) {
		if asked, ok := hint.RetryAfter(); ok && now.Add(asked).After(t.notBefore) {
			t.notBefore = now.Add(asked)
		}
	}
	if t.active == 0 {
		t.last = now
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// hold takes over a pause that the source asked another process for.
func (t *throttle) hold(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notBefore = time.Now().Add(d)
}

// sleepFor is sleep, but returns at once where there is nothing to wait for.
func sleepFor(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, d)
}
