package agent

import (
	"context"
	"fmt"
	"slices"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// Reset sends streams back to the beginning, in both stores: the next Sync reads
// all of them again, writes what differs and leaves the rest alone. No row is
// removed. With a destination that is new to this state it is the way to begin
// there.
//
// Errors: ErrConfig, ErrInUse; others from the destination and the state file.
// Streams before the one that an error names are done.
func (a *Agent) Reset(ctx context.Context, streams []string) error {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	if err := a.config.checkStreams(streams); err != nil {
		return err
	}
	ctx, marks, release, err := a.claim(ctx)
	if err != nil {
		return err
	}
	defer release()
	for _, name := range streams {
		at := slices.IndexFunc(marks, func(m record.Mark) bool { return m.Stream == name })
		if at < 0 {
			return fmt.Errorf("reset %s: the destination has no mark of it: %w", name, record.ErrLost)
		}
		if err := a.reset(ctx, name, marks[at].Sequence); err != nil {
			return inUse(stateHint(fmt.Errorf("reset %s: %w", name, err)))
		}
	}
	return nil
}

// reset commits an empty group with a mark that stands at the beginning. A crash
// behind the destination's commit leaves the state file one behind: the stream
// goes on from there as if nothing had been reset, and nobody was told that it
// was.
func (a *Agent) reset(ctx context.Context, name string, sequence uint64) error {
	var old checkpoint.Stream
	s := a.config.stream(name)
	err := a.file.Update(func(tx *checkpoint.Tx) (err error) {
		if old, _, err = tx.Stream(name); err != nil || !s.Listing {
			return err
		}
		// The keys may be those of another destination.
		return tx.PutNote(noteKeys, false)
	})
	if err != nil {
		return err
	}
	l := a.ledger(&standing{stream: s, state: old, expect: sequence, next: max(sequence, old.Sequence) + 1})
	g := &record.Group{Stream: name, Shape: s.shape}
	_, err = l.commit(ctx, g, newRetrier("destination, "+name, a.config.RetryFor, a.observe),
		func(s checkpoint.Stream) (checkpoint.Stream, error) {
			// What was done and is in no run record yet stays on the account.
			return checkpoint.Stream{Unlogged: s.Unlogged}, nil
		})
	return err
}
