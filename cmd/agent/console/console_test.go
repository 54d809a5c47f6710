package console

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/catalog"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(tb testing.TB, name, got string) {
	tb.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s (-want +got); -update writes it anew:\n%s", file, diff)
	}
}

func now() time.Time { return time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC) }

// events are a run like the one in the user's description.
func events() []agent.Event {
	total, media := int64(15432), int64(45678)
	report := agent.Report{ID: "r", Duration: 45 * time.Minute, Totals: checkpoint.Counters{Written: 88945, Failed: 289, Skipped: 1234}}
	report.Own = report.Totals
	report.Own.Written -= 31_400
	return []agent.Event{
		agent.RunStarted{ID: "r", At: now(), Streams: agent.Streams()},
		agent.Notice{Text: "something to know"},
		agent.LastSync{Positions: map[string]string{"idx_property": "2024-01-14T15:45:00Z"}},
		agent.PassStarted{Stream: "idx_property", Feed: "idx", From: "2024-01-14T15:45:00Z", Total: &total},
		agent.PageStarted{Stream: "idx_property", Feed: "idx", Page: 1, From: "2024-01-14T15:45:00Z"},
		agent.PageFetched{Stream: "idx_property", Page: 1, Records: 5000},
		agent.Retrying{What: "source, idx_property", Attempt: 1, Wait: 1500 * time.Millisecond, Err: agent.ErrStuck},
		agent.PageStored{Stream: "idx_property", Page: 1, Processed: 5000, Successful: 4987, Failed: 13, Done: 5000, Total: &total},
		agent.PageFetched{Stream: "idx_property", Page: 2},
		agent.PageFetched{Stream: "idx_property", Page: 2, Again: true}, // is not said twice
		agent.PassFinished{PassReport: agent.PassReport{
			Stream: "idx_property", Counters: checkpoint.Counters{Written: 15000, Unchanged: 420, Failed: 12}, Pages: 3, Duration: 61 * time.Second, Unfit: 1,
			Check: &agent.Check{Source: 15440, Rows: 15420, Rejected: 12},
		}},
		agent.KeysLoaded{Keys: 23654},
		agent.PassStarted{
			Stream: "media", Feed: "vow", From: "2024-03-01T10:00:00Z", Resumed: true, Batch: 7, Batches: 20, Done: 31400, Total: &media, Keys: 23654,
		},
		agent.PageStarted{Stream: "media", Page: 16, From: "2024-03-01T10:00:00Z"},
		agent.PageFetched{Stream: "media", Page: 16, Records: 2000},
		agent.RecordsRefused{Stream: "media", Page: 16, Batch: 9, First: "a", Last: "b", Count: 2, Reason: "no ResourceRecordKey"},
		agent.PageStored{Stream: "media", Page: 16, Processed: 1847, Successful: 1845, Failed: 2, Skipped: 153, Done: 32000, Total: &media, SkippedInAll: 1100},
		agent.PassFinished{PassReport: agent.PassReport{
			Stream: "media", Counters: checkpoint.Counters{Written: 42156, Failed: 89, Skipped: 1234}, Pages: 23, ReadAgain: 17, Gap: &checkpoint.Gap{Records: 151, From: "2024-01-10T00:00:00Z", Before: "2024-01-10T01:00:00Z", Since: now()}, Duration: 400 * time.Millisecond,
			Check: &agent.Check{Source: 43479, Rows: 42156, Rejected: 89, Skipped: 1234},
		}},
		agent.RunFinished{Report: report},
	}
}

func TestText(t *testing.T) {
	for name, o := range map[string]Options{"lines.golden": {}, "quiet.golden": {Quiet: true}} {
		var out bytes.Buffer
		text := NewText(&out, o)
		for _, e := range events() {
			text.Observe(e)
		}
		text.Close()
		golden(t, name, out.String())
	}
}

// A stream that neither has a parent nor is one is told of without a word of parents
// and of what was skipped, under its own heading and by its own names.
func TestStreamWithoutAParent(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	text := NewText(&out, Options{})
	text.streams = append(catalog.All(), catalog.Stream{
		Name: "office", Flag: "office", Title: "Offices", Noun: "office records", Heading: "🏢 === OFFICE SYNC ===", Resource: "Office",
	})
	total := int64(3)
	for _, e := range []agent.Event{
		agent.RunStarted{At: now(), Streams: []string{"office"}},
		agent.LastSync{Positions: map[string]string{"office": "2024-01-14T15:45:00Z"}},
		agent.PassStarted{Stream: "office", Feed: "vow", From: "2024-01-14T15:45:00Z", Total: &total},
		agent.PageStarted{Stream: "office", Feed: "vow", Page: 1, From: "2024-01-14T15:45:00Z"},
		agent.PageFetched{Stream: "office", Page: 1, Records: 3},
		agent.PageStored{Stream: "office", Page: 1, Processed: 3, Successful: 3, Done: 3, Total: &total},
		agent.PassFinished{PassReport: agent.PassReport{Stream: "office", Counters: checkpoint.Counters{Written: 3}, Pages: 1, Duration: time.Second}},
	} {
		text.Observe(e)
	}
	text.Close()
	golden(t, "office.golden", out.String())
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	observe := JSON(&out, Options{})
	for _, e := range events() {
		observe(e)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, line := range lines {
		// The time is that of the writing.
		before, after, ok := strings.Cut(line, `,"level"`)
		if !ok || !strings.HasPrefix(before, `{"time":"`) || !strings.Contains(line, `"run":"r"`) {
			t.Errorf("line %s", line)
		}
		lines[i] = `{"level"` + after
	}
	golden(t, "json.golden", strings.Join(lines, "\n")+"\n")
}

func TestStatus(t *testing.T) {
	for name, s := range statuses() {
		var out bytes.Buffer
		Status(&out, s)
		golden(t, name, out.String())
		for _, line := range strings.Split(out.String(), "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("a line of %d columns: %s", n, line)
			}
		}
	}
}

// statuses are one of a run under way, and one of an agent that waits and has
// seen better days.
func statuses() map[string]agent.Status {
	total, finished, free := int64(45678), now().Add(-3*time.Hour), int64(5<<30)
	rate, left, lag, next := 1234.5, 11.6, 67500.0, now().Add(4*time.Minute)
	process := &agent.AgentStatus{PID: 4711, Program: "resoagent/1.0", Host: "h", StartedAt: now().Add(-49 * time.Hour)}
	streams := []agent.StreamStatus{
		{
			Name: "idx_property", Position: &agent.PositionStatus{Timestamp: "2024-01-14T15:45:00.123456Z", Sequence: 7},
			Processed: 15432, Successful: 15420, Unchanged: 420, Failed: 12, LastFinishedAt: &finished, LagSeconds: &lag,
		},
		{Name: "media", Processed: 30000, Successful: 30000, Skipped: 1400},
	}
	run := agent.Status{
		At: now(), StateDir: "/var/lib/resoagent", Agent: process, Running: true, Run: &agent.RunStatus{ID: "r", StartedAt: now().Add(-62 * time.Second)},
		Streams:       slices.Clone(streams),
		KeySet:        agent.KeySetStatus{Keys: 23654, BloomBits: 479253, FalsePositiveRate: 0.0002, Absent: 54321},
		OrphanParents: 77, PendingSyncLog: 1, StateFileBytes: 1 << 20, FreeBytes: &free, DestinationBytes: 3 << 30, LastSuccessAt: &finished,
	}
	run.Streams[1].Pass = &agent.PassStatus{StartedAt: now().Add(-time.Minute), Page: 16, Batch: 6, Total: &total}
	run.Streams[1].Rate, run.Streams[1].SecondsLeft = &rate, &left
	retry, end := now().Add(4*time.Second), now().Add(3*time.Minute)
	run.Run.QuietSeconds = 42
	rows, source, counted, old := int64(15_420), int64(15_571), now().Add(-10*time.Minute), now().Add(-50*time.Hour)
	run.Streams[0].Rows, run.Streams[0].RowsAt, run.Streams[0].Rejects, run.Streams[0].OrphanParents = &rows, &counted, 12, 77
	run.Streams[0].SourceCount, run.Streams[0].SourceCountAt, run.Streams[0].CountedAt = &source, &old, &finished
	run.Streams[0].Gap = &agent.GapStatus{Count: 151, From: "2024-01-10T00:00:00Z", Before: "2024-01-10T01:00:00Z", Since: old}
	run.Streams[0].Older = 3
	many := int64(10_200_000)
	run.Streams[1].Rows, run.Streams[1].RowsEstimated, run.Streams[1].SourceCount = &many, true, &many
	run.Problem = &agent.ProblemStatus{
		Since: now().Add(-40 * time.Second), At: now(), Times: 6, What: "source, media", Attempt: 7, RetryAt: &retry, GivesUpAt: &end,
		Text: "source, media: read Media: HTTP 503 Service Unavailable: the server is down for maintenance until half past four",
	}
	waits := agent.Status{
		At: now(), StateDir: "/var/lib/resoagent", Agent: process, Streams: slices.Clone(streams), Rejects: 3,
		Schedule: &agent.ScheduleStatus{EverySeconds: 900, NextRunAt: &next, Failures: 2},
		LastRun:  &agent.RunRecord{StartedAt: now().Add(-time.Minute), FinishedAt: &finished, Error: "media, page 2: HTTP 503", Repeats: 1},
	}
	since := now().Add(-4 * time.Hour)
	waits.Problem = &agent.ProblemStatus{Since: since, At: finished, Times: 2, What: "run", Text: "media, page 2: HTTP 503", RetryAt: &next}
	waits.Streams[1].Pass = &agent.PassStatus{StartedAt: now().Add(-time.Hour), Page: 16, Windows: []agent.WindowStatus{{Done: true}, {}, {}}}
	return map[string]agent.Status{"status.golden": run, "status-waiting.golden": waits, "status-new.golden": {
		At: now(), StateDir: "/var/lib/resoagent", Streams: []agent.StreamStatus{{Name: "idx_property"}},
	}}
}

func TestHistory(t *testing.T) {
	finished, seconds := now(), 3725.0
	run := func(processed int64) agent.RunRecord {
		return agent.RunRecord{StartedAt: now(), FinishedAt: &finished, Seconds: &seconds, Done: true, Processed: processed, Failed: 1, Skipped: 12}
	}
	stopped, died := run(0), run(0)
	stopped.Done, stopped.Error, stopped.Repeats, stopped.Seconds = false, "source: HTTP 503", 40, nil
	died.Done, died.Error, died.FinishedAt, died.Seconds = false, "the run died", nil, nil
	var out bytes.Buffer
	History(&out, []agent.RunRecord{run(12), stopped, died, run(1_234_567), run(700_000)})
	History(&out, nil)
	golden(t, "history.golden", out.String())
}

// findings are one of each state.
func findings() []agent.Finding {
	return []agent.Finding{
		{Group: agent.GroupConfiguration, Name: "settings", State: agent.FindingOK, Found: "all are within their limits"},
		{Group: agent.GroupSource, Name: "vow_token", State: agent.FindingFailure, Found: "the VOW token is refused: HTTP 401 Unauthorized: Access token is missing or invalid.", Do: "get a new token from the provider, or check that it is this feed's"},
		{Group: agent.GroupSource, Name: "vow_property.page", State: agent.FindingNotChecked, Found: "the VOW token is refused"},
		{
			Group: agent.GroupSource, Name: "media.page_size", State: agent.FindingWarning, Found: "asked for 2,000 rows, 100 came: a silent cap",
			Do: "set --media-batch-size 100; nothing is lost as it is, only time, and this is a text that is longer than a line is wide",
		},
	}
}

// Findings stand in lines of at most 100 columns, without colours in a pipe.
func TestDoctor(t *testing.T) {
	var out, coloured bytes.Buffer
	plain, terminal := NewDoctor(&out, Options{}), NewDoctor(&coloured, Options{Terminal: true})
	for _, f := range findings() {
		plain.Finding(f)
		terminal.Finding(f)
	}
	plain.Summary(findings())
	golden(t, "doctor.golden", out.String())
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(line)); n > 100 || strings.Contains(line, "\x1b") {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
	if !strings.Contains(coloured.String(), "\x1b[31m✗\x1b[0m") {
		t.Errorf("no colours on a terminal: %q", coloured.String())
	}
}

// On a terminal there is a bar in place of the batch lines, and nothing of it
// stays behind.
func TestBars(t *testing.T) {
	var out bytes.Buffer
	text := NewText(&out, Options{Terminal: true, Width: 100})
	for _, e := range events() {
		text.Observe(e)
		if p, ok := e.(agent.PageStored); ok {
			text.Observe(agent.Progress{Stream: p.Stream, Done: p.Done, Total: p.Total})
		}
	}
	text.Close()
	if strings.Contains(out.String(), "Fetching") {
		t.Error("batch lines beside the bar")
	}
	if !strings.Contains(out.String(), "SYNC COMPLETED") || !strings.Contains(out.String(), "attempt 2 in 1.5 seconds") {
		t.Errorf("lines are missing:\n%s", out.String())
	}
}

// screen is a terminal that several goroutines write to.
type screen struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *screen) until(tb testing.TB, text string) {
	tb.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		s.mu.Lock()
		out := s.out.String()
		s.mu.Unlock()
		if strings.Contains(out, text) {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("no %q in %q", text, out)
		}
		time.Sleep(10 * time.Millisecond) // a poll with a deadline
	}
}

// The bar goes on behind a count that was too low, and where there is none.
func TestBarsWithoutACount(t *testing.T) {
	few := int64(10)
	for _, total := range []*int64{nil, &few} {
		s := &screen{}
		text := NewText(s, Options{Terminal: true, Width: 100})
		text.Observe(agent.PassStarted{Stream: "media", Full: true, Total: total})
		for _, done := range []int64{5, 500, 50_000} {
			text.Observe(agent.Progress{Stream: "media", Done: done, Total: total})
		}
		s.until(t, "50,000")
		text.Observe(agent.Progress{Stream: "media", Done: 70_000, Total: total})
		s.until(t, "70,000")
		text.Close()
	}
}

// A frame fits the terminal, whatever it holds.
func TestFrame(t *testing.T) {
	var long strings.Builder
	for range 60 {
		long.WriteString(strings.Repeat("█ word ", 30) + "\n")
	}
	for _, height := range []int{10, 24, 80} {
		var out bytes.Buffer
		if err := Frame(&out, []byte(long.String()), Options{Terminal: true, Width: 80, Height: height}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		if len(lines)-1 > height-1 {
			t.Errorf("%d lines on %d rows", len(lines)-1, height)
		}
		for _, line := range lines {
			plain := strings.NewReplacer("\x1b[H", "", "\x1b[K", "", "\x1b[J", "").Replace(line)
			if n := len([]rune(plain)); n > 80 {
				t.Errorf("a line of %d columns: %q", n, plain)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for d, want := range map[time.Duration]string{
		119 * time.Millisecond: "119ms", 1500 * time.Millisecond: "1.5 seconds", 12 * time.Second: "12 seconds", time.Minute: "1 minute",
		61 * time.Second: "1 minute 1 second", 45 * time.Minute: "45 minutes", 3 * time.Hour: "3 hours", 185 * time.Minute: "3 hours 5 minutes",
	} {
		if got := duration(d); got != want {
			t.Errorf("%s: %q, want %q", d.String(), got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 ms", 999 * time.Millisecond: "999 ms", 999_900 * time.Microsecond: "1.0 s", 59 * time.Second: "59.0 s", 59_990 * time.Millisecond: "1 min",
		61 * time.Second: "1 min 01 s", 15 * time.Minute: "15 min", 3725 * time.Second: "1 h 02 min", 47 * time.Hour: "47 h", 49 * time.Hour: "2 days",
	} {
		if got := Span(d); got != want {
			t.Errorf("span %s: %q, want %q", d.String(), got, want)
		}
	}
	if got := successRate(99999, 100000); got != "99.9%" {
		t.Errorf("one of 100,000 failed: %s", got)
	}
	for _, test := range []struct {
		n       checkpoint.Counters
		stopped bool
		want    string
	}{
		{checkpoint.Counters{}, false, "nothing to do"},
		{checkpoint.Counters{}, true, "none; nothing was processed before the stop"},
		{checkpoint.Counters{Skipped: 3}, false, "nothing to store"},
		{checkpoint.Counters{Written: 7}, false, "100.0%"},
		{checkpoint.Counters{Written: 7}, true, "100.0% of what was processed before the stop; not complete"},
	} {
		if got := rateOf(test.n, test.stopped); got != test.want {
			t.Errorf("%+v, stopped %t: %q, want %q", test.n, test.stopped, got, test.want)
		}
	}
	for want, n := range map[string][2]int64{
		"99.9% (9,999/10,000)": {9999, 10_000}, "100.0% (300/300)": {300, 300}, "100.0% (301/301, 300 counted at the start)": {301, 300},
	} {
		if got := progress(n[0], n[1]); got != want {
			t.Errorf("progress: %q, want %q", got, want)
		}
	}
}
