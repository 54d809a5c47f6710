package record

import (
	"errors"
	"time"
)

// Errors of a destination that the agent decides on.
var (
	// ErrOwned: another agent holds a live lease on the destination.
	ErrOwned = errors.New("another agent owns this destination")
	// ErrLost: another agent has taken the destination over since Claim.
	ErrLost = errors.New("another agent has taken over this destination")
	// ErrSequence: the destination's mark is not the one that the group builds on.
	ErrSequence = errors.New("the destination's position was moved by somebody else")
)

// Owner says who claims a destination.
type Owner struct {
	StateID  string
	Host     string
	StateDir string
	Lease    time.Duration
}

// Same reports whether o and a stored owner are the same place: then bbolt's
// lock has shown already that no other process is at work there.
func (o Owner) Same(host, stateDir string) bool { return o.Host == host && o.StateDir == stateDir }
