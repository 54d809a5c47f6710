package agent

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// A listing may come later than its children, or come back after it had left. Its
// children may be older than what their stream still asks for by time, so they are
// asked for by their parent's key. What is to be asked for stands in the
// destination (agent_orphan), put there in the transaction that passed a child by
// or brought a new listing, and struck off in the one that stores the last of the
// children: late, never lost, and a lost state file changes nothing.

const (
	// orphanChunk is how many parents are looked up in one go: enough for several
	// questions, and no memory to speak of.
	orphanChunk = 1000
	// anewShare: where more than one in so many of all listings are new to a child
	// stream, reading all of it again costs less than asking for their children.
	anewShare = 20
)

// fewNew is how many new listings are few however many there are in all: their
// children are one question.
func (c *Config) fewNew() int { return cmp.Or(c.anewFrom, errandKeys) }

// owe notes, for each child stream that has begun, listings that the exact index
// lacks. One that has not begun will read all of its records anyway.
func (w *writer) owe(tx *checkpoint.Tx, missing map[string]struct{}) error {
	if len(missing) == 0 {
		return nil
	}
	for _, child := range w.children {
		s, _, err := tx.Stream(child)
		if err != nil {
			return err
		}
		if s.Position == nil && s.Pass == nil {
			continue
		}
		if w.group.owed == nil {
			w.group.owed = make(map[string]map[string]struct{})
		}
		if w.group.owed[child] == nil {
			w.group.owed[child] = make(map[string]struct{})
		}
		maps.Copy(w.group.owed[child], missing)
	}
	return nil
}

// owedBy gives what is owed in the destination's form.
func (g *gathered) owedBy() map[string][]string {
	if g.owed == nil {
		return nil
	}
	out := make(map[string][]string, len(g.owed))
	for child, parents := range g.owed {
		out[child] = slices.Sorted(maps.Keys(parents))
	}
	return out
}

// bringHome fetches the children of listings that are there by now and were not
// when their children were passed by, or have come since.
func (a *Agent) bringHome(ctx context.Context, runID string, st *standing) (checkpoint.Counters, error) {
	ready := 0
	err := a.eachReady(ctx, st, func(parents []string) error { ready += len(parents); return nil })
	if err != nil || ready == 0 {
		return checkpoint.Counters{}, err
	}
	if ready > max(a.config.fewNew(), int(a.keys.Stats().Keys/anewShare)) { //nolint:gosec // far below the limit
		return checkpoint.Counters{}, a.beginAnew(ctx, st, ready)
	}
	e := a.errands(runID)
	err = a.eachReady(ctx, st, func(parents []string) error {
		return e.fetch(ctx, st, st.stream.shape.Parent, parents, true)
	})
	if err == nil {
		a.observe(OrphansHome{Stream: st.stream.name, Parents: ready, Counters: e.done})
	}
	return e.done, err
}

// eachReady hands over, in key order, the parents that a stream's children wait
// for and that are in the exact index.
func (a *Agent) eachReady(ctx context.Context, st *standing, do func(parents []string) error) error {
	for after := ""; ; {
		var waited []string
		err := newRetrier("destination, orphans", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
			waited, err = a.aside.Orphans(ctx, st.stream.name, after, orphanChunk)
			return err
		})
		if err != nil || len(waited) == 0 {
			return err
		}
		after = waited[len(waited)-1]
		var missing map[string]struct{}
		err = a.file.View(func(tx *checkpoint.Tx) (err error) {
			missing, err = a.keys.Missing(tx.Bolt(), slices.Clone(waited))
			return err
		})
		if err != nil {
			return err
		}
		ready := slices.DeleteFunc(waited, func(p string) bool { _, absent := missing[p]; return absent })
		if len(ready) == 0 {
			continue
		}
		if err := do(ready); err != nil {
			return err
		}
	}
}

// beginAnew has the stream read from its beginning in place of asking for the
// children of so many listings. That it must be is part of the stream's state in
// both stores from the same transactions on that strike the listings off: behind a
// crash either they are still on the list, or the state says so. A forced pass
// takes it over when it begins, and an interrupted one goes on as forced.
func (a *Agent) beginAnew(ctx context.Context, st *standing, ready int) error {
	a.notice(false, "%s: %d listings are new, more than one in %d: all of it is read again, as with --force", st.stream.name, ready, anewShare)
	l := a.ledger(st)
	return a.eachReady(ctx, st, func(parents []string) error {
		g := &record.Group{Stream: st.stream.name, Shape: st.stream.shape, Arrived: parents}
		_, err := l.commit(ctx, g, newRetrier("destination, "+st.stream.name, a.config.RetryFor, a.observe),
			func(s checkpoint.Stream) (checkpoint.Stream, error) {
				s.Anew = true
				return s, nil
			})
		return err
	})
}
