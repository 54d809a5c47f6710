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
	if err := checkStreams(streams); err != nil {
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
	err := a.file.View(func(tx *checkpoint.Tx) (err error) {
		old, _, err = tx.Stream(name)
		return err
	})
	if err != nil {
		return err
	}
	s := a.config.stream(name)
	// What was done and is in no run record yet stays on the account.
	fresh := checkpoint.Stream{Sequence: max(sequence, old.Sequence) + 1, Unlogged: old.Unlogged}
	g := &record.Group{
		Stream: name, Shape: s.shape, Feed: s.copyFeed, Expect: sequence, Sequence: fresh.Sequence,
		Mark: func(*record.Group) (record.Mark, error) { return mark(name, fresh) },
	}
	err = newRetrier("destination, "+name, a.config.RetryFor, a.observe).do(ctx, func() error { return a.dest.Commit(ctx, g) })
	if err != nil {
		return err
	}
	return a.file.Update(func(tx *checkpoint.Tx) error {
		if !s.child() {
			// The keys may be those of another destination.
			if err := tx.PutNote(noteKeys, false); err != nil {
				return err
			}
		}
		return tx.PutStream(name, fresh)
	})
}
