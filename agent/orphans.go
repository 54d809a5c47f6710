package agent

import (
	"context"
	"maps"
	"slices"

	"resoagent/checkpoint"
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
)

// owe notes, for each child stream that has begun, listings that the exact index
// lacks. One that has not begun will read all of its records anyway, but for one
// that has rows and may go on from SyncLog's position.
func (w *writer) owe(tx *checkpoint.Tx, missing map[string]struct{}) error {
	if len(missing) == 0 {
		return nil
	}
	for _, child := range w.children {
		s, _, err := tx.Stream(child)
		if err != nil {
			return err
		}
		if s.Position == nil && s.Pass == nil && !w.unfiled[child] {
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
	if err != nil {
		return checkpoint.Counters{}, err
	}
	if ready > max(a.config.fewNew(), int(a.keys.Stats().Keys/anewShare)) { //nolint:gosec // far below the limit
		if err := a.oweAnew(ctx, runID, st, ready); err != nil {
			return checkpoint.Counters{}, err
		}
		ready = 0
	}
	if st.anew, err = a.owedAnew(ctx, st); err != nil || ready == 0 {
		return checkpoint.Counters{}, err
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
