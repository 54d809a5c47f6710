package agent

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The patience is what it says: the last attempt is made when it is over, not
// before, and there is none at all where there is no patience.
func TestPatience(t *testing.T) {
	t.Parallel()
	for _, patience := range []time.Duration{
		0, time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, time.Second, 15 * time.Second, 90 * time.Second, 15 * time.Minute,
	} {
		for range 50 { // the waits are drawn
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				r := newRetrier("source, media", patience, func(e Event) {
					if e, ok := e.(Retrying); !ok || e.Left != patience-time.Since(at[0]) || e.Wait > e.Left {
						t.Errorf("event %+v", e)
					}
				})
				err := r.do(t.Context(), func() error {
					at = append(at, time.Now())
					return brief{}
				})
				if err == nil || !strings.Contains(err.Error(), "--retry-for") {
					t.Fatalf("error %v", err)
				}
				last := at[len(at)-1].Sub(at[0])
				if last != patience || time.Since(at[0]) != patience {
					t.Errorf("--retry-for %s: the last of %d attempts is %s behind the first, and the end %s", patience, len(at), last, time.Since(at[0]))
				}
				if patience == 0 && len(at) != 1 {
					t.Errorf("%d attempts without any patience", len(at))
				}
			})
		}
	}
}

// A source that asks for no pause at all, or for one that is over, is asked no
// sooner than one that asks for none.
func TestNoPauseAskedFor(t *testing.T) {
	t.Parallel()
	for _, asked := range []time.Duration{0, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			r := newRetrier("source, media", time.Minute, func(Event) {})
			attempts := 0
			_ = r.do(t.Context(), func() error {
				if attempts++; attempts > 1000 {
					return nil
				}
				return maintenance{asked}
			})
			if attempts > 12 {
				t.Errorf("%d attempts in a minute", attempts)
			}
		})
	}
}

// A pause that ends within the patience is waited for to its end. A longer one
// ends the work at once, with the time.
func TestPauseAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRetrier("source, media", time.Minute, func(Event) {})
		begun := time.Now()
		err := r.do(t.Context(), func() error {
			if time.Since(begun) < 50*time.Second {
				return tooMany{50*time.Second - time.Since(begun)}
			}
			return nil
		})
		if took := time.Since(begun); err != nil || took != 50*time.Second {
			t.Errorf("asked for 50s: %v behind %s", err, took)
		}
		begun = time.Now()
		err = r.do(t.Context(), func() error { return tooMany{time.Hour} })
		var p *patienceError
		if !errors.As(err, &p) || time.Since(begun) != 0 || !strings.Contains(err.Error(), begun.Add(time.Hour).UTC().Format(time.RFC3339)) ||
			!strings.Contains(err.Error(), "--retry-for") {
			t.Errorf("asked for an hour: %v behind %s", err, time.Since(begun))
		}
	})
}
