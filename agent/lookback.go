package agent

import (
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// Sources commit late: a row can appear with a timestamp that is older than the
// position. So a pass behind one that has finished begins a little earlier, with
// a cursor of its own; the position never moves back, and a pass that was
// interrupted goes on where it stood. What is read a second time and found
// unchanged is not counted a second time.

// lookBack sets a new pass's cursor back: as far as told, or to where the pass
// before was last held against the source's count, if that is farther.
func lookBack(s *checkpoint.Stream, by time.Duration) {
	p := s.Pass
	at, err := record.ParseTimestamp(p.Cursor.Timestamp)
	if by <= 0 || err != nil {
		return
	}
	p.Again = p.Cursor.Timestamp
	p.Cursor = checkpoint.Position{Timestamp: record.WholeSecond(at.Add(-by))}
	if earlier(s.Checked, p.Cursor.Timestamp) {
		p.Cursor.Timestamp = s.Checked
	}
}

// mostAhead is how far earlier versions let a position go ahead of the present.
const mostAhead = 24 * time.Hour

// outOfTheFuture takes a position back that lies ahead of the present, as earlier
// versions left it behind a record that did: all that came to the present since
// was filtered away. It goes back to where the present can have been at the
// earliest when the position was reached.
func outOfTheFuture(s *checkpoint.Stream, now time.Time) {
	if s.Position == nil {
		return
	}
	if at, err := record.ParseTimestamp(s.Position.Timestamp); err == nil && at.After(now) {
		s.Position = &checkpoint.Position{Timestamp: record.WholeSecond(at.Add(-mostAhead))}
	}
}

// spanFrom is the first timestamp of which a walk from a cursor brings all.
func spanFrom(c checkpoint.Position) string {
	at, err := record.ParseTimestamp(c.Timestamp)
	if err != nil || c.Key == "" {
		return c.Timestamp
	}
	return record.NextSecond(at)
}

// from is what the pass shall bring news of: what lies behind it is counted and
// shown.
func (st *standing) from() record.Cursor {
	if st.state.Pass.Again != "" && st.state.Position != nil {
		return record.Cursor(*st.state.Position)
	}
	return record.Cursor(st.state.Pass.Cursor)
}

// again reports whether the record lies in the span that is read a second time.
func (f *fetcher) again(r *record.Record) bool {
	return !f.againUntil.IsZero() && !r.Time.After(f.againUntil)
}
