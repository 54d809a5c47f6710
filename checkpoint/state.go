package checkpoint

import "time"

// Position is a place between two records of a stream: behind the record with
// this timestamp (the source's own text) and key.
type Position struct {
	Timestamp string `json:"timestamp"`
	Key       string `json:"key"`
}

// Counters count records of a pass. Each record is in exactly one of them.
type Counters struct {
	Written   int64 `json:"written"`
	Unchanged int64 `json:"unchanged"`
	Deleted   int64 `json:"deleted"`
	Older     int64 `json:"older"` // versions and deletes that gave way to a newer row
	Failed    int64 `json:"failed"`
	Skipped   int64 `json:"skipped"` // children whose parent is not there
}

// Successful is written, unchanged and deleted together.
func (c Counters) Successful() int64 { return c.Written + c.Unchanged + c.Deleted }

// Processed is successful and failed together; older and skipped stand apart.
func (c Counters) Processed() int64 { return c.Successful() + c.Failed }

// Seen is every record that the source sent.
func (c Counters) Seen() int64 { return c.Processed() + c.Older + c.Skipped }

// Add adds c2 to c.
func (c *Counters) Add(c2 Counters) {
	c.Written += c2.Written
	c.Unchanged += c2.Unchanged
	c.Deleted += c2.Deleted
	c.Older += c2.Older
	c.Failed += c2.Failed
	c.Skipped += c2.Skipped
}

// Stream is what is kept of one stream. The same value, encoded, is stored in
// the destination with every commit, so each store can be rebuilt from the other.
type Stream struct {
	Sequence    uint64    `json:"sequence"` // one higher with each commit
	Fingerprint string    `json:"fingerprint"`
	Position    *Position `json:"position,omitempty"` // never moves back; nil: nothing stored yet
	Pass        *Pass     `json:"pass,omitempty"`     // nil: no pass under way
	Counters    Counters  `json:"counters"`           // of the pass under way, else of the last

	LastFinishedAt time.Time `json:"last_finished_at,omitzero"`
	// Unlogged counts passes that have finished since the last run record, so
	// that the run that writes the next one accounts for them: also when the
	// run that they belonged to died.
	Unlogged *Counters `json:"unlogged,omitempty"`
}

// Log adds what was done to the account that the next run record closes.
func (s *Stream) Log(n Counters) {
	if s.Unlogged != nil {
		n.Add(*s.Unlogged)
	}
	s.Unlogged = &n
}

// Pass is one walk over a stream, from Start until the source has no more.
type Pass struct {
	StartedAt time.Time `json:"started_at"`
	Full      bool      `json:"full"`   // from the beginning: ends only when nothing is left by count
	Forced    bool      `json:"forced"` // rewrites what differs, also if it looks newer
	Place               // where the pass stands; with Windows, where those begin
	// Again is the timestamp up to which the pass reads a second time what the
	// one before it has read (--lookback); "" for none.
	Again string `json:"again,omitempty"`
	Total *int64 `json:"total,omitempty"` // by the source's count at the start; nil: it gave none
	// Windows are read side by side before the pass goes on behind them, in the
	// order of time. Those at the front that are done are taken off.
	Windows []Window `json:"windows,omitempty"`
}

// Place is how far a walk has come.
type Place struct {
	Cursor Position `json:"cursor"` // empty: at the beginning
	// Second: the one second at Cursor.Timestamp is being walked by key alone.
	Second bool `json:"second,omitempty"`

	Page     int  `json:"page"`      // pages begun, from 1
	Batch    int  `json:"batch"`     // batches done in this page
	PageRows int  `json:"page_rows"` // records done in this page
	PageDone bool `json:"page_done,omitempty"`
}

// Window is a closed span of a pass.
type Window struct {
	From   string `json:"from"`   // a timestamp, included; "" for wherever the pass begins
	Before string `json:"before"` // a timestamp, not included
	Place
	Done bool `json:"done,omitempty"`
}

// Run is a run in the journal.
type Run struct {
	ID         string               `json:"id"`
	StartedAt  time.Time            `json:"started_at"`
	FinishedAt time.Time            `json:"finished_at"` // zero: it died, and nobody knows when
	Totals     Counters             `json:"totals"`
	Positions  map[string]time.Time `json:"positions"` // the newest that are known of all streams
	Mirrored   bool                 `json:"mirrored"`  // nothing is left to write to the destination's SyncLog

	// Own is what the run itself did. Totals are for SyncLog: they account for
	// passes that runs before it began, and for those of runs that died.
	Own *Counters `json:"own,omitempty"`

	// Error is why the run did not finish; "" for one that did. Such a run is not
	// for SyncLog, so it has Mirrored set.
	Error string `json:"error,omitempty"`
	// Repeats counts the runs behind this one that ended with the same error and
	// have no entry of their own; FinishedAt is the last one's.
	Repeats int `json:"repeats,omitempty"`
}
