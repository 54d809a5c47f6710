package agent

import (
	"context"
	"errors"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// What is known beside positions and counters is kept in the state file for show, so
// that 'agent status' needs neither source nor destination, and counts nothing.

const (
	// noteFigures is the state file's note of what the destination said of itself last.
	noteFigures = "figures"
	// noteStreams is its note of what is known of each stream.
	noteStreams = "streams"
	// countEach is how old a source's count may be: a question more a day.
	countEach = 24 * time.Hour
)

// known is what the state file remembers of a stream for show.
type known struct {
	Rows      *int64    `json:"rows,omitempty"` // nil: not counted yet
	Estimated bool      `json:"estimated,omitempty"`
	RowsAt    time.Time `json:"rows_at,omitzero"`
	Rejects   int64     `json:"rejects"`
	Orphans   int64     `json:"orphans"`
	Source    *int64    `json:"source,omitempty"` // records that the source counts; nil: it was not asked, or does not count
	SourceAt  time.Time `json:"source_at,omitzero"`
	// Last is what the last pass did that brought anything at all.
	Last   checkpoint.Counters `json:"last"`
	LastAt time.Time           `json:"last_at,omitzero"`
}

// remember changes what is known of streams.
func (a *Agent) remember(change func(map[string]known)) error {
	return a.file.Update(func(tx *checkpoint.Tx) error {
		all := make(map[string]known)
		if err := tx.Note(noteStreams, &all); err != nil {
			return err
		}
		change(all)
		return tx.PutNote(noteStreams, all)
	})
}

// notePass keeps what a pass did, and what the source counted in all of the stream:
// for a first backfill that was asked for its check, and else once a day. A source that
// does not answer that is none that a run ends for.
func (a *Agent) notePass(ctx context.Context, st *standing, check *Check) error {
	var k known
	err := a.file.View(func(tx *checkpoint.Tx) error {
		all := make(map[string]known)
		err := tx.Note(noteStreams, &all)
		k = all[st.stream.name]
		return err
	})
	if err != nil {
		return err
	}
	now := a.now().UTC()
	if check != nil {
		k.Source, k.SourceAt = &check.Source, now
		k.Rows, k.Estimated, k.RowsAt = &check.Rows, false, now
	} else if age := now.Sub(k.SourceAt); age < 0 || age > countEach {
		q := record.Query{Shape: st.stream.shape, Feed: st.stream.feed, Filter: st.stream.filter, All: true}
		n, ok, err := a.source.Count(ctx, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if k.SourceAt = now; ok && err == nil { // asked, also where there was no answer
			k.Source = &n
		}
	}
	if n := st.state.Counters; n.Seen() > 0 {
		k.Last, k.LastAt = n, now
	}
	return a.remember(func(all map[string]known) { all[st.stream.name] = k })
}

// noteFigures keeps what the destination says of itself. Where it cannot be had, the
// figures stay as they were, and the run, whose work is done, goes on to its end.
func (a *Agent) noteFigures(ctx context.Context) error {
	figures, err := a.aside.Figures(ctx, a.config.holdings())
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, record.ErrLost) {
			return err
		}
		var t temporary
		if !errors.As(err, &t) || !t.Temporary() {
			a.notice(true, "the size of the destination, and what it holds, could not be asked for: %v", err)
		}
		return nil
	}
	stocks := figures.Streams
	figures.Streams = nil
	if err := a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutNote(noteFigures, figures) }); err != nil {
		return err
	}
	now := a.now().UTC()
	return a.remember(func(all map[string]known) {
		for name, stock := range stocks {
			k := all[name]
			if stock.Rows != nil {
				k.Rows, k.Estimated, k.RowsAt = stock.Rows, stock.Estimated, now
			}
			k.Rejects, k.Orphans = stock.Rejects, stock.Orphans
			all[name] = k
		}
	})
}

// show takes what is known of a stream over into its status. While nothing is under
// way, the counters are those of the last pass that brought anything: a row of zeros
// each quarter of an hour tells nobody what the agent has done.
func (k known) show(s *StreamStatus) {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	s.Rows, s.RowsEstimated, s.RowsAt = k.Rows, k.Estimated, at(k.RowsAt)
	s.Rejects, s.OrphanParents = k.Rejects, k.Orphans
	if s.SourceCount = k.Source; k.Source != nil {
		s.SourceCountAt = at(k.SourceAt)
	}
	switch {
	case s.Pass != nil:
	case s.Done() > 0:
		s.CountedAt = s.LastFinishedAt
	case k.Last.Seen() > 0:
		s.count(k.Last)
		s.CountedAt = at(k.LastAt)
	}
}
