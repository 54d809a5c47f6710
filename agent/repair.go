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

// Repaired is what Repair did.
type Repaired struct {
	None      bool   // there was no state file, so there was nothing to do
	Good      bool   // the file was good, and nothing was changed
	Reason    string // what was wrong with it
	Aside     string // where it is now
	Waiting   int    // finished runs that it held and that were not in SyncLog
	Keys      uint64 // parent keys read from the destination
	Positions map[string]string
}

// CheckState checks the whole state file in dir: its structure, every value and
// every parent key. nil: good, or there is none. A file that is damaged badly
// enough can end the process that looks at it, so a program that must not die
// has it looked at by another one.
func CheckState(dir string) error {
	file, err := checkpoint.OpenReadOnly(dir)
	if errors.Is(err, checkpoint.ErrNone) {
		return nil
	}
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

// Repair checks the state file with check (nil: CheckState, in this process).
// One that is damaged or not the agent's is set aside, and a new one is made
// from the destination. ErrInUse: an agent is at work on it.
func Repair(ctx context.Context, config Config, check func(ctx context.Context, dir string) error) (done Repaired, err error) {
	if err := config.check(); err != nil {
		return done, err
	}
	if err := prepareDir(config.StateDir); err != nil {
		return done, err
	}
	if check == nil {
		check = func(_ context.Context, dir string) error { return CheckState(dir) }
	}
	path := filepath.Join(config.StateDir, checkpoint.FileName)
	before, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		done.None = true
		return done, nil
	}
	if err != nil {
		return done, fmt.Errorf("look at state file: %w", err)
	}
	found := check(ctx, config.StateDir)
	switch {
	case found == nil:
		done.Good = true
		return done, nil
	case !rebuildable(found):
		return done, stateHint(found)
	}
	done.Reason = found.Error()
	runs, err := checkpoint.Salvage(path)
	if err != nil {
		return done, err
	}
	done.Waiting = len(runs)
	// Another repair may have been faster: its new file is not this damaged one.
	if now, err := os.Lstat(path); err != nil || !os.SameFile(before, now) {
		return done, fmt.Errorf("%w: the state file was replaced while it was checked; run 'agent repair' again", ErrInUse)
	}
	a := &Agent{config: config}
	if done.Aside, err = checkpoint.SetAside(config.StateDir, a.now()); err != nil {
		return done, stateHint(err)
	}
	return done, rebuild(ctx, config, runs, &done)
}

// rebuildable reports whether a state file can only be made anew.
func rebuildable(err error) bool {
	return errors.Is(err, checkpoint.ErrDamaged) || errors.Is(err, keyset.ErrDamaged) || errors.Is(err, checkpoint.ErrNotOurs)
}

// rebuild makes the new state file. Wherever it is interrupted, the next sync
// finds a file without complete keys, or none, and does the rest.
func rebuild(ctx context.Context, config Config, runs []checkpoint.Run, done *Repaired) (err error) {
	a, err := Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	err = a.file.Update(func(tx *checkpoint.Tx) error {
		for _, r := range runs {
			if err := tx.PutRun(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return stateHint(err)
	}
	done.Positions, err = a.Rebuild(ctx)
	done.Keys = a.keys.Stats().Keys
	return err
}

// Rebuild brings a state file that is new, or older than the destination, up to
// date from the destination, without fetching anything. It gives the streams'
// positions.
func (a *Agent) Rebuild(ctx context.Context) (map[string]string, error) {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	if _, err := a.Migrate(ctx); err != nil {
		return nil, err
	}
	ctx, marks, release, err := a.claim(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := a.mirrorPending(ctx); err != nil {
		return nil, stateHint(err)
	}
	all, err := a.prepare(ctx, marks)
	if err != nil {
		return nil, stateHint(err)
	}
	return lastSync(all).Positions, nil
}
