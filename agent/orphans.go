package agent

import (
	"context"

	"resoagent/checkpoint"
)

// readyChunk is how many parents are looked up in one go: enough for several
// questions, and no memory to speak of.
const readyChunk = 1000

// bringHome fetches the children of listings that have come since the children
// were passed by. A listing's entry is struck off in the transaction that stores
// the last of its children: late, never lost. What is left to do is read from
// the destination, so a lost state file changes nothing.
func (a *Agent) bringHome(ctx context.Context, runID string, st *standing) (checkpoint.Counters, error) {
	e := a.errands(runID)
	parents, after := 0, ""
	for {
		var ready []string
		err := newRetrier("destination, orphans", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
			ready, err = a.aside.Ready(ctx, st.stream.name, after, readyChunk)
			return err
		})
		if err != nil {
			return e.done, err
		}
		if len(ready) == 0 {
			break
		}
		if err := e.fetch(ctx, st, st.stream.shape.Parent, ready, true); err != nil {
			return e.done, err
		}
		parents += len(ready)
		after = ready[len(ready)-1]
	}
	if parents > 0 {
		a.observe(OrphansHome{Stream: st.stream.name, Parents: parents, Counters: e.done})
	}
	return e.done, nil
}
