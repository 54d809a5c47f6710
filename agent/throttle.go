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

// goodPages is how many pages in a row must go well before one more request is
// made at a time, after 429s had lowered their number.
const goodPages = 20

// throttle spaces the requests for pages, over all windows that are read side by
// side: at most one begins in each delay, and alone it begins that long after
// the end of the one before. The delay is the configured one, and an extra that
// doubles with each 429 and shrinks with each page that went well. A 429 also
// halves how many requests are made at a time.
type throttle struct {
	base time.Duration
	most int // requests at a time

	mu     sync.Mutex
	extra  time.Duration
	next   time.Time // no request begins before it
	limit  int       // requests at a time for now
	active int
	good   int           // pages in a row that went well
	slowed time.Time     // when a 429 last had its effect
	freed  chan struct{} // closed when a request has ended
}

func newThrottle(base time.Duration, parallel int) *throttle {
	return &throttle{base: base, most: parallel, limit: parallel, freed: make(chan struct{})}
}

// enter blocks until a request may begin, and gives that moment. Who has entered
// leaves.
func (t *throttle) enter(ctx context.Context) (begun time.Time, err error) {
	for {
		wait, freed := t.take()
		if freed == nil {
			if err := sleepFor(ctx, wait); err != nil {
				t.leave(time.Now(), err)
				return time.Time{}, err
			}
			return time.Now(), nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// take reserves the next moment for a request, or gives what to wait for.
func (t *throttle) take() (wait time.Duration, freed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active >= t.limit {
		return 0, t.freed
	}
	t.active++
	now := time.Now()
	at := t.next
	if at.Before(now) {
		at = now
	}
	t.next = at.Add(t.base + t.extra)
	return at.Sub(now), nil
}

// leave notes how a request ended. Of several that were on their way together and
// are all told to slow down, the first has the effect.
func (t *throttle) leave(begun time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
	var th throttled
	switch {
	case err == nil:
		t.extra -= max(t.extra/4, leastExtra/4)
		t.extra = max(t.extra, 0)
		if t.good++; t.good >= goodPages && t.limit < t.most {
			t.limit, t.good = t.limit+1, 0
		}
	case errors.As(err, &th) && th.Throttled():
		if begun.After(t.slowed) {
			t.extra = min(mostExtra, max(leastExtra, 2*t.extra))
			t.limit, t.good, t.slowed = max(1, t.limit/2), 0, time.Now()
		}
		var hint temporary
		if errors.As(err, &hint) {
			if asked, ok := hint.RetryAfter(); ok {
				t.notBefore(time.Now().Add(asked))
			}
		}
	}
	if t.active == 0 {
		t.notBefore(time.Now().Add(t.base + t.extra))
	}
	close(t.freed)
	t.freed = make(chan struct{})
}

func (t *throttle) notBefore(at time.Time) {
	if t.next.Before(at) {
		t.next = at
	}
}

// sleepFor is sleep, but returns at once where there is nothing to wait for.
func sleepFor(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, d)
}
