package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// The agent leaves within two seconds of a signal, also if the destination does
// not answer: a pass may take grace to finish the batch in hand and save, giving
// the lease back may take releaseGrace, and closing the connections takes as long again.
const (
	grace        = 1100 * time.Millisecond
	releaseGrace = 250 * time.Millisecond
)

// standing is a stream in a run: where it stood when the run began.
type standing struct {
	stream *stream
	state  checkpoint.Stream
	expect uint64 // the destination's sequence
	next   uint64 // above both stores' sequences
	settle bool   // the state file says something else, see Agent.settle
	anew   string // the debt that the next pass pays; "" for none
}

// begin decides what the pass does: go on with one that was interrupted, fetch
// everything again, or fetch what has changed since the position.
func (st *standing) begin(force bool, lookback time.Duration, now time.Time) (resumed bool) {
	s := &st.state
	if owed := st.anew != "" && (s.Pass == nil || s.Pass.Anew != st.anew); owed {
		force = true
	} else if s.Pass != nil && (s.Pass.Forced || !force) {
		return true
	}
	s.Counters = checkpoint.Counters{}
	outOfTheFuture(s, now)
	switch {
	case force:
		s.Pass = &checkpoint.Pass{Full: true, Forced: true, Anew: st.anew}
	case s.Position == nil:
		s.Pass = &checkpoint.Pass{Full: true}
	default:
		s.Pass = &checkpoint.Pass{Place: checkpoint.Place{Cursor: *s.Position}}
		if !s.LastFinishedAt.IsZero() {
			lookBack(s, lookback)
		}
		s.Pass.From = spanFrom(s.Pass.Cursor)
	}
	s.Pass.Span = &checkpoint.Span{From: s.Pass.From}
	s.Pass.StartedAt = now.UTC()
	return false
}

// passWork is what the walks of one pass have in common, and what they add up.
type passWork struct {
	runID      string
	againUntil time.Time // up to here the last pass has read already; zero: nothing
	fresh      bool      // nothing of what comes should be there yet
	forced     bool
	full       bool
	miscount   int64 // of the source, as known

	mu         sync.Mutex
	pages      int
	unfit      int64
	unfitFirst string
	again      int64 // records that the last pass has read
}

// add takes over what a walk has counted.
func (p *passWork) add(f *fetcher, w *writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages += f.number - f.start.Page
	p.unfit += w.unfit
	p.unfitFirst = cmp.Or(p.unfitFirst, w.unfitFirst)
	p.again += int64(f.readAgain)
}

// pass walks one stream from where it stands until the source has no more. With
// an error the report says how far it came.
func (a *Agent) pass(ctx context.Context, runID string, st *standing, force bool) (PassReport, error) {
	begun := time.Now()
	resumed := st.begin(force, a.config.Lookback, a.present())
	p := st.state.Pass
	first := p.Full && !p.Forced
	retry := newRetrier("source, "+st.stream.name, a.config.RetryFor, a.observe)
	work := &passWork{runID: runID, forced: p.Forced, full: p.Full, miscount: st.state.Miscount}
	if t, err := record.ParseTimestamp(p.Again); err == nil {
		work.againUntil = t
	}
	if err := a.survey(ctx, st, resumed, work, retry); err != nil {
		return PassReport{}, err
	}
	a.live.set(st.stream.name, st.state)
	at, err := record.ParseTimestamp(p.Cursor.Timestamp)
	behind := resumed && err == nil && at.After(a.present())
	next := p.Batch + 1
	if p.PageDone {
		next = 1
	}
	from, windows := st.from().Timestamp, 0
	if len(p.Windows) > 0 && resumed {
		from = cmp.Or(p.Windows[0].Cursor.Timestamp, p.Windows[0].From, from)
	}
	for _, w := range p.Windows {
		if !w.Done {
			windows++
		}
	}
	a.observe(PassStarted{
		Stream: st.stream.name, Feed: st.stream.feed, From: from, Full: p.Full, Forced: p.Forced, Anew: p.Anew != "",
		Resumed: resumed, Batch: next, Batches: st.stream.batches(), Done: st.state.Counters.Seen(),
		Total: p.Total, Keys: a.keys.Stats().Keys, Windows: windows,
	})
	err = a.walks(ctx, st, work)
	report := PassReport{
		Stream: st.stream.name, Counters: st.state.Counters, Pages: work.pages, Unfit: work.unfit, UnfitFirst: work.unfitFirst, ReadAgain: work.again, Duration: time.Since(begun),
		Gap: st.state.Gap, behind: behind,
	}
	if err != nil {
		return report, err
	}
	if first {
		if report.Check, err = a.compare(ctx, st.stream, st.state.Counters, retry); err != nil {
			return report, err
		}
	}
	if err := a.notePass(ctx, st, report.Check); err != nil {
		return report, err
	}
	a.observe(PassFinished{report})
	return report, nil
}

// survey finds out what a pass has before it: how much, in which windows, and
// whether any of it can be there already.
func (a *Agent) survey(ctx context.Context, st *standing, resumed bool, work *passWork, retry *retrier) error {
	p := st.state.Pass
	if !resumed {
		err := newRetrier("destination, "+st.stream.name, a.config.RetryFor, a.observe).do(ctx, func() error {
			some, err := a.tables.HasRows(ctx, st.stream.shape)
			work.fresh = !some
			return err
		})
		if err != nil {
			return err
		}
	}
	if !resumed || (a.config.Parallel > 1 && p.Total != nil && len(p.Windows) == 0 && !p.Alone) {
		q := record.Query{Shape: st.stream.shape, Feed: st.stream.feed, Filter: st.stream.filter, After: st.from()}
		n, ok, err := a.total(ctx, q, retry)
		if err != nil {
			return fmt.Errorf("count %s: %w", st.stream.name, err)
		}
		if ok && !resumed {
			p.Total = &n
		}
		if ok && len(p.Windows) == 0 {
			if p.Windows, err = a.cut(ctx, st, n, retry); err != nil {
				return fmt.Errorf("cut %s into windows: %w", st.stream.name, err)
			}
		}
		retry.succeeded()
	}
	if !resumed && p.Forced {
		// A crash behind the destination's first commit must find that this pass
		// was a forced one.
		s := st.state
		s.Sequence = st.next - 1
		return a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutStream(st.stream.name, s) })
	}
	return nil
}

// walks walks the windows of a pass, if it has any, and then what lies behind
// them.
func (a *Agent) walks(ctx context.Context, st *standing, work *passWork) error {
	l := a.ledger(st)
	err := a.sideBySide(ctx, l, work)
	if errors.Is(err, errStray) || errors.Is(err, errNoEnd) {
		a.notice(true, "%v; going on without windows, one page after the other", err)
		l.giveUp()
		err = nil
	}
	if err != nil {
		return err
	}
	p := st.state.Pass
	f, w := a.fetcher(st.stream, p.Place, a.retrier(st.stream)), a.writer(l, work.runID)
	f.full, f.againUntil = p.Full, work.againUntil
	w.fresh, w.forced = work.fresh, work.forced
	w.place = func(s *checkpoint.Stream) *checkpoint.Place { return &s.Pass.Place }
	span := a.spanOf(&st.state)
	var short shortfall
	if span != nil {
		f.tally.from, f.tally.old, f.tally.before = whole(span.From), whole(span.Old), whole(span.Before)
		c := check{agent: a, ledger: l, fetch: f, write: w, retry: a.retrier(st.stream), span: *span, forced: p.Forced, full: p.Full, known: st.state.Miscount}
		c.before = missing(p.Gap)
		w.check = func(ctx, write context.Context) (err error) { short, err = c.run(ctx, write); return err }
	}
	w.end = func(s *checkpoint.Stream) error { endPass(s, short, a.now()); return nil }
	w.paid = paid(st.stream.name, p)
	err = a.walk(ctx, f, w)
	work.add(f, w)
	if err == nil {
		st.anew = ""
	}
	if err == nil && p.Forced && short.counted && st.state.Miscount > 0 {
		a.notice(true, "%s: a walk by time and one by key both ended, and the source still counts %d records more than came: that is taken for its miscount, and only what exceeds it will be a gap",
			st.stream.name, st.state.Miscount)
	}
	if err == nil && short.young > 0 {
		a.notice(false, "%s: the source counts %d records more in the last minutes than have come; the next pass reads them again and counts again",
			st.stream.name, short.young)
	}
	return err
}

// spanOf is the span that the last walk of a pass is held against, from its
// beginning on; nil for a pass that was begun by a version which did not count.
// What is older than the lookback is read for the last time.
func (a *Agent) spanOf(s *checkpoint.Stream) *checkpoint.Span {
	p := *s.Pass
	if p.Span == nil || p.Span.Before != "" {
		return p.Span
	}
	now := a.present()
	old := record.WholeSecond(now.Add(-a.config.Lookback))
	p.Span = &checkpoint.Span{From: p.Span.From, Old: old, Before: record.WholeSecond(now)}
	s.Pass = &p
	return p.Span
}

// whole reads a timestamp of the agent's own; "" is the beginning.
func whole(text string) time.Time {
	at, err := record.ParseTimestamp(text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// endPass makes a pass one that has finished.
func endPass(s *checkpoint.Stream, short shortfall, now time.Time) {
	settleGap(s, short, now)
	s.Pass = nil
	s.LastFinishedAt = now.UTC()
	s.Log(s.Counters)
}

// walk runs a fetcher and a writer side by side until the source has no more.
// The writer, also with an error, has what was stored.
func (a *Agent) walk(ctx context.Context, f *fetcher, w *writer) error {
	// The writer outlives the fetcher by the grace, so that what was fetched
	// before a signal is stored.
	writeCtx, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	stopWaiting := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, stopWriting)
		context.AfterFunc(writeCtx, func() { timer.Stop() })
	})
	defer stopWaiting()
	fetchCtx, stopFetching := context.WithCancel(ctx)
	defer stopFetching()

	chunks := make(chan chunk, 4)
	f.out = chunks
	fetched := make(chan error, 1)
	go func() { fetched <- f.run(fetchCtx) }()
	err := w.run(writeCtx, chunks)
	if err != nil {
		stopFetching() // it may be waiting to hand on a chunk, or asleep
	}
	fetchErr := <-fetched
	if f.stored != nil {
		defer f.stored() // also where it was not stored
	}
	if err == nil && fetchErr == nil && w.check != nil {
		err = w.check(ctx, writeCtx)
	}
	if err == nil {
		// Everything has arrived: the last group, and the end of the walk if the
		// fetcher has come to it, are one commit.
		err = w.finish(writeCtx, fetchErr == nil)
	}
	if err == nil {
		err = fetchErr
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return err
}

func (a *Agent) writer(l *ledger, runID string) *writer {
	var children []string
	if l.stream.Listing {
		children = a.config.childStreams()
	}
	return &writer{
		children: children, unfiled: a.unfiled, ledger: l, file: a.file, keys: a.keys, stream: l.stream, runID: runID, observe: a.observe, limit: maxGroupBytes,
		retry: newRetrier("destination, "+l.stream.name, a.config.RetryFor, a.observe), present: a.present, hide: a.hide,
	}
}

// retrier is one for questions about a stream.
func (a *Agent) retrier(s *stream) *retrier {
	return newRetrier("source, "+s.name, a.config.RetryFor, a.observe)
}

// fetcher walks on from a place, by itself.
func (a *Agent) fetcher(s *stream, from checkpoint.Place, retry *retrier) *fetcher {
	f := &fetcher{
		large:  a.large,
		source: a.source, stream: s, retry: retry, observe: a.observe, present: a.present, start: from,
		ending: newRetrier("source, end of "+s.name, a.config.RetryFor, a.observe),
		cursor: from.Cursor, saved: from.Cursor, second: from.Second, savedSecond: from.Second, number: from.Page,
		secondFound: from.Second && from.Cursor.Key != "",
		tally:       tally{came: from.Came, young: from.Young, later: from.Later},
	}
	if from.Page > 0 && !from.PageDone && from.PageRows < s.sizes.Page {
		// Go on in the middle of the page: ask for as many as it still has.
		f.page = sheet{resumed: true, rows: from.PageRows, batches: from.Batch}
	}
	return f
}
