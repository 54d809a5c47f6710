package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
	"resoagent/keyset"
)

const (
	// A group is committed when it is this old or this large: a crash costs at
	// most the work of that second, and memory stays small.
	maxGroupAge   = time.Second
	maxGroupBytes = 4 << 20
	// maxRejectsInRow stops a run: an outage must not turn into rejects.
	maxRejectsInRow = 1000
)

// writer takes chunks, leaves out children without a parent, and commits groups
// to the destination and then to the state file.
type writer struct {
	dest    Destination
	file    *checkpoint.File
	keys    *keyset.Set
	stream  *stream
	runID   string
	retry   *retrier
	observe func(Event)
	stored  func(checkpoint.Stream) // told of each state that both stores have
	now     func() time.Time

	state  checkpoint.Stream // as last committed to both
	expect uint64            // the destination's sequence; differs from state's after a divergence
	next   uint64            // the next sequence, above both

	chunks  []chunk
	bytes   int
	since   time.Time // when the group began
	orphans map[string]struct{}
	unfit   int64
	inRow   int // rejects in a row, over the groups

	errand  bool                // not a pass: position and pass stay where they are
	arrived []string            // parents whose children are all stored when the errand is done
	fetched checkpoint.Counters // of the errand

	page checkpoint.Counters // of the page under way, over the groups it is spread over
}

// run commits groups until the fetcher closes the channel; what is left then is
// for a last flush. ctx bounds the commits; the fetcher has a context of its own.
func (w *writer) run(ctx context.Context, in <-chan chunk) error {
	var due <-chan time.Time
	for {
		select {
		case c, open := <-in:
			if !open {
				return nil
			}
			if err := w.add(c); err != nil {
				return err
			}
			if due == nil {
				due = time.After(maxGroupAge)
			}
			if w.bytes < maxGroupBytes && time.Since(w.since) < maxGroupAge {
				continue
			}
		case <-due:
		}
		due = nil
		if err := w.flush(ctx, false); err != nil {
			return err
		}
	}
}

// add filters a chunk and puts it into the group.
func (w *writer) add(c chunk) error {
	if len(w.chunks) == 0 {
		w.since = time.Now()
		w.orphans = make(map[string]struct{})
	}
	if w.stream.child() {
		if err := w.filter(&c.batch); err != nil {
			return err
		}
	}
	for i := range c.batch.Records {
		w.bytes += c.batch.Records[i].Size()
	}
	w.unfit += c.unfit
	w.chunks = append(w.chunks, c)
	return nil
}

// filter leaves out children whose parent is not in the exact index. Soft
// deletes pass: their row must go whether or not the parent is there.
func (w *writer) filter(b *record.Batch) error {
	parents := make([]string, 0, len(b.Records))
	for i := range b.Records {
		if r := &b.Records[i]; r.Reason == "" && !r.Deleted {
			parents = append(parents, r.Parent)
		}
	}
	var missing map[string]struct{}
	err := w.file.View(func(tx *checkpoint.Tx) (err error) {
		missing, err = w.keys.Missing(tx.Bolt(), parents)
		return err
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	kept := b.Records[:0]
	for _, r := range b.Records {
		if _, orphan := missing[r.Parent]; orphan && r.Reason == "" && !r.Deleted {
			w.orphans[r.Parent] = struct{}{}
			b.Skipped++
			continue
		}
		kept = append(kept, r)
	}
	clear(b.Records[len(kept):])
	b.Records = kept
	return nil
}

// flush commits the group, first to the destination and then to the state file;
// finish also ends the pass.
func (w *writer) flush(ctx context.Context, finish bool) error {
	if len(w.chunks) == 0 && !finish {
		return nil
	}
	var pending checkpoint.Stream
	var inRow int
	g := w.group(finish)
	g.Mark = func(g *record.Group) (m record.Mark, err error) {
		if inRow, err = w.rejectsInRow(g); err != nil {
			return record.Mark{}, err
		}
		if pending, err = w.after(g, finish); err != nil {
			return record.Mark{}, err
		}
		return mark(w.stream.name, pending)
	}
	crashpoint.At(crashpoint.BeforeCommit)
	// 1. The destination. After a crash behind this line the rows are there and
	// the state file is one behind: the group is fetched again and found unchanged.
	if err := w.retry.do(ctx, func() error { return w.dest.Commit(ctx, g) }); err != nil {
		return err
	}
	crashpoint.At(crashpoint.AfterCommit)
	// 2. The state file. pending is what the attempt that went through has
	// stored, also if its acknowledgement was lost.
	err := w.file.Update(func(tx *checkpoint.Tx) error {
		if !w.stream.child() {
			if err := w.keys.Add(tx.Bolt(), parentKeys(g)); err != nil {
				return err
			}
			crashpoint.At(crashpoint.KeysGrown)
		}
		err := tx.PutStream(w.stream.name, pending)
		crashpoint.At(crashpoint.StateOpen)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", w.stream.name, err)
	}
	crashpoint.At(crashpoint.AfterState)
	before := w.state.Counters
	w.state, w.expect, w.next, w.inRow = pending, pending.Sequence, pending.Sequence+1, inRow
	if w.errand {
		w.reportErrand(g)
	} else {
		w.report(g, before)
	}
	w.chunks, w.bytes, w.orphans = nil, 0, nil
	return nil
}

func (w *writer) group(finish bool) *record.Group {
	g := &record.Group{
		Stream: w.stream.name, Shape: w.stream.shape, Feed: w.stream.copyFeed, RunID: w.runID,
		Forced: !w.errand && w.state.Pass != nil && w.state.Pass.Forced, Expect: w.expect, Sequence: w.next,
	}
	if finish {
		g.Arrived = w.arrived
	}
	for _, c := range w.chunks {
		g.Batches = append(g.Batches, c.batch)
	}
	for p := range w.orphans {
		g.Orphans = append(g.Orphans, p)
	}
	slices.Sort(g.Orphans)
	return g
}

// after is the stream's state once the group is stored.
func (w *writer) after(g *record.Group, finish bool) (checkpoint.Stream, error) {
	s := w.state
	if w.errand {
		return w.afterErrand(g), nil
	}
	pass := *s.Pass
	s.Pass = &pass
	s.Sequence = w.next
	for i, c := range w.chunks {
		b := &g.Batches[i]
		s.Counters.Add(counters(b))
		pass.Cursor, pass.Second = c.cursor, c.second
		pass.Page, pass.Batch, pass.PageRows, pass.PageDone = b.Page, b.Number, c.rows, c.pageEnd
	}
	if err := movePosition(&s); err != nil {
		return s, err
	}
	if finish {
		s.Pass = nil
		s.LastFinishedAt = w.now().UTC()
		s.Log(s.Counters)
	}
	return s, nil
}

// movePosition lets the stream's position follow the pass's cursor, but never
// back: a forced pass begins far behind it, one that looks back a little. Keys
// inside one timestamp are not compared, since their order is the server's
// business.
func movePosition(s *checkpoint.Stream) error {
	if s.Pass.Second || s.Pass.Cursor == (checkpoint.Position{}) {
		return nil
	}
	if s.Position != nil {
		old, err := record.ParseTimestamp(s.Position.Timestamp)
		if err != nil {
			return err
		}
		at, err := record.ParseTimestamp(s.Pass.Cursor.Timestamp)
		if err != nil {
			return err
		}
		if at.Before(old) || ((s.Pass.Forced || s.Pass.Again != "") && at.Equal(old)) {
			return nil
		}
	}
	cursor := s.Pass.Cursor
	s.Position = &cursor
	return nil
}

// mark is a state in the destination's form.
func mark(stream string, s checkpoint.Stream) (record.Mark, error) {
	state, err := json.Marshal(s)
	if err != nil {
		return record.Mark{}, fmt.Errorf("encode state: %w", err)
	}
	m := record.Mark{Stream: stream, Sequence: s.Sequence, Fingerprint: s.Fingerprint, State: state}
	if s.Position != nil {
		m.Position = record.Cursor(*s.Position)
	}
	return m, nil
}

// rejectsInRow counts rejects in the order of the source, across groups.
func (w *writer) rejectsInRow(g *record.Group) (int, error) {
	n := w.inRow
	for i := range g.Batches {
		for j := range g.Batches[i].Records {
			r := &g.Batches[i].Records[j]
			reason, bad := r.Bad()
			if !bad {
				n = 0
				continue
			}
			if n++; n > maxRejectsInRow {
				return n, fmt.Errorf("%s, page %d, key %q: %w (more than %d; the last: %s)",
					w.stream.name, g.Batches[i].Page, r.Key, ErrRejects, maxRejectsInRow, reason)
			}
		}
	}
	return n, nil
}

func counters(b *record.Batch) checkpoint.Counters {
	o := b.Outcome
	if b.Again {
		// The pass before has counted these, but for what is new among them.
		return checkpoint.Counters{Written: o.Written, Deleted: o.Removed, Failed: o.Failed - o.Known}
	}
	return checkpoint.Counters{
		Written: o.Written, Unchanged: o.Unchanged, Deleted: o.Deleted, Failed: o.Failed, Skipped: int64(b.Skipped),
	}
}

func parentKeys(g *record.Group) []string {
	var keys []string
	for i := range g.Batches {
		for j := range g.Batches[i].Records {
			r := &g.Batches[i].Records[j]
			if _, bad := r.Bad(); !bad {
				keys = append(keys, r.Key)
			}
		}
	}
	return keys
}
