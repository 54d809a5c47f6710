package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// Sync runs once over the selected streams and returns when all of them are up
// to date, when something will not work, or soon after ctx ends; what was stored
// by then is kept, and the next Sync goes on from there.
//
// Errors: ErrConfig, ErrInUse, ErrNoKeys, ErrChanged, ErrDisorder, ErrStuck,
// ErrIncomplete, ErrRejects, ErrRepairs; context errors; others from source and destination.
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
	a.source.begin()
	a.live.begin(RunStatus{ID: report.ID, StartedAt: report.Started, Streams: names(streams)})
	defer func() { a.live.end(err) }()
	a.observe(RunStarted{ID: report.ID, At: report.Started, Streams: names(streams), Force: sel.Force})
	for _, name := range left {
		a.notice(false, "%s is left out: there is no token for its feed", name)
	}
	defer func() {
		report.Duration, report.Own = time.Since(begun), a.live.own()
		a.observe(RunFinished{Report: report, Err: err})
	}()
	err = stateHint(a.run(ctx, streams, sel, &report))
	if err != nil {
		a.journalFailure(&failure{report: report, own: a.live.own(), why: err})
		a.rememberAsked(err)
	}
	return report, err
}

// run does the work of Sync between the first event and the last.
func (a *Agent) run(outer context.Context, streams []*stream, sel Selection, report *Report) (err error) {
	ctx, marks, release, err := a.claim(outer)
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		// A lost ownership ends the context, wherever the run is by then.
		if outer.Err() == nil && errors.Is(err, context.Canceled) {
			err = inUse(context.Cause(ctx))
		}
	}()
	defer func() { err = inUse(err) }()
	a.clockSaid.Store(false)
	crashpoint.At(crashpoint.Claimed)
	if err := a.beginJournal(report); err != nil {
		return err
	}
	all, err := a.prepare(ctx, marks, names(streams))
	if err != nil {
		return err
	}
	a.showProperty(ctx, all)
	filled, end := a.filling(ctx, false)
	defer end()
	accepted, err := a.checkSource(all, streams, sel)
	if err != nil {
		return err
	}
	if err := a.acceptSource(all, accepted); err != nil {
		return err
	}
	a.observe(lastSync(all))
	if orphaned(streams) && a.keys.Stats().Keys == 0 {
		return ErrNoKeys
	}
	if err := a.syncStreams(ctx, report, streams, all, sel.Force); err != nil {
		return err
	}
	// A run is done, and in journal and SyncLog, when all of it is: under a schedule
	// the filling goes on between the runs.
	if !a.keepsClaim {
		if err := filled(); err != nil {
			return err
		}
	}
	if err := a.noteFigures(ctx); err != nil {
		return err
	}
	return a.finish(ctx, report)
}

// orphaned reports whether children are selected, and no listings.
func orphaned(streams []*stream) bool {
	return slices.ContainsFunc(streams, (*stream).child) && !slices.ContainsFunc(streams, func(s *stream) bool { return s.Listing })
}

// syncStreams brings the streams up to date, one after the other. Children wait for
// the parent keys; where there are none they are left out.
func (a *Agent) syncStreams(ctx context.Context, report *Report, streams []*stream, all map[string]*standing, force bool) error {
	childrenBegun := false
	for _, s := range streams {
		if s.child() && !childrenBegun {
			childrenBegun = true
			switch keys := a.keys.Stats().Keys; {
			case keys > 0:
				a.observe(KeysLoaded{Keys: keys})
			case len(report.LeftOut) == 0:
				a.notice(true, "the listings' feeds are empty, so there is nothing that children could belong to: they are left out")
			}
		}
		if s.child() && a.keys.Stats().Keys == 0 {
			continue
		}
		before := all[s.name].state
		err := a.syncStream(ctx, report, all[s.name], force)
		if err := a.leaveOut(report, s, err); err != nil {
			return err
		}
		switch {
		case err != nil:
			a.live.set(s.name, before)
		case s.Listing:
			a.showProperty(ctx, all)
		}
	}
	return report.nothingSynced()
}

// syncStream brings home what one stream is owed, and then the stream up to date.
func (a *Agent) syncStream(ctx context.Context, report *Report, st *standing, force bool) error {
	again, err := a.askAgain(ctx, report.ID, st)
	report.Totals.Add(again)
	if err != nil {
		return err
	}
	if st.stream.child() {
		home, err := a.bringHome(ctx, report.ID, st)
		report.Totals.Add(home)
		if err != nil {
			return err
		}
		crashpoint.At(crashpoint.ErrandDone)
	}
	err = a.passes(ctx, report, st, force)
	if err == nil || isAbsent(err) {
		return err
	}
	return blameSize(st.stream, a.blameFilter(ctx, st.stream, err))
}

// passes brings one stream up to date. A pass that was interrupted while it was
// ahead of the present goes on there and ends, and another one brings what has
// come since.
func (a *Agent) passes(ctx context.Context, report *Report, st *standing, force bool) error {
	for {
		pass, err := a.pass(ctx, report.ID, st, force)
		report.Totals.Add(pass.Counters)
		if err != nil {
			return err
		}
		crashpoint.At(crashpoint.PassDone)
		report.Passes = append(report.Passes, pass)
		if !pass.behind {
			return nil
		}
		force = false
	}
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
// Those that are selected may take a first position from SyncLog.
func (a *Agent) prepare(ctx context.Context, marks []record.Mark, selected []string) (map[string]*standing, error) {
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
		return a.firstPositions(ctx, all, selected)
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
