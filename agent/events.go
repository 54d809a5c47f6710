package agent

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"resoagent/checkpoint"
)

// Event is something that happened in a run. Name is stable, and so are the
// attributes' keys: programs read them.
type Event interface {
	Name() string
	Level() slog.Level
	Attrs() []slog.Attr
}

// RunStarted: a run begins.
type RunStarted struct {
	ID      string
	At      time.Time
	Streams []string
	Force   bool
}

// Notice is a sentence that the operator should read.
type Notice struct {
	Warning bool
	Text    string
}

// LastSync: where the streams stood when the run began; nil for the beginning.
type LastSync struct{ Positions map[string]string }

// PassStarted: a walk of one stream begins or goes on.
type PassStarted struct {
	Stream  string
	Feed    string
	From    string // timestamp, "" for the beginning
	Full    bool
	Forced  bool
	Anew    bool // Forced, since many of its listings are new
	Resumed bool
	Batch   int // the batch of the page that comes next, and how many a page has
	Batches int
	Done    int64
	Total   *int64 // nil: the source does not count
	Keys    uint64 // parent keys loaded, for children
	Windows int    // that are read side by side first, and are not done; 0: none
}

// PageStarted: a page is asked for.
type PageStarted struct {
	Stream, Feed string
	Page         int
	From         string
	Again        bool // the page before was empty, and is asked for once more
	Window       int  // whose page it is, from 1; 0: that of no window
}

// PageFetched: a page has arrived; none of it, Records 0, at the end.
type PageFetched struct {
	Stream  string
	Page    int
	Records int
	// ReadAgain is how many of these lie in the span that the pass before has read
	// (--lookback). What is known among them is counted nowhere.
	ReadAgain int
	Took      time.Duration // that the source needed for it, with all attempts
	Waited    time.Duration // before that, for the delay between requests
	Again     bool          // as in PageStarted, like the next one
	Window    int
}

// PageStored: all records of a page are stored.
type PageStored struct {
	Stream     string
	Page       int
	Processed  int64
	Successful int64
	Failed     int64
	Skipped    int64
	Done       int64 // of the pass, like SkippedInAll
	Total      *int64

	SkippedInAll int64
	Window       int // as in PageStarted
}

// Progress: a group has been stored.
type Progress struct {
	Stream string
	Done   int64
	Total  *int64
}

// GroupStored: a group has been stored, of a pass or of records that were asked
// for by key. What was known already counts nowhere.
type GroupStored struct {
	Stream   string
	Counters checkpoint.Counters
}

// Retrying: something failed that may pass.
type Retrying struct {
	What    string
	Attempt int
	Wait    time.Duration
	Left    time.Duration // until it is given up
	Cause   string        // one of a few: see docs/LOGS.md
	Err     error
}

// Recovered: what failed has gone well.
type Recovered struct {
	What     string
	Attempts int
	After    time.Duration // since it failed first
}

// noticed is how long failures take to be an outage, whose end is news.
const noticed = 10 * time.Second

// RecordsRefused: some records of a batch became rejects.
type RecordsRefused struct {
	Stream      string
	Page, Batch int
	First, Last string // keys
	Count       int
	Reason      string // of the first
}

// KeysLoaded: the parent keys are there.
type KeysLoaded struct {
	Keys    uint64
	Rebuilt bool // from the destination
	Took    time.Duration
}

// OrphansHome: listings have come, and with them the children that were passed by.
type OrphansHome struct {
	Stream   string
	Parents  int
	Counters checkpoint.Counters
}

// PassFinished: a walk of one stream is complete.
type PassFinished struct{ PassReport }

// RunFinished: the run is over.
type RunFinished struct {
	Report Report
	Err    error // nil: done
}

// RunScheduled: the next run was planned.
type RunScheduled struct {
	At       time.Time
	Wait     time.Duration
	Failures int   // runs that have failed in a row; 0: the last one did not
	Err      error // why the last one failed
}

// Name and the others implement Event.

func (RunStarted) Name() string     { return "run_started" }
func (Notice) Name() string         { return "notice" }
func (LastSync) Name() string       { return "last_sync" }
func (PassStarted) Name() string    { return "pass_started" }
func (PageStarted) Name() string    { return "page_started" }
func (PageFetched) Name() string    { return "page_fetched" }
func (PageStored) Name() string     { return "page_stored" }
func (Progress) Name() string       { return "progress" }
func (GroupStored) Name() string    { return "group_stored" }
func (Retrying) Name() string       { return "retrying" }
func (Recovered) Name() string      { return "recovered" }
func (RecordsRefused) Name() string { return "records_refused" }
func (KeysLoaded) Name() string     { return "keys_loaded" }
func (OrphansHome) Name() string    { return "orphans_home" }
func (PassFinished) Name() string   { return "pass_finished" }
func (RunFinished) Name() string    { return "run_finished" }
func (RunScheduled) Name() string   { return "run_scheduled" }

func (RunStarted) Level() slog.Level     { return slog.LevelInfo }
func (LastSync) Level() slog.Level       { return slog.LevelInfo }
func (PassStarted) Level() slog.Level    { return slog.LevelInfo }
func (PageStarted) Level() slog.Level    { return slog.LevelDebug }
func (PageFetched) Level() slog.Level    { return slog.LevelDebug }
func (PageStored) Level() slog.Level     { return slog.LevelInfo }
func (Progress) Level() slog.Level       { return slog.LevelDebug }
func (GroupStored) Level() slog.Level    { return slog.LevelDebug }
func (Retrying) Level() slog.Level       { return slog.LevelWarn }
func (RecordsRefused) Level() slog.Level { return slog.LevelWarn }
func (KeysLoaded) Level() slog.Level     { return slog.LevelInfo }
func (OrphansHome) Level() slog.Level    { return slog.LevelInfo }
func (PassFinished) Level() slog.Level   { return slog.LevelInfo }

// Level is that of news where there was time to notice the failures.
func (e Recovered) Level() slog.Level {
	if e.After < noticed {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (e Notice) Level() slog.Level {
	if e.Warning {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func (e RunScheduled) Level() slog.Level {
	if e.Err != nil {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func (e RunFinished) Level() slog.Level {
	if e.Err != nil && !errors.Is(e.Err, context.Canceled) { // being stopped is nothing wrong
		return slog.LevelError
	}
	return slog.LevelInfo
}
