package agent

import (
	"slices"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// decision is how the two stores' accounts of one stream compare.
type decision int

const (
	decideNew      decision = iota // neither store knows the stream
	decideEqual                    // both say the same
	decideFile                     // the state file is older: an acknowledgement was lost
	decideDatabase                 // the destination is older: it was restored from a backup
	decideHistory                  // they tell two histories: both were restored or lost by turns
	decideRestore                  // the state file does not know the stream: it is new
	decideRefetch                  // the destination does not know the stream: it is new
)

// decide compares the state file's account with the destination's. The older
// one is right about both: what it says is stored is stored in both, and what
// lies between is fetched again without effect. That holds as long as both tell
// one history. A destination that came back from a backup while the state file
// was lost begins a second one with the same sequences; then the destination's
// account is right about its rows, since both are of one transaction.
func decide(file *checkpoint.Stream, database *checkpoint.Stream) decision {
	switch {
	case file == nil && database == nil:
		return decideNew
	case file == nil:
		return decideRestore
	case database == nil:
		return decideRefetch
	case file.Sequence > database.Sequence:
		return decideDatabase
	case file.Sequence == database.Sequence && !samePlace(file, database), ahead(file.Position, database.Position):
		return decideHistory
	case file.Sequence == database.Sequence:
		return decideEqual
	default:
		return decideFile
	}
}

func samePlace(a, b *checkpoint.Stream) bool {
	if (a.Position == nil) != (b.Position == nil) || (a.Pass == nil) != (b.Pass == nil) {
		return false
	}
	return (a.Position == nil || *a.Position == *b.Position) && (a.Pass == nil || samePass(a.Pass, b.Pass))
}

func samePass(a, b *checkpoint.Pass) bool {
	return a.Cursor == b.Cursor && slices.EqualFunc(a.Windows, b.Windows, func(x, y checkpoint.Window) bool {
		return x.From == y.From && x.Before == y.Before && x.Cursor == y.Cursor && x.Done == y.Done
	})
}

// ahead reports whether a position claims more than another. Of two places in
// one instant that cannot be told: the order of keys is the source's business.
func ahead(file, database *checkpoint.Position) bool {
	if file == nil || database == nil {
		return file != nil
	}
	x, errX := record.ParseTimestamp(file.Timestamp)
	y, errY := record.ParseTimestamp(database.Timestamp)
	return errX == nil && errY == nil && x.After(y)
}
