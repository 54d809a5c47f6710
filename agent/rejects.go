package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// rejectChunk is how many rejects are read in one go.
const rejectChunk = 1000

// Rejects calls yield with each record that could not be stored, or was stored with
// its text repaired, by stream and key; no stream named: all. It needs the
// destination alone, and works beside a sync. An error of yield is returned as it
// is. ErrConfig: there is no such stream. ErrUnsynced: the database is another than
// that of the syncs. One that belongs to another state directory is a notice.
func Rejects(ctx context.Context, config Config, streams []string, yield func(record.Reject) error) (err error) {
	if err := config.checkStreams(streams); err != nil {
		return err
	}
	dest, err := existingDestination(ctx, &config)
	if err != nil {
		return err
	}
	if dest == nil {
		return unsynced(&config)
	}
	defer func() { err = errors.Join(err, dest.Close()) }()
	// A destination without tables gets none from this.
	marks, err := dest.Marks(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(marks, func(m record.Mark) bool { return len(m.State) > 0 }) {
		return unsynced(&config)
	}
	if err := tellOwner(ctx, &config, dest); err != nil {
		return err
	}
	if len(streams) == 0 {
		streams = config.streams().Names()
	}
	for _, name := range streams {
		if err := eachReject(ctx, dest, name, yield); err != nil {
			return err
		}
	}
	return nil
}

// unsynced says which database nothing was synced into.
func unsynced(c *Config) error {
	where := "PostgreSQL, schema " + c.Schema
	if path, isFile, err := c.sqlitePath(); err == nil && isFile {
		where = "SQLite, " + path
	}
	return fmt.Errorf("%w (%s); if there are syncs, name theirs: --database-url, --schema, --state-dir", ErrUnsynced, where)
}

// tellOwner gives notice of a destination that belongs to another agent than that
// of the state directory, as far as this has a state file that can be read.
func tellOwner(ctx context.Context, c *Config, dest destination) error {
	owner, err := dest.Owned(ctx)
	if err != nil {
		return err
	}
	file, err := checkpoint.OpenReadOnly(c.StateDir)
	if err != nil {
		return nil //nolint:nilerr // the list needs no state file
	}
	if mine := file.StateID(); owner.StateID != "" && owner.StateID != mine {
		(&Agent{config: *c}).notice(true, "this database is not that of the state directory %s: it is synced from host %s, state directory %s",
			c.StateDir, owner.Host, owner.StateDir)
	}
	return file.Close()
}

// eachReject walks the rejects of a stream. What yield does to those that it was
// given does not disturb the walk.
func eachReject(ctx context.Context, aside Aside, stream string, yield func(record.Reject) error) error {
	after := ""
	for {
		rejects, err := aside.Rejects(ctx, stream, after, rejectChunk)
		if err != nil || len(rejects) == 0 {
			return err
		}
		for _, r := range rejects {
			if err := yield(r); err != nil {
				return err
			}
		}
		after = rejects[len(rejects)-1].Key
	}
}

// Retried is what became of a stream's rejects.
type Retried struct {
	Stream  string
	Asked   int   // whose key can be asked for
	Keyless int   // whose key cannot be read
	Left    int64 // still rejects; what is repaired is none
}

// TaskRetryRejects is the task of a run of RetryRejects.
const TaskRetryRejects = "rejects retry"

// RetryRejects asks the source again for the records that could not be stored, or
// not as they came, by their keys, and stores those that now can be. It does not
// move any position. Streams without a token are left out, unless they are named.
//
// Errors: those of Sync. What was stored by then is kept.
func (a *Agent) RetryRejects(ctx context.Context, selected []string) (done []Retried, err error) {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	sel := Selection{Streams: selected}
	streams, _, err := a.config.selected(sel)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name run: %w", err)
	}
	report := Report{ID: id.String(), Task: TaskRetryRejects, Started: a.now().UTC()}
	a.source.begin()
	a.live.begin(RunStatus{ID: report.ID, Task: report.Task, StartedAt: report.Started, Streams: names(streams)})
	defer func() { a.live.end(err) }()
	done, err = a.retryAll(ctx, streams, sel, &report)
	if err = stateHint(err); err != nil {
		a.journalFailure(&failure{report: report, own: a.live.own(), why: err})
	}
	return done, err
}

// retryAll does the work of RetryRejects: as in a sync, the destination is
// claimed, the run noted, and the source must be the one that the streams have
// been read from.
func (a *Agent) retryAll(outer context.Context, streams []*stream, sel Selection, report *Report) (done []Retried, err error) {
	ctx, marks, release, err := a.claim(outer)
	if err != nil {
		return nil, err
	}
	defer release()
	defer func() {
		if outer.Err() == nil && errors.Is(err, context.Canceled) {
			err = context.Cause(ctx) // the ownership is lost
		}
		err = inUse(err)
	}()
	if err := a.beginJournal(report); err != nil {
		return nil, err
	}
	all, err := a.prepare(ctx, marks, names(streams))
	if err != nil {
		return nil, err
	}
	if _, err := a.checkSource(all, streams, sel); err != nil {
		return nil, err
	}
	for _, s := range streams {
		r, err := a.retryRejects(ctx, report.ID, all[s.name])
		done = append(done, r)
		if err != nil {
			return done, fmt.Errorf("retry rejects, %s: %w", s.name, err)
		}
	}
	if err := a.noteFigures(ctx); err != nil {
		return done, err
	}
	return done, a.finishTask(report)
}

// rejects are the next ones of a stream behind a key.
func (a *Agent) rejects(ctx context.Context, st *standing, after string) (rejects []record.Reject, err error) {
	err = newRetrier("destination, rejects", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
		rejects, err = a.aside.Rejects(ctx, st.stream.name, after, rejectChunk)
		return err
	})
	return rejects, err
}

func (a *Agent) retryRejects(ctx context.Context, runID string, st *standing) (r Retried, err error) {
	r.Stream = st.stream.name
	e := a.errands(runID)
	after := ""
	for {
		rejects, err := a.rejects(ctx, st, after)
		if err != nil {
			return r, err
		}
		if len(rejects) == 0 {
			break
		}
		var keys []string
		for _, x := range rejects {
			if record.Keyless(x.Key) {
				r.Keyless++
				continue
			}
			keys = append(keys, x.Key)
		}
		r.Asked += len(keys)
		after = rejects[len(rejects)-1].Key
		if err := e.fetch(ctx, st, st.stream.shape.Key, keys, false); err != nil {
			return r, err
		}
	}
	err = eachReject(ctx, a.aside, st.stream.name, func(x record.Reject) error {
		if x.Repaired == "" {
			r.Left++
		}
		return nil
	})
	return r, err
}
