package record

import (
	"context"
	"fmt"
	"time"
)

// Cursor is a place between two records of a stream: behind the record with
// this timestamp and key.
type Cursor struct {
	Timestamp string `json:"timestamp"` // the source's own text
	Key       string `json:"key"`
}

// Query is one question to the source.
type Query struct {
	Shape  *Shape
	Feed   string // whose token: "idx" or "vow"
	Filter string // an extra OData filter, "" for none

	After Cursor // the zero cursor: from the beginning
	// ByKey walks by key alone what the other bounds leave: behind After.Key, in
	// the order of keys. It is for timestamps that do not lead on, and for Only:
	// a record without one, or with an odd one, must be found as well.
	ByKey  bool
	Null   bool   // only records without a timestamp
	All    bool   // for counting: no bound by a cursor at all
	From   string // a timestamp that is included; "" for no bound
	Before string // one that is not; "" for no bound
	Only   Only   // nothing but these records, if it has keys; with ByKey
	Top    int
	// Next asks by the link of the page before, and by nothing else of the above
	// but Shape and Feed; "" for no link.
	Next string
}

// PageEnd is what an answer says beside its records. After an error it has what
// was known by then.
type PageEnd struct {
	Next    string // link to the next page, absolute; "" for none
	Count   int64  // if it was Counted
	Counted bool
}

// Only bounds a query to the records that have one of a few values in a field.
type Only struct {
	Field string // of text
	Keys  []string
	NoIn  bool // compare with each: the source lacks the operator in
}

// Batch is the slice of a page that is written in one statement.
type Batch struct {
	Page, Number int // both from 1; Number counts inside the page
	Records      []Record
	Skipped      int // children left out because their parent is unknown
	// Again: all of it lies in the span that is read a second time (--lookback),
	// so what is known already does not count.
	Again   bool
	Outcome Outcome
}

// Outcome counts what became of the records of a batch or group. Older are
// versions, deletes too, that gave way to what is there (Group.Replaces).
// Removed is how many of Deleted took a row away: a photo that was deleted before
// it ever came has none. Known is how many of Failed were rejects before. Repaired
// are those of Written and Unchanged whose text had to be repaired, RepairedKnown
// how many of them were on the list of repairs before.
type Outcome struct {
	Written, Unchanged, Deleted, Older, Failed int64
	Removed, Known                             int64
	Repaired, RepairedKnown                    int64
}

// Add adds o2 to o.
func (o *Outcome) Add(o2 Outcome) {
	o.Written += o2.Written
	o.Unchanged += o2.Unchanged
	o.Deleted += o2.Deleted
	o.Older += o2.Older
	o.Failed += o2.Failed
	o.Removed += o2.Removed
	o.Known += o2.Known
	o.Repaired += o2.Repaired
	o.RepairedKnown += o2.RepairedKnown
}

// Successful is written, unchanged and deleted together.
func (o Outcome) Successful() int64 { return o.Written + o.Unchanged + o.Deleted }

// Mark is how far a stream has come, as a destination keeps it.
type Mark struct {
	Stream      string
	Sequence    uint64 // one higher with each commit
	Position    Cursor // for people who look into the table; State is what counts
	Fingerprint string
	State       []byte // the agent's own JSON
}

// Group is what one destination transaction holds: several batches and the
// stream's new mark.
type Group struct {
	Stream string
	Shape  *Shape
	RunID  string
	Forced bool // also overwrite rows that look newer
	// ByKey: the records answer a question by key or parent. That is the source's
	// present word on each, whatever its timestamp.
	ByKey bool
	// Present is the bound above which a stored timestamp is ahead: it cannot be
	// right, so it does not tell which of two versions is the older. Zero: none is.
	Present time.Time
	Fresh   bool // none of the records should be there yet; a guess, which may be wrong
	Batches []Batch
	Orphans []string // parents that were missing, unique and sorted
	// Owed are, by child stream, parents that are new here: that stream's children of
	// theirs are still to be asked for, however old they are. Unique and sorted.
	Owed map[string][]string
	// Paid are struck off from the same list.
	Paid map[string][]string
	// Arrived are parents whose children are all stored once this group is: what
	// waited for them is struck off, but for those among Orphans.
	Arrived []string

	// Hide takes tokens out of the reason of a refusal; nil: there are none.
	Hide func(string) string

	Expect   uint64 // the sequence that the destination must still have
	Sequence uint64 // the one that it will have

	// Turn waits until the group may take its place in the stream's order and
	// sets Expect and Sequence; nil where they are set. It is called inside the
	// transaction, before Mark, and as late as the destination can take the rows
	// of several groups of a stream side by side.
	Turn func(context.Context) error
	// Mark is called inside the transaction once the batches' outcomes are
	// known, and gives the state to store with them. An error rolls back.
	// It may be called again when the group is replayed.
	Mark func(*Group) (Mark, error)
}

// DebtPrefix stands before a stream's name where the list of orphans' parents has
// no parent, but that the stream is owed a pass from its beginning.
const DebtPrefix = "anew:"

// Kept is what is kept of a listed record's bytes, at most so many. The source has
// looked for tokens in those of which it said itself that they are to be listed.
func (g *Group) Kept(r *Record, body []byte, most int) []byte {
	body = body[:min(len(body), most)]
	if r.Refused == "" || g.Hide == nil {
		return body
	}
	return []byte(g.Hide(string(body)))
}

// TakeTurn calls Turn where there is one.
func (g *Group) TakeTurn(ctx context.Context) error {
	if g.Turn == nil {
		return nil
	}
	return g.Turn(ctx)
}

// Outcome adds up the batches' outcomes.
func (g *Group) Outcome() (o Outcome) {
	for i := range g.Batches {
		o.Add(g.Batches[i].Outcome)
	}
	return o
}

// Follows compares a destination's mark with what the group builds on: its
// sequence, and the incarnation that last claimed it against the caller's own.
// Both only ever go up: what is lower was higher before.
func (g *Group) Follows(sequence uint64, incarnation, own int64) error {
	switch {
	case incarnation < own, incarnation == own && sequence < g.Expect:
		return fmt.Errorf("stream %s is at %d, was at %d: %w", g.Stream, sequence, g.Expect, ErrRewound)
	case incarnation != own:
		return ErrLost
	case sequence != g.Expect:
		return fmt.Errorf("stream %s is at %d, expected %d: %w", g.Stream, sequence, g.Expect, ErrSequence)
	}
	return nil
}

// Applied reports whether the group that a destination's mark was to become part
// of is there already, so that only its acknowledgement was lost.
func (g *Group) Applied(sequence uint64, incarnation, own int64) (bool, error) {
	if incarnation == own && sequence == g.Sequence {
		return true, nil
	}
	return false, g.Follows(sequence, incarnation, own)
}

// Run is one finished run, as the destination's run table and SyncLog keep it.
type Run struct {
	ID         string
	StartedAt  time.Time
	FinishedAt time.Time
	Positions  map[string]time.Time // the newest that are known, by stream
	// Columns are those of SyncLog that streams have, and what goes into them. What
	// is not known is zero: there SyncLog's newest goes into the row again.
	Columns    map[string]time.Time
	Processed  int64
	Successful int64
	Failed     int64
}

// SyncLogColumns are the columns of SyncLog that the agent reads and writes,
// beside those of the streams.
func SyncLogColumns() []string {
	return []string{"id", "timestamp", "total_processed", "total_successful", "total_failed"}
}

// Reject is a record that could not be stored, as a destination keeps it, or one
// that was stored with its text repaired. Its bytes stay there.
type Reject struct {
	Stream    string    `json:"stream"`
	Key       string    `json:"key"` // a hash of the bytes where the record has none that can be read
	Parent    string    `json:"parent"`
	Reason    string    `json:"reason"`   // "" of a record that is stored
	Repaired  string    `json:"repaired"` // what was done to its text; "" of a reject
	Bytes     int64     `json:"bytes"`
	RunID     string    `json:"run_id"` // that saw it last
	FirstSeen time.Time `json:"first_seen_at"`
	LastSeen  time.Time `json:"last_seen_at"`
}

// Tally counts what a destination holds of a stream.
type Tally struct {
	Rows    int64
	Rejects int64
	Orphans int64 // parents that children wait for
}

// Figures tell what a destination holds beside the rows, and how large it is.
type Figures struct {
	OrphanParents int64 `json:"orphan_parents"` // that children of any stream wait for
	Rejects       int64 `json:"rejects"`
	Repaired      int64 `json:"repaired"` // records that were stored with their text repaired
	Bytes         int64 `json:"bytes"`    // of all the agent's tables with their indexes
	// Streams is what there is of each stream that was asked for.
	Streams map[string]Stock `json:"streams,omitempty"`
}

// Stock is what a destination holds of a stream.
type Stock struct {
	// Rows is counted where that is cheap, else estimated from the database's own
	// statistics; nil: it has none.
	Rows      *int64 `json:"rows,omitempty"`
	Estimated bool   `json:"estimated,omitempty"`
	Rejects   int64  `json:"rejects"`
	Orphans   int64  `json:"orphans"` // parents that its children wait for
}

// Holding is where a destination holds a stream.
type Holding struct {
	Stream string
	Shape  *Shape
}
