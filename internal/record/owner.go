package record

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Errors of a destination that the agent decides on.
var (
	// ErrOwned: another agent holds a live lease on the destination.
	ErrOwned = errors.New("another agent owns this destination")
	// ErrLost: another agent has taken the destination over since Claim.
	ErrLost = errors.New("another agent has taken over this destination")
	// ErrRewound: the destination has gone back behind what it had confirmed.
	ErrRewound = errors.New("the database has lost commits that it had confirmed " +
		"(a failover to a standby that was behind, or a backup was restored)")
	// ErrUnsuited: the database is set up in a way that the agent cannot work with.
	ErrUnsuited = errors.New("the database is not fit to be a destination")
	// ErrSequence: the destination's mark is not the one that the group builds on.
	ErrSequence = errors.New("the destination's position was moved by somebody else")
)

// Owner says who claims a destination.
type Owner struct {
	StateID  string
	Host     string
	StateDir string
	Lease    time.Duration
	// Claims are the incarnations that the state file has noted: that of its last
	// claim, and that of the one before, which still counts if the process died
	// between the note and the destination's commit.
	Claims []int64
	// ByPlace: the state file has noted none yet, or cannot be read because its own
	// agent holds it. Then host and state directory tell, as they did before there
	// were notes; StateID must be the row's, or "" where it is not known.
	ByPlace bool
	// Note is called inside the transaction that claims the destination, before it
	// commits and while nobody else can claim it. held is the incarnation that the
	// caller had until now, 0 for none; next is the one that it will have.
	Note func(held, next int64) error
}

// Owned is a destination's row of its owner.
type Owned struct {
	StateID     string
	Host        string
	StateDir    string
	Incarnation int64
}

// Same reports whether a destination's owner is the agent of this very state file,
// so that bbolt's lock has shown already that no other process is at work there.
// A copy of the state file has the same id, but its notes end where it was taken:
// once the original has claimed the destination again, or the copy has, the other
// one is somebody else.
func (o Owner) Same(row Owned) bool {
	if o.ByPlace {
		return (o.StateID == row.StateID || o.StateID == "") && o.Host == row.Host && o.StateDir == row.StateDir
	}
	return o.StateID == row.StateID && slices.Contains(o.Claims, row.Incarnation)
}

// May fails with ErrOwned where row's owner is another agent whose lease still
// runs, for leased.
func (o Owner) May(row Owned, leased time.Duration) error {
	if leased <= 0 || o.Same(row) {
		return nil
	}
	whose := ""
	if o.Host == row.Host && o.StateDir == row.StateDir {
		whose = " (named like this one, but with another state file, or a copy of it)"
	}
	return fmt.Errorf("host %s, state directory %s%s, lease for another %.0fs: %w",
		row.Host, row.StateDir, whose, math.Ceil(leased.Seconds()), ErrOwned)
}

// Next decides whether o may claim a destination that belongs to row, and gives
// the incarnation to write. leased is what is left of the owner's lease. The note
// comes before the destination's commit: if the process dies between the two, the
// state file holds both incarnations, and whichever the destination has is its
// own; the other way round it would not know its own claim and wait for the lease.
func (o Owner) Next(row Owned, leased time.Duration) (int64, error) {
	if err := o.May(row, leased); err != nil {
		return 0, err
	}
	held, next := int64(0), row.Incarnation+1
	if o.Same(row) {
		held = row.Incarnation
	}
	if o.Note == nil {
		return next, nil
	}
	return next, o.Note(held, next)
}
