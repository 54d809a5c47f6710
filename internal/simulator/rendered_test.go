package simulator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What was printed before is what is printed now, also behind a change and with
// faults of how rows are printed.
func TestRender(t *testing.T) {
	plain, rendered := aFew(t), aFew(t)
	for _, feed := range []Feed{IDX, VOW} {
		for _, resource := range []string{Property, Media} {
			if err := rendered.Render(feed, resource); err != nil {
				t.Fatal(err)
			}
		}
	}
	same := func(when string) {
		t.Helper()
		for _, feed := range []Feed{IDX, VOW} {
			for _, resource := range []string{Property, Media} {
				if diff := cmp.Diff(texts(t, plain, feed, resource), texts(t, rendered, feed, resource)); diff != "" {
					t.Errorf("%s, %s in %s (-want +got):\n%s", when, resource, feed, diff)
				}
			}
		}
	}
	same("as it was")
	for _, s := range []*Simulator{plain, rendered} {
		s.Set(func(f *Faults) { f.Precision = Microseconds })
	}
	same("with microseconds")
	for _, s := range []*Simulator{plain, rendered} {
		var key string
		_ = s.Each(IDX, Property, func(r Row) error { key = r.Key; return nil })
		if err := s.Touch(Property, key, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), map[string]any{"City": "Ajax"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Add(Property, map[string]any{"ListingKey": "NEW", "ModificationTimestamp": "2026-07-01T00:00:01Z"}); err != nil {
			t.Fatal(err)
		}
		s.Set(func(f *Faults) { f.Precision = WholeSeconds })
	}
	same("behind changes")
	if err := rendered.Render(VOW, "Nothing"); err == nil {
		t.Error("what is not there is rendered")
	}
}

func aFew(tb testing.TB) *Simulator {
	tb.Helper()
	s, err := New(Options{Seed: 3, Properties: 60, MediaPerListing: 3, DeletedShare: 0.1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

func texts(tb testing.TB, s *Simulator, feed Feed, resource string) (out []string) {
	tb.Helper()
	if err := s.Each(feed, resource, func(r Row) error { out = append(out, string(r.JSON)); return nil }); err != nil {
		tb.Fatal(err)
	}
	return out
}
