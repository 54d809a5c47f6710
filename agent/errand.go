package agent

import (
	"context"
	"errors"
	"fmt"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// An errand fetches a few records by key, beside the walk through a stream:
// children whose parent has come, or rejects that are given another chance. It
// commits like a pass, with sequence, incarnation and the stream's mark, but
// leaves position and pass alone. A crash in the middle costs nothing: what the
// errand was for is still on its list.

// errandKeys is how many keys one question asks for: long enough to be quick,
// short enough for the address line (40 bytes a key are 6 KB).
const errandKeys = 100

// errands are those of one run.
type errands struct {
	agent *Agent
	runID string
	size  int // keys a question; smaller once the source has refused more
	done  checkpoint.Counters
}

func (a *Agent) errands(runID string) *errands {
	return &errands{agent: a, runID: runID, size: errandKeys}
}

// fetch brings the records that have one of the keys in the field. Parents'
// entries among the orphans go with the last group where arrived is set. A
// source that refuses the question gets it in halves: some take no more than 50
// terms, or no long addresses.
func (e *errands) fetch(ctx context.Context, st *standing, field string, keys []string, arrived bool) error {
	for len(keys) > 0 {
		n := min(e.size, len(keys))
		err := e.ask(ctx, st, record.Only{Field: field, Keys: keys[:n]}, arrived)
		var r refused
		if n > 1 && (isAbsent(err) || errors.As(err, &r) && r.Refused()) {
			e.size = (n + 1) / 2
			continue
		}
		if err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (e *errands) ask(ctx context.Context, st *standing, only record.Only, arrived bool) error {
	a := e.agent
	retry := newRetrier("source, "+st.stream.name, a.config.RetryFor, a.observe)
	f := a.fetcher(st.stream, checkpoint.Place{}, retry)
	f.full, f.byKey, f.only, f.observe = true, true, only, a.quiet // an end that the count must confirm
	w := a.writer(a.ledger(st), e.runID)
	w.beside, w.byKey, w.observe = (*checkpoint.Stream).Log, true, a.quiet
	if arrived {
		w.arrived = only.Keys
	}
	err := a.walk(ctx, f, w)
	e.done.Add(w.fetched)
	if err != nil {
		return fmt.Errorf("by %s: %w", only.Field, err)
	}
	return nil
}

// quiet reports what is not the walk through a stream: its pages are none of that.
func (a *Agent) quiet(e Event) {
	switch e.(type) {
	case Retrying, Recovered, Notice, RecordsRefused, GroupStored:
		a.observe(e)
	}
}

func groupCounters(g *record.Group) (n checkpoint.Counters) {
	for i := range g.Batches {
		n.Add(counters(&g.Batches[i]))
	}
	return n
}

func (w *writer) reportErrand(g *record.Group) {
	w.fetched.Add(groupCounters(g))
	for i := range g.Batches {
		w.reportRefused(&g.Batches[i])
	}
}
