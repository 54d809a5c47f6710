package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/record"
)

// noInSource refuses the operator in, and notes when it was asked.
type noInSource struct{ at []time.Time }

func (s *noInSource) Page(_ context.Context, q record.Query, _ func(record.Record) error) (record.PageEnd, error) {
	s.at = append(s.at, time.Now())
	if len(q.Only.Keys) > 1 && !q.Only.NoIn {
		return record.PageEnd{}, unknownOperator{}
	}
	return record.PageEnd{}, nil
}

func (s *noInSource) Count(context.Context, record.Query) (int64, bool, error) {
	s.at = append(s.at, time.Now())
	return 0, true, nil
}

type unknownOperator struct{}

func (unknownOperator) Error() string                     { return "not implemented" }
func (unknownOperator) Refused() bool                     { return true }
func (unknownOperator) Temporary() bool                   { return false }
func (unknownOperator) RetryAfter() (time.Duration, bool) { return 0, false }

// Whatever is asked keeps the delay of its stream: pages, counts, and the question
// that is put once more because the source lacks the operator in, which is remembered.
func TestEveryRequestIsPaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := &noInSource{}, DefaultConfig()
		p := newPaced(s, &c)
		q := record.Query{Shape: catalog.All().Find(catalog.Media).Shape(), Only: record.Only{Field: "MediaKey", Keys: []string{"a", "b"}}}
		for range 2 {
			if _, err := p.Page(t.Context(), q, nil); err != nil {
				t.Fatal(err)
			}
			if _, _, err := p.Count(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.at) != 5 {
			t.Errorf("%d requests, want 5", len(s.at))
		}
		for i := 1; i < len(s.at); i++ {
			if gap := s.at[i].Sub(s.at[i-1]); gap < c.Sizes["media"].Throttle {
				t.Errorf("request %d came %s behind the one before", i+1, gap)
			}
		}
	})
}
