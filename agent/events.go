package agent

import (
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
	Took    time.Duration
	Window  int // as in PageStarted
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

// Retrying: something failed that may pass.
type Retrying struct {
	What    string
	Attempt int
	Wait    time.Duration
	Err     error
}

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

// Name and the others implement Event.

func (RunStarted) Name() string     { return "run_started" }
func (Notice) Name() string         { return "notice" }
func (LastSync) Name() string       { return "last_sync" }
func (PassStarted) Name() string    { return "pass_started" }
func (PageStarted) Name() string    { return "page_started" }
func (PageFetched) Name() string    { return "page_fetched" }
func (PageStored) Name() string     { return "page_stored" }
func (Progress) Name() string       { return "progress" }
func (Retrying) Name() string       { return "retrying" }
func (RecordsRefused) Name() string { return "records_refused" }
func (KeysLoaded) Name() string     { return "keys_loaded" }
func (OrphansHome) Name() string    { return "orphans_home" }
func (PassFinished) Name() string   { return "pass_finished" }
func (RunFinished) Name() string    { return "run_finished" }

func (RunStarted) Level() slog.Level     { return slog.LevelInfo }
func (LastSync) Level() slog.Level       { return slog.LevelInfo }
func (PassStarted) Level() slog.Level    { return slog.LevelInfo }
func (PageStarted) Level() slog.Level    { return slog.LevelDebug }
func (PageFetched) Level() slog.Level    { return slog.LevelDebug }
func (PageStored) Level() slog.Level     { return slog.LevelInfo }
func (Progress) Level() slog.Level       { return slog.LevelDebug }
func (Retrying) Level() slog.Level       { return slog.LevelWarn }
func (RecordsRefused) Level() slog.Level { return slog.LevelWarn }
func (KeysLoaded) Level() slog.Level     { return slog.LevelInfo }
func (OrphansHome) Level() slog.Level    { return slog.LevelInfo }
func (PassFinished) Level() slog.Level   { return slog.LevelInfo }

func (e Notice) Level() slog.Level {
	if e.Warning {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func (e RunFinished) Level() slog.Level {
	if e.Err != nil {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (e RunStarted) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("run", e.ID), slog.Any("streams", e.Streams), slog.Bool("force", e.Force)}
}

func (e Notice) Attrs() []slog.Attr { return []slog.Attr{slog.String("text", e.Text)} }

func (e LastSync) Attrs() []slog.Attr { return []slog.Attr{slog.Any("positions", e.Positions)} }

func (e PassStarted) Attrs() []slog.Attr {
	attrs := append([]slog.Attr{
		slog.String("stream", e.Stream), slog.String("from", e.From), slog.Bool("full", e.Full),
		slog.Bool("forced", e.Forced), slog.Bool("resumed", e.Resumed),
		slog.Int("batch", e.Batch), slog.Int("batches", e.Batches), slog.Int64("done", e.Done),
	}, total(e.Total)...)
	if e.Windows > 0 {
		attrs = append(attrs, slog.Int("windows", e.Windows))
	}
	return attrs
}

func (e PageStarted) Attrs() []slog.Attr {
	return append(page(e.Stream, e.Window, e.Page), slog.String("from", e.From))
}

func (e PageFetched) Attrs() []slog.Attr {
	return append(page(e.Stream, e.Window, e.Page), slog.Int("records", e.Records), slog.Float64("seconds", e.Took.Seconds()))
}

func (e PageStored) Attrs() []slog.Attr {
	attrs := append(page(e.Stream, e.Window, e.Page), slog.Int64("processed", e.Processed),
		slog.Int64("successful", e.Successful), slog.Int64("failed", e.Failed), slog.Int64("skipped", e.Skipped),
		slog.Int64("done", e.Done))
	return append(attrs, total(e.Total)...)
}

func (e Progress) Attrs() []slog.Attr {
	return append([]slog.Attr{slog.String("stream", e.Stream), slog.Int64("done", e.Done)}, total(e.Total)...)
}

func (e Retrying) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("what", e.What), slog.Int("attempt", e.Attempt), slog.Float64("wait_seconds", e.Wait.Seconds()),
		slog.String("error", e.Err.Error()),
	}
}

func (e RecordsRefused) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("stream", e.Stream), slog.Int("page", e.Page), slog.Int("batch", e.Batch),
		slog.String("first_key", e.First), slog.String("last_key", e.Last), slog.Int("count", e.Count),
		slog.String("reason", e.Reason),
	}
}

func (e KeysLoaded) Attrs() []slog.Attr {
	return []slog.Attr{slog.Uint64("keys", e.Keys), slog.Bool("rebuilt", e.Rebuilt), slog.Float64("seconds", e.Took.Seconds())}
}

func (e OrphansHome) Attrs() []slog.Attr {
	return []slog.Attr{
		slog.String("stream", e.Stream), slog.Int("parents", e.Parents), slog.Int64("processed", e.Counters.Processed()),
		slog.Int64("written", e.Counters.Written), slog.Int64("failed", e.Counters.Failed),
	}
}

func (e PassFinished) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("stream", e.Stream), slog.Int("pages", e.Pages), slog.Int64("processed", e.Counters.Processed()),
		slog.Int64("written", e.Counters.Written), slog.Int64("unchanged", e.Counters.Unchanged),
		slog.Int64("deleted", e.Counters.Deleted), slog.Int64("failed", e.Counters.Failed),
		slog.Int64("skipped", e.Counters.Skipped), slog.Int64("unfit_values", e.Unfit),
		slog.Float64("seconds", e.Duration.Seconds()),
	}
	if e.Check != nil {
		attrs = append(attrs, slog.Int64("source_count", e.Check.Source), slog.Int64("gap", e.Check.Gap()))
	}
	return attrs
}

func (e RunFinished) Attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("run", e.Report.ID), slog.Int64("processed", e.Report.Totals.Processed()),
		slog.Int64("successful", e.Report.Totals.Successful()), slog.Int64("failed", e.Report.Totals.Failed),
		slog.Int64("skipped", e.Report.Totals.Skipped), slog.Float64("seconds", e.Report.Duration.Seconds()),
		slog.Bool("mirrored", e.Report.Mirrored),
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	return attrs
}

// page names a page; window only where there are windows.
func page(stream string, window, number int) []slog.Attr {
	attrs := []slog.Attr{slog.String("stream", stream)}
	if window > 0 {
		attrs = append(attrs, slog.Int("window", window))
	}
	return append(attrs, slog.Int("page", number))
}

func total(n *int64) []slog.Attr {
	if n == nil {
		return nil
	}
	return []slog.Attr{slog.Int64("total", *n)}
}
