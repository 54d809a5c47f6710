package agent

import (
	"context"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// rejectRules is the version of what makes a record a reject. Raise it when less
// does, and name the reasons that no longer hold in record.Shape.Outlived.
const rejectRules = 1

// askAgain asks once, by key, for the rejects of an older agent that this one would
// store. Children that were passed by for want of such a listing come home with it.
//
// That it was done is part of the stream's state, which is stored with the pass
// that follows. After a crash before that commit the records are asked for again,
// and found unchanged; and so they are after a reset. Those that are still
// rejected, or that the source no longer has, stay on the list and are not asked
// for again.
func (a *Agent) askAgain(ctx context.Context, runID string, st *standing) (checkpoint.Counters, error) {
	e := a.errands(runID)
	if st.state.RejectRules >= rejectRules {
		return e.done, nil
	}
	asked, after := 0, ""
	for {
		rejects, err := a.rejects(ctx, st, after)
		if err != nil {
			return e.done, err
		}
		if len(rejects) == 0 {
			break
		}
		var keys []string
		for _, r := range rejects {
			if !record.Keyless(r.Key) && r.Repaired == "" && st.stream.shape.Outlived(r.Reason) {
				keys = append(keys, r.Key)
			}
		}
		if err := e.fetch(ctx, st, st.stream.shape.Key, keys, false); err != nil {
			return e.done, err
		}
		asked += len(keys)
		after = rejects[len(rejects)-1].Key
	}
	if asked > 0 {
		a.notice(false, "%s: asked once more for %d records that an older version of the agent could not store; %d of them are stored now",
			st.stream.name, asked, e.done.Successful())
	}
	st.state.RejectRules = rejectRules
	return e.done, nil
}
