package agent

import (
	"context"
	"errors"
	"time"
)

// Bounds of the delay that a source's 429 adds to the configured one.
const (
	leastExtra = 250 * time.Millisecond
	mostExtra  = time.Minute
)

// throttle keeps the delay between two pages: the configured one, and an extra
// that doubles with each 429 and shrinks with each page that went well.
type throttle struct {
	base  time.Duration
	extra time.Duration
	last  time.Time // when the last page ended; zero before the first
}

// wait blocks until the next page may be asked for.
func (t *throttle) wait(ctx context.Context) error {
	if t.last.IsZero() {
		return ctx.Err()
	}
	d := time.Until(t.last.Add(t.delay()))
	if d <= 0 {
		return ctx.Err()
	}
	return sleep(ctx, d)
}

func (t *throttle) delay() time.Duration { return t.base + t.extra }

// done notes how a request ended.
func (t *throttle) done(err error) {
	t.last = time.Now()
	var th throttled
	switch {
	case err == nil:
		t.extra -= max(t.extra/4, leastExtra/4)
		t.extra = max(t.extra, 0)
	case errors.As(err, &th) && th.Throttled():
		t.extra = min(mostExtra, max(leastExtra, 2*t.extra))
	}
}
