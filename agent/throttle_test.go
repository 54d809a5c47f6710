package agent

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tooMany is an answer that asks for fewer requests.
type tooMany struct{ wait time.Duration }

func (tooMany) Error() string                       { return "too many requests" }
func (tooMany) Temporary() bool                     { return true }
func (tooMany) Throttled() bool                     { return true }
func (e tooMany) RetryAfter() (time.Duration, bool) { return e.wait, e.wait > 0 }

// The delay holds over all that ask: alone it begins at the end of the request
// before, and of several one begins in each delay.
func TestThrottleSpaces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parallel int
		took     time.Duration
	}{
		{1, 6*2*time.Second + 5*500*time.Millisecond},
		{3, 2500*time.Millisecond + 2*time.Second}, // six starts half a second apart; a permit is free by then
		{8, 2500*time.Millisecond + 2*time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			th := newThrottle(500*time.Millisecond, test.parallel)
			begun := time.Now()
			most, err := ask(t.Context(), th, 6, test.parallel, func(int) error { time.Sleep(2 * time.Second); return nil })
			took := time.Since(begun)
			if err != nil || most > test.parallel || took < test.took || took > test.took+2*time.Second {
				t.Errorf("%d at a time: %v, %d at once, took %s, want %s", test.parallel, err, most, took, test.took)
			}
		})
	}
}

// A 429 makes everybody wait, and fewer ask at a time, until it goes well again.
func TestThrottleSlowsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(0, 8)
		first, err := th.enter(t.Context())
		second, err2 := th.enter(t.Context())
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		time.Sleep(time.Second)
		th.leave(first, tooMany{10 * time.Second})
		th.leave(second, tooMany{10 * time.Second}) // was on its way with the first: no news
		if th.limit != 4 || th.extra != leastExtra {
			t.Errorf("limit %d, extra %s", th.limit, th.extra)
		}
		begun := time.Now()
		most, err := ask(t.Context(), th, 4*goodPages, 8, func(n int) error { time.Sleep(time.Second); return nil })
		if err != nil || most < 5 {
			t.Errorf("it did not go up again: %d at once, %v", most, err)
		}
		if waited := th.slowed.Add(10 * time.Second).Sub(begun); waited <= 0 || time.Since(begun) < waited {
			t.Errorf("%s was not waited for", waited)
		}
		if th.extra != 0 {
			t.Errorf("after %d good pages the extra delay is %s", 4*goodPages, th.extra)
		}
	})
}

// Who waits for a turn leaves with its context.
func TestThrottleEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(time.Hour, 1)
		if _, err := th.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := th.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for a permit: %v", err)
		}
		th.leave(time.Now(), nil)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := th.enter(ctx); !errors.Is(err, context.DeadlineExceeded) || th.active != 0 {
			t.Errorf("waiting for the delay: %v, %d active", err, th.active)
		}
	})
}

// ask makes n requests from several goroutines; most is how many were under way
// at once.
func ask(ctx context.Context, th *throttle, n, goroutines int, request func(int) error) (most int, err error) {
	var mu sync.Mutex
	active := 0
	work := make([]func(context.Context) error, n)
	for i := range work {
		work[i] = func(ctx context.Context) error {
			begun, err := th.enter(ctx)
			if err != nil {
				return err
			}
			mu.Lock()
			active++
			most = max(most, active)
			mu.Unlock()
			err = request(i)
			mu.Lock()
			active--
			mu.Unlock()
			th.leave(begun, err)
			return nil
		}
	}
	return most, together(ctx, goroutines, work)
}
