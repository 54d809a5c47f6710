package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"resoagent/checkpoint"
	"resoagent/keyset"
)

// The states that CheckState tells apart.
const (
	StateGood     = "good"
	StateNone     = "none"
	StateDamaged  = "damaged"
	StateForeign  = "not ours"
	StateNewer    = "newer"
	StateLocked   = "locked"
	StateReadOnly = "read-only"
	StateNoSpace  = "no space"
	stateUnread   = "unreadable"
)

// StateReport is how a state file was found, in the form of 'agent repair
// --check --json'. Reason says more where it is neither good nor absent.
type StateReport struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// stateErrors are the errors behind the states, first match first.
func stateErrors() []struct {
	state string
	err   error
} {
	return []struct {
		state string
		err   error
	}{
		{StateNone, checkpoint.ErrNone},
		{StateDamaged, checkpoint.ErrDamaged},
		{StateDamaged, keyset.ErrDamaged},
		{StateForeign, checkpoint.ErrNotOurs},
		{StateNewer, checkpoint.ErrNewer},
		{StateLocked, checkpoint.ErrLocked},
		{StateReadOnly, checkpoint.ErrReadOnly},
		{StateNoSpace, checkpoint.ErrNoSpace},
	}
}

// Err is the report as the error that it was made of, with what to do next; nil
// for a file that is good or absent.
func (r StateReport) Err() error {
	if r.State == StateGood || r.State == StateNone {
		return nil
	}
	for _, x := range stateErrors() {
		if x.state == r.State {
			return stateHint(&reported{r.Reason, x.err})
		}
	}
	return errors.New(r.Reason)
}

// reported is an error that another process met.
type reported struct {
	text string
	kind error
}

func (e *reported) Error() string { return e.text }
func (e *reported) Unwrap() error { return e.kind }

// CheckState checks the whole state file in dir: its structure, every value and
// every parent key. A file that is damaged badly enough can end the process
// that looks at it, so a program that must not die has another one do this.
func CheckState(dir string) StateReport {
	err := checkState(dir)
	if err == nil {
		return StateReport{State: StateGood}
	}
	for _, x := range stateErrors() {
		if errors.Is(err, x.err) {
			return StateReport{State: x.state, Reason: err.Error()}
		}
	}
	return StateReport{State: stateUnread, Reason: err.Error()}
}

func checkState(dir string) error {
	file, err := checkpoint.OpenReadOnly(dir)
	if err != nil {
		return err
	}
	err = file.Verify()
	if err == nil {
		err = file.View(func(tx *checkpoint.Tx) error {
			_, err := keyset.Load(tx.Bolt())
			return err
		})
	}
	return errors.Join(err, file.Close())
}

// Repaired is what Repair found and did.
type Repaired struct {
	Found     StateReport
	Aside     string            // where a bad file is now
	Waiting   int               // finished runs that it held and that may not be in SyncLog
	Keys      uint64            // parent keys read from the destination
	Positions map[string]string // where the streams stand, by stream
}

// Repair has the state file checked and, if it is damaged or not the agent's,
// sets it aside and makes a new one from the destination. Nothing is fetched,
// and no row is changed. check is CheckState in a process of its own; nil: in
// this one.
//
// Errors: ErrConfig; ErrInUse: an agent is at work on it; others from the
// destination and the disk. What Repaired says by then was done.
func Repair(
	ctx context.Context, config Config, check func(ctx context.Context, dir string) (StateReport, error),
) (done Repaired, err error) {
	if err := config.check(); err != nil {
		return done, err
	}
	if err := prepareDir(config.StateDir); err != nil {
		return done, err
	}
	if check == nil {
		check = func(_ context.Context, dir string) (StateReport, error) { return CheckState(dir), nil }
	}
	path := filepath.Join(config.StateDir, checkpoint.FileName)
	before, err := os.Lstat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return done, fmt.Errorf("look at state file: %w", err)
	}
	if done.Found, err = check(ctx, config.StateDir); err != nil {
		return done, err
	}
	if found := done.Found.Err(); !rebuildable(found) {
		return done, found
	}
	runs, err := checkpoint.Salvage(path)
	if err != nil {
		return done, err
	}
	done.Waiting = len(runs)
	// Another repair may have been faster: its new file is not this damaged one.
	if now, err := os.Lstat(path); err != nil || before == nil || !os.SameFile(before, now) {
		return done, fmt.Errorf("%w: the state file was replaced while it was checked; run 'agent repair' again", ErrInUse)
	}
	if done.Aside, err = checkpoint.SetAside(config.StateDir, config.now()); err != nil {
		return done, stateHint(err)
	}
	return done, rebuild(ctx, config, runs, &done)
}

// rebuildable reports whether a state file can only be made anew.
func rebuildable(err error) bool {
	return errors.Is(err, checkpoint.ErrDamaged) || errors.Is(err, keyset.ErrDamaged) || errors.Is(err, checkpoint.ErrNotOurs)
}

// rebuild makes the new state file. Wherever it is interrupted, the next sync
// finds a file without complete keys, or none, and does the rest. The runs come
// first: they are nowhere else, and the destination may be away.
func rebuild(ctx context.Context, config Config, runs []checkpoint.Run, done *Repaired) error {
	file, err := checkpoint.Open(config.StateDir, config.now())
	if err != nil {
		return stateHint(err)
	}
	err = file.Update(func(tx *checkpoint.Tx) error {
		for _, r := range runs {
			if err := tx.PutRun(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return stateHint(err)
	}
	a, err := Open(ctx, config)
	if err != nil {
		return err
	}
	done.Positions, err = a.rebuild(ctx)
	done.Keys = a.keys.Stats().Keys
	return errors.Join(err, a.Close())
}

// rebuild brings a new state file up to date from the destination, without
// fetching anything, and gives the streams' positions.
func (a *Agent) rebuild(ctx context.Context) (map[string]string, error) {
	ctx, marks, release, err := a.claim(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	all, err := a.prepare(ctx, marks, a.config.streams().Names())
	if err != nil {
		return nil, inUse(stateHint(err))
	}
	return lastSync(all).Positions, nil
}
