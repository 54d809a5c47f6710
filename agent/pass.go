package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// The agent leaves within two seconds of a signal, also if the destination does
// not answer: a pass may take grace to finish the batch in hand and save, giving
// the lease back may take releaseGrace.
const (
	grace        = 1300 * time.Millisecond
	releaseGrace = 400 * time.Millisecond
)

// standing is a stream in a run: where it stood when the run began.
type standing struct {
	stream *stream
	state  checkpoint.Stream
	expect uint64 // the destination's sequence
	next   uint64 // above both stores' sequences
	settle bool   // the state file says something else, see Agent.settle
}

// begin decides what the pass does: go on with one that was interrupted, fetch
// everything again, or fetch what has changed since the position.
func (st *standing) begin(force bool, lookback time.Duration, now time.Time) (resumed bool) {
	s := &st.state
	if s.Pass != nil && (s.Pass.Forced || !force) {
		return true
	}
	s.Counters = checkpoint.Counters{}
	switch {
	case force:
		s.Pass = &checkpoint.Pass{Full: true, Forced: true}
	case s.Position == nil:
		s.Pass = &checkpoint.Pass{Full: true}
	default:
		s.Pass = &checkpoint.Pass{Cursor: *s.Position}
		if !s.LastFinishedAt.IsZero() {
			lookBack(s.Pass, lookback)
		}
	}
	s.Pass.StartedAt = now.UTC()
	return false
}

// pass walks one stream from where it stands until the source has no more. With
// an error the report says how far it came.
func (a *Agent) pass(ctx context.Context, runID string, st *standing, force bool) (PassReport, error) {
	begun := time.Now()
	resumed := st.begin(force, a.config.Lookback, a.now())
	p := st.state.Pass
	first := p.Full && !p.Forced
	retry := newRetrier("source, "+st.stream.name, a.config.RetryFor, a.observe)
	if !resumed {
		q := record.Query{Shape: st.stream.shape, Feed: st.stream.feed, Filter: st.stream.filter, After: st.from()}
		n, ok, err := countWithRetry(ctx, a.source, q, retry)
		if err != nil {
			return PassReport{}, fmt.Errorf("count %s: %w", st.stream.name, err)
		}
		if ok {
			p.Total = &n
		}
		retry.succeeded()
	}
	if !resumed && p.Forced {
		// A crash behind the destination's first commit must find that this pass
		// was a forced one.
		s := st.state
		s.Sequence = st.next - 1
		if err := a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutStream(st.stream.name, s) }); err != nil {
			return PassReport{}, err
		}
	}
	a.live.set(st.stream.name, st.state)
	next := p.Batch + 1
	if p.PageDone {
		next = 1
	}
	a.observe(PassStarted{
		Stream: st.stream.name, Feed: st.stream.feed, From: st.from().Timestamp, Full: p.Full, Forced: p.Forced,
		Resumed: resumed, Batch: next, Batches: st.stream.batches(), Done: st.state.Counters.Seen(),
		Total: p.Total, Keys: a.keys.Stats().Keys,
	})
	f, w := a.fetcher(st, retry), a.writer(st, runID)
	err := a.walk(ctx, f, w)
	report := PassReport{
		Stream: st.stream.name, Counters: w.state.Counters, Pages: f.page, Unfit: w.unfit, Duration: time.Since(begun),
	}
	if err != nil {
		return report, err
	}
	if first {
		if report.Check, err = a.compare(ctx, st.stream, w.state.Counters, retry); err != nil {
			return report, err
		}
	}
	a.observe(PassFinished{report})
	return report, nil
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
	if err == nil {
		// Everything has arrived: the last group, and the end of the pass if the
		// fetcher has come to it, are one commit.
		err = w.flush(writeCtx, fetchErr == nil)
	}
	if err == nil {
		err = fetchErr
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return err
}

func (a *Agent) writer(st *standing, runID string) *writer {
	return &writer{
		dest: a.dest, file: a.file, keys: a.keys, stream: st.stream, runID: runID, observe: a.observe, now: a.now,
		retry:  newRetrier("destination, "+st.stream.name, a.config.RetryFor, a.observe),
		stored: func(s checkpoint.Stream) { a.live.set(st.stream.name, s) },
		state:  st.state, expect: st.expect, next: st.next,
	}
}

func (a *Agent) fetcher(st *standing, retry *retrier) *fetcher {
	p := st.state.Pass
	f := &fetcher{
		source: a.source, stream: st.stream, full: p.Full, retry: retry, observe: a.observe, now: a.now,
		ending:   newRetrier("source, end of "+st.stream.name, a.config.RetryFor, a.observe),
		throttle: throttle{base: st.stream.sizes.Throttle},
		cursor:   p.Cursor, saved: p.Cursor, second: p.Second, savedSecond: p.Second, page: p.Page,
		secondFound: p.Second && p.Cursor.Key != "", placeless: make(map[string]bool),
	}
	if t, err := record.ParseTimestamp(p.Again); err == nil {
		f.againUntil = t
	}
	if p.Page > 0 && !p.PageDone && p.PageRows < st.stream.sizes.Page {
		// Go on in the middle of the page: ask for as many as it still has.
		f.pageResumed, f.rows, f.batches = true, p.PageRows, p.Batch
	}
	return f
}

// compare checks a first backfill against the source's own count.
func (a *Agent) compare(ctx context.Context, s *stream, n checkpoint.Counters, retry *retrier) (*Check, error) {
	count, ok, err := countWithRetry(ctx, a.source, record.Query{Shape: s.shape, Feed: s.feed, Filter: s.filter, All: true}, retry)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", s.name, err)
	}
	if !ok {
		return nil, nil //nolint:nilnil // no count, no check: both are said by the report's nil
	}
	var tally record.Tally
	err = newRetrier("destination, "+s.name, a.config.RetryFor, a.observe).do(ctx, func() error {
		tally, err = a.tables.Tally(ctx, s.name, s.shape, s.copyFeed)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Check{Source: count, Rows: tally.Rows, Skipped: n.Skipped, Rejected: tally.Rejects, Deleted: n.Deleted}, nil
}
