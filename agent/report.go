package agent

import (
	"time"

	"resoagent/checkpoint"
)

// Report says what a run did.
type Report struct {
	ID       string
	Task     string // "" for a sync
	Started  time.Time
	Duration time.Duration
	Passes   []PassReport        // that are complete
	Totals   checkpoint.Counters // of Passes, and of the one that an error ended
	Own      checkpoint.Counters // what this run did of that: without what a pass that it took up had done before
	Mirrored bool                // the run is in SyncLog
	LeftOut  []LeftOut           // streams that the source does not have
}

// LeftOut is a stream that was left out of a run, and what the source said of it.
type LeftOut struct {
	Stream string
	Answer string
	err    error
}

// Missing is how many records the source counts in the streams of the run and has
// not sent.
func (r Report) Missing() (n int64) {
	for i, p := range r.Passes {
		last := i+1 == len(r.Passes) || r.Passes[i+1].Stream != p.Stream
		if last {
			n += missing(p.Gap)
		}
	}
	return n
}

// PassReport says what a pass did. The counters of a pass that was resumed
// include what was done before.
type PassReport struct {
	Stream   string
	Counters checkpoint.Counters
	Pages    int
	// ReadAgain is how many records this run read that the pass before had read
	// (--lookback). Counters have only what was new among them.
	ReadAgain int64
	Unfit     int64 // values that did not fit their typed column and are null there
	// UnfitFirst is one of them, by column, key and value.
	UnfitFirst string
	Duration   time.Duration
	Check      *Check          // after a first backfill whose source counts
	Gap        *checkpoint.Gap // what the source counts and has not sent; nil: nothing

	// The pass went on ahead of the present, so what has come since it was
	// interrupted is not in it.
	behind bool
}

// Check compares what a first backfill stored with what the source counts.
type Check struct {
	Source   int64 // the source's count, without any bound by timestamp
	Rows     int64 // rows in the destination
	Skipped  int64 // children without a parent
	Rejected int64
	Deleted  int64 // soft-deleted at the source, so not kept
}

// Unaccounted is how many records of the source are not here and were not left
// out; below zero, how many more are here than the source counts. A source that
// changes during the backfill leaves some. What it did not send is another thing:
// PassReport.Gap.
func (c Check) Unaccounted() int64 { return c.Source - c.Rows - c.Skipped - c.Rejected - c.Deleted }
