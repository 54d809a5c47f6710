package checkpoint

import "time"

// Position is a place between two records of a stream: behind the record with
// this timestamp (the source's own text) and key.
type Position struct {
	Timestamp string `json:"timestamp"`
	Key       string `json:"key"`
}

// Counters count records of a pass. Each record is in exactly one of them, but
// for Repaired.
type Counters struct {
	Written   int64 `json:"written"`
	Unchanged int64 `json:"unchanged"`
	Deleted   int64 `json:"deleted"`
	Older     int64 `json:"older"` // versions and deletes that gave way to a newer row
	Failed    int64 `json:"failed"`
	Skipped   int64 `json:"skipped"` // children whose parent is not there
	// Repaired are those of Written and Unchanged whose text had to be repaired.
	Repaired int64 `json:"repaired"`
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
	c.Repaired += c2.Repaired
}

// Stream is what is kept of one stream. The same value, encoded, is stored in
// the destination with every commit, so each store can be rebuilt from the other.
type Stream struct {
	Sequence    uint64    `json:"sequence"` // one higher with each commit
	Fingerprint string    `json:"fingerprint"`
	Position    *Position `json:"position,omitempty"` // never moves back, nor past the present; nil: nothing stored yet
	Pass        *Pass     `json:"pass,omitempty"`     // nil: no pass under way
	Counters    Counters  `json:"counters"`           // of the pass under way, else of the last

	LastFinishedAt time.Time `json:"last_finished_at,omitzero"`
	// Checked is a timestamp: what lies before it was held against the source's
	// count. "" where the source does not count.
	Checked string `json:"checked,omitempty"`
	// Suspect is how many records the last pass lacked of those that were young.
	Suspect int64 `json:"suspect,omitempty"`
	// Gap is what the source counts and has not sent; nil: nothing.
	Gap *Gap `json:"gap,omitempty"`
	// Miscount is how many records the source counted in the last forced pass that
	// it sent neither by time nor by key: its counts are too high by that.
	Miscount int64 `json:"miscount,omitempty"`
	// RejectRules is the version of what makes a record a reject by which the
	// stream's rejects have been looked at.
	RejectRules int `json:"reject_rules,omitempty"`
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

// Gap is how many records a source counts in a span of time and does not send.
type Gap struct {
	Records int64     `json:"records"`
	From    string    `json:"from"`   // a timestamp, included; "" for the beginning
	Before  string    `json:"before"` // a timestamp, not included
	Since   time.Time `json:"since"`  // when it was found
}

// Pass is one walk over a stream, from Start until the source has no more.
type Pass struct {
	StartedAt time.Time `json:"started_at"`
	Full      bool      `json:"full"`   // from the beginning: ends only when nothing is left by count
	Forced    bool      `json:"forced"` // rewrites what differs, also if it looks newer
	// Anew is the debt that a forced pass pays: it began when so many listings were
	// new that their children were not asked for by key. "" for none.
	Anew  string `json:"anew,omitempty"`
	Place        // where the pass stands; with Windows, where those begin
	// Again is the timestamp up to which the pass reads a second time what the
	// one before it has read (--lookback); "" for none.
	Again string `json:"again,omitempty"`
	Total *int64 `json:"total,omitempty"` // by the source's count at the start; nil: it gave none
	// Windows are read side by side before the pass goes on behind them, in the
	// order of time. Those at the front that are done are taken off.
	Windows []Window `json:"windows,omitempty"`
	// Alone: there were windows, and the source's timestamps did not keep to them.
	Alone bool   `json:"alone,omitempty"`
	From  string `json:"from,omitempty"` // a timestamp: all from here on is read; "" for the beginning
	// Span is what the walk behind the windows, or the only one, is held against
	// when it has ended; nil: nothing yet.
	Span *Span `json:"span,omitempty"`
	// Gap is what is missing in the windows that have become part of the pass.
	Gap *Gap `json:"gap,omitempty"`
}

// Span is a stretch of time that a walk reads, by timestamps. What lies between
// Old and Before may still be on its way: a source can commit it late.
type Span struct {
	From   string `json:"from"` // included; "" for the beginning
	Old    string `json:"old"`
	Before string `json:"before"` // not included
}

// Place is how far a walk has come.
type Place struct {
	Cursor Position `json:"cursor"` // empty: at the beginning; may lie ahead of the present
	// Second: the one second at Cursor.Timestamp is being walked by key alone.
	Second bool `json:"second,omitempty"`

	Page     int  `json:"page"`      // pages begun, from 1
	Batch    int  `json:"batch"`     // batches done in this page
	PageRows int  `json:"page_rows"` // records done in this page
	PageDone bool `json:"page_done,omitempty"`

	// How many records have come, each once as far as can be told: before the
	// span's Old, between that and its end, and behind it. In a window all of them
	// are Came.
	Came  int64 `json:"came,omitempty"`
	Young int64 `json:"young,omitempty"`
	Later int64 `json:"later,omitempty"`
}

// Window is a closed span of a pass.
type Window struct {
	From   string `json:"from"`   // a timestamp, included; "" for wherever the pass begins
	Before string `json:"before"` // a timestamp, not included
	Place
	Done bool  `json:"done,omitempty"`
	Gap  int64 `json:"gap,omitempty"` // records that the source counts in it and has not sent
}

// Run is a run in the journal.
type Run struct {
	ID         string               `json:"id"`
	StartedAt  time.Time            `json:"started_at"`
	FinishedAt time.Time            `json:"finished_at"` // zero: it died, and nobody knows when
	Totals     Counters             `json:"totals"`
	Positions  map[string]time.Time `json:"positions"` // the newest that are known of all streams
	Mirrored   bool                 `json:"mirrored"`  // nothing is left to write to the destination's SyncLog

	// Task is what the run was for; "" for a sync. Others are not for SyncLog: what
	// they did is in the Totals of the next sync.
	Task string `json:"task,omitempty"`

	// Own is what the run itself did. Totals are for SyncLog: they account for
	// passes that runs before it began, and for those of runs that died.
	Own *Counters `json:"own,omitempty"`

	// Gap is how many records the source counted in the run's streams and had not
	// sent when it ended.
	Gap int64 `json:"gap,omitempty"`

	// Error is why the run did not finish; "" for one that did. Such a run is not
	// for SyncLog, so it has Mirrored set.
	Error string `json:"error,omitempty"`
	// Repeats counts the runs behind this one that ended with the same error and
	// have no entry of their own; FinishedAt is the last one's.
	Repeats int `json:"repeats,omitempty"`
}
