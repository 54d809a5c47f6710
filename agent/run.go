package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// journalLength is how many finished runs the state file remembers.
const journalLength = 1000

// Sync runs once over the selected streams and returns when all of them are up
// to date, when something will not work, or soon after ctx ends; what was stored
// by then is kept, and the next Sync goes on from there.
//
// Errors: ErrConfig, ErrInUse, ErrNoKeys, ErrChanged, ErrDisorder, ErrStuck,
// ErrIncomplete, ErrRejects; context errors; others from source and destination.
func (a *Agent) Sync(ctx context.Context, sel Selection) (report Report, err error) {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	streams, left, err := a.config.selected(sel)
	if err != nil {
		return Report{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Report{}, fmt.Errorf("name run: %w", err)
	}
	begun := time.Now()
	report = Report{ID: id.String(), Started: a.now().UTC()}
	names := make([]string, len(streams))
	for i, s := range streams {
		names[i] = s.name
	}
	a.live.begin(report.ID, report.Started, names)
	defer a.live.end()
	stop := a.serveStatus(ctx)
	defer stop()

	a.observe(RunStarted{ID: report.ID, At: report.Started, Streams: names, Force: sel.Force})
	for _, name := range left {
		a.notice(false, "%s is left out: there is no token for its feed", name)
	}
	defer func() {
		report.Duration = time.Since(begun)
		a.observe(RunFinished{Report: report, Err: err})
	}()
	err = stateHint(a.run(ctx, streams, sel.Force, &report))
	return report, err
}

// run does the work of Sync between the first event and the last.
func (a *Agent) run(ctx context.Context, streams []*stream, force bool, report *Report) error {
	ctx, marks, release, err := a.claim(ctx)
	if err != nil {
		return err
	}
	defer release()
	crashpoint.At(crashpoint.Claimed)
	all, err := a.prepare(ctx, marks)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if err := a.checkFingerprint(all[s.name], force); err != nil {
			return err
		}
	}
	a.observe(lastSync(all))
	if streams[0].child() && a.keys.Stats().Keys == 0 {
		return ErrNoKeys
	}
	childrenBegun := false
	for _, s := range streams {
		if s.child() && !childrenBegun {
			childrenBegun = true
			if a.keys.Stats().Keys == 0 {
				a.notice(true, "the listings' feeds are empty, so there is nothing that children could belong to: they are left out")
				break
			}
			a.observe(KeysLoaded{Keys: a.keys.Stats().Keys})
		}
		if s.child() {
			home, err := a.bringHome(ctx, report.ID, all[s.name])
			report.Totals.Add(home)
			if err != nil {
				return inUse(err)
			}
			crashpoint.At(crashpoint.ErrandDone)
		}
		pass, err := a.pass(ctx, report.ID, all[s.name], force)
		report.Totals.Add(pass.Counters)
		if err != nil {
			return inUse(err)
		}
		report.Passes = append(report.Passes, pass)
		crashpoint.At(crashpoint.PassDone)
	}
	if childrenBegun {
		if err := a.noteOrphans(ctx); err != nil {
			return err
		}
	}
	return a.finish(ctx, report)
}

// noteOrphans keeps the number of missing parents where 'agent status' finds it
// without the destination.
func (a *Agent) noteOrphans(ctx context.Context) error {
	var n int64
	err := newRetrier("destination", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
		n, err = a.aside.Orphans(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutNote(noteOrphans, n) })
}

// inUse tells a lost ownership from other errors.
func inUse(err error) error {
	if errors.Is(err, ErrInUse) {
		return err
	}
	if errors.Is(err, record.ErrLost) || errors.Is(err, record.ErrSequence) {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}

// prepare decides where each stream goes on and makes the key set complete.
func (a *Agent) prepare(ctx context.Context, marks []record.Mark) (map[string]*standing, error) {
	// Before anything new is stored: a run that waits for its mirror is older.
	if err := a.mirrorPending(ctx); err != nil {
		return nil, err
	}
	all, rebuild, err := a.reconcile(marks)
	if err != nil {
		return nil, err
	}
	crashpoint.At(crashpoint.Settled)
	if rebuild {
		begun := time.Now()
		if err := a.rebuildKeys(ctx); err != nil {
			return nil, err
		}
		if n := a.keys.Stats().Keys; n > 0 {
			a.observe(KeysLoaded{Keys: n, Rebuilt: true, Took: time.Since(begun)})
		}
	}
	err = newRetrier("destination, SyncLog", a.config.RetryFor, a.observe).do(ctx, func() error {
		return a.firstPositions(ctx, all)
	})
	return all, err
}

func lastSync(all map[string]*standing) LastSync {
	e := LastSync{Positions: make(map[string]string)}
	for name, st := range all {
		if st.state.Position != nil {
			e.Positions[name] = st.state.Position.Timestamp
		}
	}
	return e
}

// finish puts the run into the journal and mirrors it into SyncLog. The run
// accounts for every pass that has finished since the last run record, also
// those of runs that died before they could write theirs.
func (a *Agent) finish(ctx context.Context, report *Report) error {
	run := checkpoint.Run{
		ID: report.ID, StartedAt: report.Started, FinishedAt: a.now().UTC(), Positions: make(map[string]time.Time),
	}
	// One transaction: the passes are taken off the streams when the run that
	// accounts for them is in the journal, so that neither is counted twice.
	err := a.file.Update(func(tx *checkpoint.Tx) error {
		for _, name := range Streams() {
			s, ok, err := tx.Stream(name)
			if err != nil {
				return err
			}
			if !ok || s.Unlogged == nil {
				continue
			}
			run.Totals.Add(*s.Unlogged)
			if s.Position != nil {
				if at, err := record.ParseTimestamp(s.Position.Timestamp); err == nil {
					run.Positions[name] = at
				}
			}
			s.Unlogged = nil
			if err := tx.PutStream(name, s); err != nil {
				return err
			}
		}
		if err := tx.PutRun(run); err != nil {
			return err
		}
		return tx.TrimRuns(journalLength)
	})
	if err != nil {
		return err
	}
	crashpoint.At(crashpoint.Journaled)
	if err := a.mirrorPending(ctx); err != nil {
		var t temporary
		if ctx.Err() != nil || !errors.As(err, &t) || !t.Temporary() {
			return err
		}
		a.notice(true, "the run is done, but its SyncLog row waits for the next start: %v", err)
		return nil
	}
	report.Mirrored = true
	crashpoint.At(crashpoint.BeforeRelease)
	return nil
}

// mirrorPending writes the runs that are not in SyncLog yet, oldest first. A
// crash behind Mirror repeats it, and the run's identifier shows it was there.
func (a *Agent) mirrorPending(ctx context.Context) error {
	var pending []checkpoint.Run
	err := a.file.View(func(tx *checkpoint.Tx) error {
		return tx.Runs(func(r checkpoint.Run) error {
			if !r.Mirrored {
				pending = append(pending, r)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, r := range pending {
		err := newRetrier("destination, SyncLog", a.config.RetryFor, a.observe).do(ctx, func() error {
			return a.log.Mirror(ctx, record.Run{
				ID: r.ID, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Positions: r.Positions,
				Processed: r.Totals.Processed(), Successful: r.Totals.Successful(), Failed: r.Totals.Failed,
			})
		})
		if err != nil {
			return err
		}
		crashpoint.At(crashpoint.Mirrored)
		r.Mirrored = true
		if err := a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutRun(r) }); err != nil {
			return err
		}
	}
	return nil
}
