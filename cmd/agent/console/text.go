package console

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
)

// Options say how a console shows a run.
type Options struct {
	Terminal bool       // w is a terminal: show bars in place of batch lines
	Width    int        // of the terminal, in columns
	Height   int        // and in rows; 0: unknown
	Quiet    bool       // only phases, problems and the summary
	Level    slog.Level // above info: only what is as important; debug: every event
}

// Text shows the events of a run to a person. Its methods may be called
// concurrently.
type Text struct {
	mu      sync.Mutex
	out     io.Writer
	o       Options
	bars    *bars // nil where there are none
	streams catalog.Catalogue
	phase   string
	reports map[string]*reports  // by stream
	retries map[string]time.Time // that were told, until when they wait
	feeds   map[string]int       // streams of the run, to tell a full one from a selection
}

// NewText makes a console that writes to w. Close it at the end.
func NewText(w io.Writer, o Options) *Text {
	t := &Text{out: w, o: o, streams: catalog.All(), reports: make(map[string]*reports), retries: make(map[string]time.Time)}
	if o.Terminal && !o.Quiet && o.Level == slog.LevelInfo {
		t.bars = newBars(w, o)
		t.out = t.bars
	}
	return t
}

// Close ends what moves on the terminal.
func (t *Text) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tellAll("")
	if t.bars != nil {
		t.bars.close()
		t.out, t.bars = t.bars.under, nil
	}
}

// line writes one line. An error of the terminal or pipe cannot be told anywhere.
func (t *Text) line(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// batch writes a line about a batch: only where there is no bar.
func (t *Text) batch(format string, args ...any) {
	if t.bars == nil && !t.o.Quiet {
		t.line(format, args...)
	}
}

// Observe shows an event.
func (t *Text) Observe(e agent.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// The batch lines belong to the console of old, although a log counts them as
	// details: they go with --quiet.
	if t.o.Level > slog.LevelInfo && e.Level() < t.o.Level {
		return
	}
	t.show(e)
	if t.o.Level < slog.LevelInfo && e.Level() < slog.LevelInfo {
		t.detail(e)
	}
}

// detail shows what an event holds, for who looks for the cause of something.
func (t *Text) detail(e agent.Event) {
	var b strings.Builder
	for _, a := range e.Attrs() {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
	}
	t.line("🔧 %s%s", e.Name(), b.String())
}

func (t *Text) show(e agent.Event) {
	switch e := e.(type) {
	case agent.RunStarted:
		t.runStarted(e)
	case agent.Notice:
		t.notice(e)
	case agent.LastSync:
		t.lastSync(e)
	case agent.KeysLoaded:
		t.keysLoaded(e)
	case agent.OrphansHome:
		t.line("🏡 %s: %s listings have come since their records: %s records fetched (%s new)", t.streams.Of(e.Stream).Title,
			number(int64(e.Parents)), number(e.Counters.Processed()), number(e.Counters.Written))
	case agent.PassStarted:
		t.passStarted(e)
	case agent.PageStarted:
		t.pageStarted(e)
	case agent.PageFetched:
		t.pageFetched(e)
	case agent.PageStored:
		t.pageStored(e)
	case agent.Progress:
		if t.bars != nil {
			t.bars.progress(e)
		}
	case agent.Retrying:
		t.retrying(e)
	case agent.Recovered:
		if e.Level() >= slog.LevelInfo { // else the next line is news enough
			t.line("✅ %s: goes on after %s, at attempt %d", e.What, duration(e.After), e.Attempts)
		}
	case agent.RecordsRefused:
		t.refused(e)
	case agent.PassFinished:
		t.tellAll(e.Stream)
		t.passFinished(e.PassReport)
	case agent.RunFinished:
		t.tellAll("")
		t.runFinished(e)
	case agent.RunScheduled:
		t.runScheduled(e)
	}
}

func (t *Text) runStarted(e agent.RunStarted) {
	t.phase = ""
	on := make(map[string]bool)
	for _, s := range e.Streams {
		on[s] = true
	}
	t.line("🚀 Starting Enhanced Sync - %s", e.At.UTC().Format("2006-01-02T15:04:05.000Z"))
	var options []string
	for _, s := range t.streams {
		options = append(options, fmt.Sprintf("%s: %t", s.Flag, on[s.Name]))
	}
	if e.Force {
		options = append(options, "force: true")
	}
	t.line("📋 Sync Options: { %s }", strings.Join(options, ", "))
	t.feeds = make(map[string]int)
	for i, s := range e.Streams {
		t.feeds[s] = i
	}
}

// retrying tells of a retry in one line: windows that are read side by side fail
// alike, and wait alike.
func (t *Text) retrying(e agent.Retrying) {
	text := fmt.Sprintf("⏳ %s: %s; attempt %d", e.What, oneLine(e.Err.Error()), e.Attempt+1)
	now := time.Now()
	for told, until := range t.retries {
		if !now.Before(until) {
			delete(t.retries, told)
		}
	}
	if _, told := t.retries[text]; !told {
		t.retries[text] = now.Add(e.Wait)
		t.line("%s in %s", text, duration(e.Wait))
	}
}

func (t *Text) notice(e agent.Notice) {
	sign := "ℹ️ "
	if e.Warning {
		sign = "⚠️ "
	}
	t.line("%s %s", sign, e.Text)
}

func (t *Text) lastSync(e agent.LastSync) {
	t.line("")
	t.line("📅 Loaded last sync timestamps: {")
	for i, name := range t.streams.Names() {
		at, comma := "null", ","
		if p, ok := e.Positions[name]; ok {
			at = fmt.Sprintf("%q", p)
		}
		if i == len(t.streams)-1 {
			comma = ""
		}
		t.line("  %s: %s%s", name, at, comma)
	}
	t.line("}")
	t.line("")
	if len(t.feeds) == len(t.streams) {
		t.line("🔄 Executing Full Sync with Parent-Child Integrity")
	} else {
		t.line("🔄 Executing Selective Sync with Parent-Child Integrity")
	}
}

func (t *Text) keysLoaded(e agent.KeysLoaded) {
	t.line("")
	t.line("🏠 Loading property keys for parent-child integrity...")
	from := ""
	if e.Rebuilt {
		from = " from the database in " + duration(e.Took)
	}
	t.line("✅ Loaded %s property keys%s", number(int64(e.Keys)), from) //nolint:gosec // far below the limit
}

func (t *Text) passStarted(e agent.PassStarted) {
	t.line("")
	stream := t.streams.Of(e.Stream)
	if h := stream.Heading; h != t.phase {
		t.phase = h
		t.line("%s", h)
	}
	child := stream.Child()
	with := ""
	if child {
		with = " with parent integrity"
	}
	t.line("⏰ Starting %s sync%s", stream.Title, with)
	switch {
	case e.Resumed:
		of := ""
		if e.Total != nil {
			of = " of " + number(*e.Total)
		}
		from := e.From
		if from == "" {
			from = "the beginning"
		}
		where := fmt.Sprintf("batch %d of %d", min(e.Batch, e.Batches), e.Batches)
		if e.Windows > 0 {
			where = plural(int64(e.Windows), "window") + " left"
		}
		t.line("⏩ resuming %s at %s, %s, %s%s done", e.Stream, from, where, number(e.Done), of)
	case e.Anew:
		t.line("📅 Last sync: ignored (many listings are new)")
	case e.Forced:
		t.line("📅 Last sync: ignored (--force)")
	case e.Full:
		t.line("📅 Last sync: never, full backfill")
	default:
		t.line("📅 Last sync: %s", e.From)
	}
	noun := stream.Noun
	if !child {
		noun += " to process"
	}
	if e.Total != nil {
		t.line("📊 Total %s: %s", noun, number(*e.Total))
	} else {
		t.line("📊 Total %s: unknown, the source does not count", noun)
	}
	if child {
		t.line("🏠 Property keys loaded: %s", number(int64(e.Keys))) //nolint:gosec // far below the limit
	}
	if e.Windows > 0 && !e.Resumed {
		t.line("🪟 Cut into %s, read side by side", plural(int64(e.Windows), "window"))
	}
	if t.bars != nil {
		t.bars.start(e, stream.Title)
	}
}

// fetching, fetched and storedPage are the lines about a batch, or about several.

func (t *Text) fetching(stream, feed, name, from string) {
	s := t.streams.Of(stream)
	what := s.Title
	if s.Listing { // of which there is a stream for each feed
		what = feed + " " + s.Resource
	}
	t.batch("🔄 %s: Fetching %s from %s", name, what, cmp.Or(from, "the beginning"))
}

func (t *Text) fetched(stream, name string, n, again int) {
	noun := t.streams.Of(stream).Noun
	if n == 1 {
		noun = strings.TrimSuffix(noun, "s")
	}
	known := ""
	if again > 0 {
		known = fmt.Sprintf(" (%s read again)", number(int64(again)))
	}
	t.batch("📥 %s: Fetched %s %s%s", name, number(int64(n)), noun, known)
}

func (t *Text) storedPage(name string, e agent.PageStored) {
	skipped := ""
	if s := t.streams.Of(e.Stream); s.Child() {
		t.batch("🔍 %s: %s valid records (%s skipped)", name, number(e.Processed), number(e.Skipped))
		skipped = fmt.Sprintf(", Skipped: %s", number(e.Skipped))
	}
	t.batch("✅ %s: Processed %s, Success: %s, Failed: %s%s", name, number(e.Processed), number(e.Successful), number(e.Failed), skipped)
	if e.Total != nil && *e.Total > 0 {
		if skipped != "" {
			skipped = " - Skipped: " + number(e.SkippedInAll)
		}
		t.batch("📈 Progress: %s%s", progress(e.Done, *e.Total), skipped)
	}
}

// batch names a page, and its window where there are several.
func batch(window, page int) string {
	if window > 0 {
		return fmt.Sprintf("Window %d, batch %d", window, page)
	}
	return fmt.Sprintf("Batch %d", page)
}
