package agent

import (
	"context"
	"errors"
	"strings"
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
			th := newThrottle(test.parallel, time.Minute)
			begun := time.Now()
			most, err := ask(t.Context(), th, 500*time.Millisecond, 6, test.parallel, func(int) error { time.Sleep(2 * time.Second); return nil })
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
		th := newThrottle(8, time.Minute)
		first, err := th.enter(t.Context(), 0)
		second, err2 := th.enter(t.Context(), 0)
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
		most, err := ask(t.Context(), th, 0, 4*goodRequests, 8, func(n int) error { time.Sleep(time.Second); return nil })
		if err != nil || most < 5 {
			t.Errorf("it did not go up again: %d at once, %v", most, err)
		}
		if waited := th.slowed.Add(10 * time.Second).Sub(begun); waited <= 0 || time.Since(begun) < waited {
			t.Errorf("%s was not waited for", waited)
		}
		if th.extra != 0 {
			t.Errorf("after %d good pages the extra delay is %s", 4*goodRequests, th.extra)
		}
	})
}

// A pause that the source asks one for holds for all, whatever it is asked with:
// for who comes later, for who was asleep before its own request, and for who was
// told nothing. It slows nobody down who does not ask the same source.
func TestRetryAfterHoldsForAll(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"429": tooMany{30 * time.Second}, "503": maintenance{30 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			th := newThrottle(4, time.Minute)
			first, err := th.enter(t.Context(), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			begun := make(chan time.Time, 3)
			var asking sync.WaitGroup
			for range 3 { // two would begin 5 and 10 seconds from now, one later
				asking.Go(func() {
					at, err := th.enter(t.Context(), 5*time.Second)
					if err != nil {
						t.Error(err)
					}
					begun <- at
					time.Sleep(time.Second)
					th.leave(at, nil)
				})
			}
			time.Sleep(4 * time.Second) // they are asleep
			synctest.Wait()
			if n := th.active; n != 1 {
				t.Errorf("%s: %d requests are under way, of which all but one sleep", name, n)
			}
			told := time.Now()
			th.leave(first, fault)
			for range 3 {
				if at := <-begun; at.Before(told.Add(30 * time.Second)) {
					t.Errorf("%s: a request began %s after the source had asked for 30s", name, at.Sub(told))
				}
			}
			asking.Wait()
		})
	}
}

// A pause that is longer than the patience is not waited for, by nobody: who asks
// later, also after the patience would have been over, gets an error that names
// the time.
func TestRetryAfterBeyondThePatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(4, time.Minute)
		first, err := th.enter(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 1)
		go func() {
			_, err := th.enter(t.Context(), time.Hour)
			waiting <- err
		}()
		time.Sleep(time.Second)
		th.leave(first, tooMany{time.Hour})
		until := time.Now().Add(time.Hour)
		for i := range 3 {
			var err error
			if i == 0 {
				err = <-waiting
			} else {
				_, err = th.enter(t.Context(), 0)
			}
			var p *patienceError
			if !errors.As(err, &p) || !p.until.Equal(until) || p.Temporary() || !strings.Contains(err.Error(), until.UTC().Format(time.RFC3339)) {
				t.Errorf("error %v, want one that names %s", err, until)
			}
			time.Sleep(20 * time.Minute)
		}
		time.Sleep(time.Until(until.Add(-time.Minute)))
		if at, err := th.enter(t.Context(), 0); err != nil || at.Before(until) {
			t.Errorf("a minute before that time: began at %s, %v", at, err)
		}
	})
}

// maintenance is an answer that does not ask for fewer requests, but for a pause.
type maintenance struct{ wait time.Duration }

func (maintenance) Error() string                       { return "service unavailable" }
func (maintenance) Temporary() bool                     { return true }
func (maintenance) Throttled() bool                     { return false }
func (e maintenance) RetryAfter() (time.Duration, bool) { return e.wait, true }

// Who waits for a turn leaves with its context.
func TestThrottleEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(1, time.Minute)
		if _, err := th.enter(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := th.enter(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for a permit: %v", err)
		}
		th.leave(time.Now(), nil)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := th.enter(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || th.active != 0 {
			t.Errorf("waiting for the delay: %v, %d active", err, th.active)
		}
	})
}

// ask makes n requests from several goroutines; most is how many were under way
// at once.
func ask(ctx context.Context, th *throttle, delay time.Duration, n, goroutines int, request func(int) error) (most int, err error) {
	var mu sync.Mutex
	active := 0
	work := make([]func(context.Context) error, n)
	for i := range work {
		work[i] = func(ctx context.Context) error {
			begun, err := th.enter(ctx, delay)
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
