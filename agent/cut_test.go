package agent

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/checkpoint"
)

// The borders of windows follow the counts, are whole seconds, rise, and cover
// everything from where the pass stands to the end of the last part.
func TestWindowBorders(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	text := func(s int) string { return at(s).Format(time.RFC3339) }
	cursor := checkpoint.Position{Timestamp: "2025-01-01T00:00:00Z", Key: "k"}
	for name, test := range map[string]struct {
		number  int64
		parts   []part
		borders []int // seconds; the last is the end
	}{
		"even":               {4, []part{{at(0), at(40), true, 400}}, []int{10, 20, 30, 40}},
		"uneven":             {4, []part{{at(0), at(20), true, 100}, {at(20), at(40), false, 300}}, []int{20, 26, 33, 40}},
		"empty parts":        {2, []part{{at(0), at(20), true, 0}, {at(20), at(30), false, 200}, {at(30), at(40), false, 0}}, []int{25, 40}},
		"all in one second":  {9, []part{{at(0), at(1), true, 10_000}}, nil},
		"a second among few": {4, []part{{at(0), at(10), true, 50}, {at(10), at(11), false, 350}, {at(11), at(20), false, 0}}, []int{10, 20}},
		"nothing left":       {4, []part{{at(0), at(40), true, 0}}, nil},
	} {
		c := &cutter{st: &standing{}, number: test.number}
		c.st.state.Pass = &checkpoint.Pass{Place: checkpoint.Place{Cursor: cursor, Page: 3}}
		var want []checkpoint.Window
		for i, b := range test.borders {
			w := checkpoint.Window{Before: text(b)}
			if i == 0 {
				w.Cursor = cursor
			} else {
				w.From = text(test.borders[i-1])
			}
			want = append(want, w)
		}
		if diff := cmp.Diff(want, c.windows(test.parts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestHowManyWindows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ records, parallel, least, want int64 }{
		{1_000_000, 8, 8000, 16},   // two for each
		{1_000_000, 2, 8000, 12},   // none larger than 90,000
		{10_000_000, 8, 8000, 112}, // and no round that is not full
		{1_000_000, 1, 8000, 1},
		{100_000, 8, 20_000, 5}, // none smaller than four pages
		{39_999, 8, 20_000, 1},
		{0, 8, 20_000, 0},
	} {
		if n := howMany(test.records, test.parallel, test.least); n != test.want {
			t.Errorf("%d records, %d at a time, %d at least: %d windows, want %d", test.records, test.parallel, test.least, n, test.want)
		}
	}
}
