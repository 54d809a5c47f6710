package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
	"resoagent/keyset"
)

const (
	// A group is committed when it is this old or this large: a crash costs at
	// most the work of that second, and memory stays small. The size is that of
	// the groups of all walks of a pass together.
	maxGroupAge   = time.Second
	maxGroupBytes = 4 << 20
)

// writer takes the chunks of one walk, leaves out children without a parent, and
// has the rest committed in groups. While one group is on its way the next one
// is gathered.
type writer struct {
	ledger   *ledger
	file     *checkpoint.File
	keys     *keyset.Set
	stream   *stream
	runID    string
	retry    *retrier
	observe  func(Event)
	present  func() time.Time                           // see record.Group.Present
	hide     func(string) string                        // takes tokens out of reasons
	children []string                                   // of a stream of listings: the streams that need them
	unfiled  map[string]bool                            // see Agent.unfiled
	window   int                                        // for people; 0: not a window
	place    func(*checkpoint.Stream) *checkpoint.Place // which of the account's places is this walk's
	end      func(*checkpoint.Stream) error             // what the walk's end does to the account
	limit    int                                        // bytes of a group
	fresh    bool                                       // nothing of what comes should be there yet
	forced   bool                                       // rows that look newer are overwritten too

	group      *gathered
	unfit      int64
	unfitFirst string // the first of them, by column, key and value

	// check is called when all has come and before the end is stored; nil: there is
	// nothing to check. The second context is for what it stores.
	check func(ctx, write context.Context) error
	// beside accounts for what is no part of the walk through a stream: position and
	// pass stay where they are. nil: it is that walk.
	beside  func(*checkpoint.Stream, checkpoint.Counters)
	byKey   bool                // the records were asked for by their keys
	arrived []string            // parents whose children are all stored when the errand is done,
	left    []string            // but for these, of which it had to leave some out
	fetched checkpoint.Counters // of the errand

	paid map[string][]string // what the walk's end strikes off, see record.Group.Paid

	page checkpoint.Counters // of the page under way, over the groups it is spread over
}

// gathered is a group in the making.
type gathered struct {
	chunks  []chunk
	bytes   int
	orphans map[string]struct{}
	owed    map[string]map[string]struct{} // by child stream: parents that are new
	fresh   bool
}

func (g *gathered) empty() bool { return len(g.chunks) == 0 }

// run has groups committed until the fetcher closes the channel; what is left
// then is for finish. ctx bounds the commits; the fetcher has a context of its own.
func (w *writer) run(ctx context.Context, in <-chan chunk) error {
	w.begin()
	groups, failed := make(chan *gathered), make(chan error, 1)
	go func() {
		for g := range groups {
			if err := w.flush(ctx, g, false); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	err := w.gather(in, groups, failed)
	if err == nil {
		close(groups)
		err = <-failed
	}
	return err
}

// gather fills groups and hands them over as they get old or large enough.
func (w *writer) gather(in <-chan chunk, groups chan<- *gathered, failed <-chan error) error {
	var due <-chan time.Time
	ripe := false
	for {
		from, to := in, groups
		if w.group.bytes >= w.limit {
			from = nil // no more before this one is on its way
		}
		if !ripe && w.group.bytes < w.limit {
			to = nil
		}
		select {
		case c, open := <-from:
			if !open {
				return nil
			}
			if w.group.empty() {
				due = time.After(maxGroupAge)
			}
			if err := w.add(c); err != nil {
				return w.stop(groups, failed, err)
			}
		case <-due:
			due, ripe = nil, true
		case to <- w.group:
			due, ripe = nil, false
			w.begin()
		case err := <-failed:
			return err
		}
	}
}

// stop ends the committing before an error is given back, so that nothing is
// written behind the caller's back.
func (w *writer) stop(groups chan<- *gathered, failed <-chan error, err error) error {
	close(groups)
	return errors.Join(err, <-failed)
}

func (w *writer) begin() { w.group = &gathered{fresh: w.fresh} }

// finish commits what is left, and with it the end of the walk if it has come to it.
func (w *writer) finish(ctx context.Context, done bool) error {
	if w.group.empty() && !done {
		return nil
	}
	g := w.group
	w.begin()
	return w.flush(ctx, g, done)
}

// add filters a chunk and puts it into the group.
func (w *writer) add(c chunk) error {
	if err := w.filter(&c.batch); err != nil {
		return err
	}
	for i := range c.batch.Records {
		w.group.bytes += c.batch.Records[i].Size()
	}
	if c.stored != nil {
		w.group.bytes = max(w.group.bytes, w.limit) // others may be waiting for it
	}
	w.unfit += c.unfit
	for i := range c.batch.Records {
		if w.unfitFirst == "" && c.unfit > 0 {
			w.unfitFirst = w.stream.shape.NameUnfit(&c.batch.Records[i], w.hide)
		}
	}
	w.group.chunks = append(w.group.chunks, c)
	return nil
}

// filter compares a batch with the exact index of parent keys. Children whose
// parent is not in it are left out; soft deletes pass, because their row must go
// whether or not the parent is there. Listings that are not in it are new: their
// children may have been passed by.
func (w *writer) filter(b *record.Batch) error {
	child := w.stream.child()
	if !child && !w.stream.Listing {
		return nil
	}
	keys := make([]string, 0, len(b.Records))
	for i := range b.Records {
		switch r := &b.Records[i]; {
		case r.Reason != "" || r.Deleted:
		case child:
			keys = append(keys, r.Parent)
		default:
			keys = append(keys, r.Key)
		}
	}
	var missing map[string]struct{}
	err := w.file.View(func(tx *checkpoint.Tx) (err error) {
		missing, err = w.keys.Missing(tx.Bolt(), keys)
		if err == nil && !child {
			err = w.owe(tx, missing)
		}
		return err
	})
	if err != nil || !child || len(missing) == 0 {
		return err
	}
	if w.group.orphans == nil {
		w.group.orphans = make(map[string]struct{})
	}
	kept := b.Records[:0]
	for _, r := range b.Records {
		if _, orphan := missing[r.Parent]; orphan && r.Reason == "" && !r.Deleted {
			w.group.orphans[r.Parent] = struct{}{}
			b.Skipped++
			continue
		}
		kept = append(kept, r)
	}
	clear(b.Records[len(kept):])
	b.Records = kept
	return nil
}

// flush commits a group; done also ends the walk.
func (w *writer) flush(ctx context.Context, gathered *gathered, done bool) error {
	g := w.toGroup(gathered, done)
	entered, err := w.ledger.commit(ctx, g, w.retry, func(s checkpoint.Stream) (checkpoint.Stream, error) {
		return w.after(s, gathered.chunks, g, done)
	})
	if err != nil {
		return err
	}
	for _, c := range gathered.chunks {
		if c.stored != nil {
			c.stored()
		}
	}
	w.observe(GroupStored{Stream: w.stream.name, Counters: groupCounters(g)})
	if w.beside != nil {
		w.reportErrand(g)
	} else {
		w.report(gathered.chunks, g, entered)
	}
	return nil
}

func (w *writer) toGroup(gathered *gathered, done bool) *record.Group {
	g := &record.Group{
		Hide:   w.hide,
		Stream: w.stream.name, Shape: w.stream.shape, RunID: w.runID, Forced: w.forced, Fresh: gathered.fresh,
		ByKey: w.byKey, Present: w.present(),
	}
	for _, c := range gathered.chunks {
		g.Batches = append(g.Batches, c.batch)
	}
	for p := range gathered.orphans {
		g.Orphans = append(g.Orphans, p)
	}
	slices.Sort(g.Orphans)
	g.Owed = gathered.owedBy()
	if w.beside != nil {
		w.left = append(w.left, g.Orphans...)
	}
	if done {
		g.Paid = w.paid
		g.Arrived = slices.DeleteFunc(slices.Clone(w.arrived), func(p string) bool { return slices.Contains(w.left, p) })
	}
	return g
}

// after is the stream's state once the group is stored.
func (w *writer) after(s checkpoint.Stream, chunks []chunk, g *record.Group, done bool) (checkpoint.Stream, error) {
	if w.beside != nil {
		w.beside(&s, groupCounters(g))
		return s, nil
	}
	pass := *s.Pass
	pass.Windows = slices.Clone(pass.Windows)
	s.Pass = &pass
	place, position := w.place(&s), checkpoint.Position{}
	for i, c := range chunks {
		s.Counters.Add(counters(&g.Batches[i]))
		*place, position = c.place, c.position
	}
	if err := movePosition(&s, position); err != nil || !done {
		return s, err
	}
	return s, w.end(&s)
}

// movePosition lets the stream's position follow a walk, but never back: a forced
// pass begins far behind it, one that looks back a little. Keys inside one
// timestamp are not compared, since their order is the server's business.
func movePosition(s *checkpoint.Stream, to checkpoint.Position) error {
	if to == (checkpoint.Position{}) {
		return nil
	}
	if s.Position != nil {
		old, err := record.ParseTimestamp(s.Position.Timestamp)
		if err != nil {
			return err
		}
		at, err := record.ParseTimestamp(to.Timestamp)
		if err != nil {
			return err
		}
		if at.Before(old) || ((s.Pass.Forced || s.Pass.Again != "") && at.Equal(old)) {
			return nil
		}
	}
	s.Position = &to
	return nil
}

func counters(b *record.Batch) checkpoint.Counters {
	o := b.Outcome
	if b.Again {
		// The pass before has counted these, but for what is new among them.
		return checkpoint.Counters{Written: o.Written, Deleted: o.Removed, Older: o.Older, Failed: o.Failed - o.Known, Repaired: o.Repaired - o.RepairedKnown}
	}
	return checkpoint.Counters{
		Written: o.Written, Unchanged: o.Unchanged, Deleted: o.Deleted, Older: o.Older, Failed: o.Failed, Skipped: int64(b.Skipped),
		Repaired: o.Repaired,
	}
}
