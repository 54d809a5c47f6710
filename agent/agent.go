package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
	"resoagent/keyset"
	"resoagent/migrations"
)

// Agent syncs one source into one destination, with one state directory. Close
// it to let another process have the state directory.
type Agent struct {
	config  Config
	source  Source
	dest    Destination
	owner   Ownership
	tables  Tables
	aside   Aside
	log     Log
	migrate func(context.Context) (migrations.Result, error)
	file    *checkpoint.File
	keys    *keyset.Set
	live    live
	closers []func() error

	syncing sync.Mutex // one run at a time
}

func (a *Agent) now() time.Time { return a.config.now() }

func (a *Agent) observe(e Event) {
	if a.config.Observe != nil {
		a.config.Observe(e)
	}
}

func (a *Agent) notice(warning bool, format string, args ...any) {
	a.observe(Notice{Warning: warning, Text: fmt.Sprintf(format, args...)})
}

// Close releases the state directory and all connections.
func (a *Agent) Close() error {
	crashpoint.At(crashpoint.BeforeClose)
	var err error
	for i := len(a.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closers[i]())
	}
	a.closers = nil
	return err
}

// Migrate creates the destination's tables or brings them to this version.
func (a *Agent) Migrate(ctx context.Context) (migrations.Result, error) {
	var result migrations.Result
	err := newRetrier("destination", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
		result, err = a.migrate(ctx)
		return err
	})
	if errors.Is(err, migrations.ErrForeign) || errors.Is(err, migrations.ErrNewer) {
		err = fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return result, err
}

// claim sees to the tables, makes this agent the destination's owner and keeps
// it so until the returned function is called. The context it returns ends when the ownership
// is lost.
func (a *Agent) claim(ctx context.Context) (context.Context, []record.Mark, func(), error) {
	if _, err := a.Migrate(ctx); err != nil {
		return nil, nil, nil, err
	}
	crashpoint.At(crashpoint.Migrated)
	self := record.Owner{
		StateID: a.file.StateID(), Host: a.config.Host, StateDir: a.config.StateDir, Lease: a.config.Lease,
	}
	var marks []record.Mark
	err := newRetrier("destination", a.config.RetryFor, a.observe).do(ctx, func() (err error) {
		marks, err = a.owner.Claim(ctx, self, Streams())
		return err
	})
	if errors.Is(err, record.ErrOwned) {
		err = fmt.Errorf("%w: %w; wait for its end, or for the lease if it has died", ErrInUse, err)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, lose := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { a.renew(ctx, lose) })
	return ctx, marks, func() {
		lose(nil)
		renewing.Wait()
		// The signal that ends a run must not keep the lease from being given back.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseGrace)
		defer cancel()
		if err := a.owner.Release(ctx); err != nil {
			a.notice(true, "the lease on the destination was not given back: %v; it runs out in %s", err, a.config.Lease)
		}
	}, nil
}

// renew keeps the lease alive. A destination that is away does not end the run:
// whether somebody took over shows at the next renewal or commit that works.
func (a *Agent) renew(ctx context.Context, lose context.CancelCauseFunc) {
	for sleep(ctx, a.config.Lease/3) == nil {
		if err := a.owner.Renew(ctx, a.config.Lease); errors.Is(err, record.ErrLost) {
			lose(fmt.Errorf("%w: %w", ErrInUse, err))
			return
		}
	}
}
