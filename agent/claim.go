package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// noteClaim is the state file's note of the incarnations under which it may own a
// destination. A state file from before there was one has none: there host and
// state directory tell, for one last time.
const noteClaim = "claim"

// claimNote is the value of noteClaim. It is written inside the claim's
// transaction before that commits. Behind a crash between the two the destination
// still has Held, behind any other Next; either way the next start knows its own
// and goes on at once.
type claimNote struct {
	Held int64 `json:"held,omitempty"` // 0: it was nobody's, or another's
	Next int64 `json:"next"`
}

// self is who this agent is to a destination, by its state file.
func (c *Config) self(file *checkpoint.File) (record.Owner, error) {
	o := record.Owner{StateID: file.StateID(), Host: c.Host, StateDir: c.StateDir, Lease: c.Lease}
	var note claimNote
	err := file.View(func(tx *checkpoint.Tx) error { return tx.Note(noteClaim, &note) })
	if note.Next == 0 {
		o.ByPlace = true
		return o, err
	}
	o.Claims = []int64{note.Next}
	if note.Held != 0 {
		o.Claims = append(o.Claims, note.Held)
	}
	return o, err
}

// filedOwner is who an agent would be that is not running.
func filedOwner(c *Config) (o record.Owner, err error) {
	file, err := checkpoint.OpenReadOnly(c.StateDir)
	if err != nil {
		return o, err
	}
	o, err = c.self(file)
	return o, errors.Join(err, file.Close())
}

// claim sees to the tables, makes this agent the destination's owner and keeps
// it so until the returned function is called; under a schedule, until the agent
// is told to let go. The context it returns ends when the ownership is lost.
func (a *Agent) claim(ctx context.Context) (_ context.Context, _ []record.Mark, release func(), err error) {
	if a.stopHolding() {
		defer func() {
			// It is still this agent's, unless somebody else has it.
			if err != nil && !errors.Is(err, ErrInUse) && ctx.Err() == nil {
				a.hold(ctx)
			}
		}()
	}
	if _, err := a.Migrate(ctx); err != nil {
		return nil, nil, nil, err
	}
	crashpoint.At(crashpoint.Migrated)
	var marks []record.Mark
	err = newRetrier("destination", a.config.RetryFor, a.observe).do(ctx, func() error {
		// Read again each time: an attempt whose answer was lost has left its note.
		self, err := a.config.self(a.file)
		if err != nil {
			return err
		}
		self.Note = func(held, next int64) error {
			err := a.file.Update(func(tx *checkpoint.Tx) error { return tx.PutNote(noteClaim, claimNote{held, next}) })
			crashpoint.At(crashpoint.ClaimNoted)
			return err
		}
		marks, err = a.owner.Claim(ctx, self, a.config.streams().Names())
		return err
	})
	if err != nil {
		return nil, nil, nil, owned(err)
	}
	outer := ctx
	ctx, lose := context.WithCancelCause(ctx)
	renewing := a.renewing(ctx, func(err error) { lose(inUse(err)) })
	return ctx, marks, func() {
		lost := errors.Is(context.Cause(ctx), ErrInUse) || errors.Is(context.Cause(ctx), record.ErrRewound)
		lose(nil)
		renewing.Wait()
		switch {
		case lost: // there is nothing to give back
		case a.keepsClaim:
			a.hold(outer)
		default:
			a.release(outer)
		}
	}, nil
}

// owned says of a destination that is another agent's that it is in use.
func owned(err error) error {
	if errors.Is(err, record.ErrOwned) {
		return fmt.Errorf("%w: %w; wait for its end, or for the lease if it has died", ErrInUse, err)
	}
	return err
}

// release gives the lease back. The signal that ends a run must not keep it from
// that.
func (a *Agent) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseGrace)
	defer cancel()
	if err := a.owner.Release(ctx); err != nil {
		a.notice(true, "the lease on the destination was not given back: %v; it runs out in %s", err, a.config.Lease)
	}
}

// hold keeps the destination between two runs, so that no other agent begins
// one there, until stopHolding or letGo.
func (a *Agent) hold(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	renewing := a.renewing(ctx, func(err error) {
		a.notice(true, "%v, between two runs; the next one finds out whether it still has it", err)
	})
	_, end := a.filling(ctx, true)
	a.unhold = func() {
		cancel()
		renewing.Wait()
		end()
	}
}

// stopHolding ends the renewing between runs. The lease runs on.
func (a *Agent) stopHolding() (held bool) {
	if a.unhold == nil {
		return false
	}
	a.unhold()
	a.unhold = nil
	return true
}

// letGo gives back what was held between runs. A signal may have come while the
// next run was about to claim it, when nobody renewed: it is given back all the
// same. One that is another's by now is left alone.
func (a *Agent) letGo(ctx context.Context) {
	a.keepsClaim = false
	a.stopHolding()
	a.release(ctx)
}

// renewing keeps the lease alive until ctx ends or it is lost, which is told to
// lost. A destination that is away does not end it: whether somebody took over
// shows at the next renewal or commit that works.
func (a *Agent) renewing(ctx context.Context, lost func(error)) *sync.WaitGroup {
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for sleep(ctx, a.config.Lease/3) == nil {
			if err := a.owner.Renew(ctx, a.config.Lease); errors.Is(err, record.ErrLost) || errors.Is(err, record.ErrRewound) {
				lost(err)
				return
			}
		}
	})
	return &renewing
}
