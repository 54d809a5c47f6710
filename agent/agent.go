package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
	"resoagent/keyset"
	"resoagent/migrations"
)

// Agent syncs one source into one destination, with one state directory. Close
// it to let another process have the state directory.
type Agent struct {
	config  Config
	source  *paced
	remote  remote
	dest    Destination
	owner   Ownership
	tables  Tables
	aside   Aside
	log     Log
	migrate func(context.Context, record.Owner) (migrations.Result, error)
	live    live
	opened  time.Time

	clockSaid atomic.Bool // that the clocks differ
	closers   []func() error
	large     chan struct{} // see fetcher

	syncing sync.Mutex // one run at a time

	// state guards the two below against being exchanged by reopen while somebody
	// who does not have syncing reads them.
	state sync.RWMutex
	file  *checkpoint.File
	keys  *keyset.Set

	// Guarded by syncing.
	keepsClaim  bool     // between runs, too
	unhold      func()   // ends the renewing between runs; nil: there is none
	otherLogs   []string // SyncLog tables that are not used, known after Migrate
	unjournaled *failure // a run that the state file could not take any more
	// unfiled are child streams that neither store knows and that have rows: what they
	// begin with may be SyncLog's position.
	unfiled map[string]bool
}

// remote is what the source offers beside its records.
type remote interface {
	// SetTokens exchanges the feeds' bearer tokens from the next request on.
	SetTokens(tokens map[string]string)
	// Hide takes the tokens out of a text that is shown or stored as a reason.
	Hide(text string) string
	// Clock gives the source's time; ok is false where it does not tell.
	Clock() (now time.Time, ok bool)
	// Traffic tells how much was asked and received so far.
	Traffic() (requests, bytes int64)
}

func (a *Agent) now() time.Time { return a.config.now() }

func (a *Agent) observe(e Event) {
	a.live.observe(e, a.now())
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
		var self record.Owner // nobody, where there is no state file to tell
		if a.file != nil {
			if self, err = a.config.self(a.file); err != nil {
				return err
			}
		}
		result, err = a.migrate(ctx, self)
		return err
	})
	err = owned(err)
	a.otherLogs = result.OtherSyncLogs
	if errors.Is(err, migrations.ErrForeign) || errors.Is(err, migrations.ErrNewer) || errors.Is(err, migrations.ErrSyncLog) || errors.Is(err, migrations.ErrGone) ||
		errors.Is(err, migrations.ErrObstacles) || errors.Is(err, migrations.ErrRoom) || errors.Is(err, record.ErrUnsuited) {
		err = refuse(err)
	}
	return result, err
}

// Traffic is what an agent has had from its source since it was opened.
type Traffic struct {
	Requests int64
	Bytes    int64 // as they came over the network, compressed
}

// Traffic tells how much was asked of the source so far: what its quotas count.
func (a *Agent) Traffic() Traffic {
	if a.remote == nil {
		return Traffic{}
	}
	requests, bytes := a.remote.Traffic()
	return Traffic{Requests: requests, Bytes: bytes}
}

// SetTokens exchanges the bearer tokens, also while a run is under way: its next
// request has the new ones. A feed cannot be added or taken away like this, since
// the streams that are synced depend on it. ErrConfig: a token is wrong, and
// nothing was changed.
func (a *Agent) SetTokens(idx, vow string) error {
	config := a.config
	for _, x := range []struct {
		name     string
		old, now *string
	}{{"IDX", &config.IDXToken, &idx}, {"VOW", &config.VOWToken, &vow}} {
		if (*x.old == "") != (*x.now == "") {
			return refuse(fmt.Errorf("the %s feed cannot be added or taken away while the agent runs; restart it", x.name))
		}
		*x.old = *x.now
	}
	if err := config.check(); err != nil {
		return err
	}
	a.remote.SetTokens(map[string]string{catalog.IDX: idx, catalog.VOW: vow})
	return nil
}
