package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// The lines of a run add up: what --lookback reads a second time is told apart, and
// counts nowhere.
func TestNumbersAddUp(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	if c := start(t, s.args("--idx")...); c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	s.add(t, simulator.Property, map[string]any{"ListingKey": "NEWS", "ModificationTimestamp": "2026-07-02T00:00:00Z"})
	c := start(t, s.args("--idx", "--lookback", "20000h")...)
	if c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	out := c.output()
	first := regexp.MustCompile(`Batch 1: Fetched ([0-9]+) records \(([0-9]+) read again\)`).FindStringSubmatch(out)
	final := regexp.MustCompile(`Final stats: 1 successful, 0 failed, ([0-9]+) read again, [0-9] batch`).FindStringSubmatch(out)
	if first == nil || final == nil || !strings.Contains(out, "Total records to process: 1\n") || !strings.Contains(out, "Total Processed: 1\n") {
		t.Fatalf("what is read again is not told apart:\n%s", out)
	}
	fetched := sum(t, regexp.MustCompile(`Fetched ([0-9,]+) record`), out)
	if again, _ := strconv.Atoi(final[1]); again == 0 || fetched != int64(again)+1 {
		t.Errorf("%d fetched, %d read again:\n%s", fetched, again, out)
	}
}

// sum adds up what an expression finds.
func sum(tb testing.TB, find *regexp.Regexp, out string) (n int64) {
	tb.Helper()
	for _, m := range find.FindAllStringSubmatch(out, -1) {
		x, err := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		n += x
	}
	return n
}

// A source that gets records while a pass walks sends more than it counted: that is no
// share of 301 in 300.
func TestMoreThanCounted(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 300 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	c := start(t, s.args("--vow")...)
	c.until(t, "Batch 1: Fetching")
	s.add(t, simulator.Property, map[string]any{"ListingKey": "NEWS", "ModificationTimestamp": "2026-07-02T00:00:00Z"})
	if c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	if !strings.Contains(c.output(), "Progress: 100.0% (131/131, 130 counted at the start)\n") {
		t.Errorf("the last share:\n%s", c.output())
	}
}

// A run that was stopped says so on standard output, with the reason in one line, and
// has no success rate of what it did not come to.
func TestStoppedRunsSayWhy(t *testing.T) {
	t.Parallel()
	o := simulator.Options{Seed: 5, Properties: 100, MediaPerListing: 30}
	o.Faults.Latency = 150 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	refused := start(t, s.args("--idx-token", "wrong-token-1234")...)
	if refused.wait(t) == exitDone {
		t.Fatal(refused.output())
	}
	stopped := start(t, s.args()...)
	until(t, func() bool {
		return strings.Contains(between(stopped.output(), "=== MEDIA SYNC", "completed"), "📈 Progress")
	}, "no progress of the photos")
	stopped.signal(t, os.Interrupt)
	stopped.wait(t)
	for c, say := range map[*command][]string{
		refused: {"Reason: count idx_property: .*HTTP 401.*", "Success Rate: none; nothing was processed before the stop"},
		stopped: {"Reason: interrupted; the next sync goes on from here", "Success Rate: 100.0% of what was processed before the stop; not complete"},
	} {
		for _, line := range append(say, "🛑 === SYNC STOPPED ===") {
			if !regexp.MustCompile(`(?m)` + line + `$`).MatchString(c.output()) {
				t.Errorf("no %q in:\n%s", line, c.output())
			}
		}
		if strings.Contains(c.output(), "nothing to do") || strings.Contains(c.output(), "COMPLETED") {
			t.Errorf("a run that was stopped looks like one that is done:\n%s", c.output())
		}
	}
	again := start(t, s.args()...)
	if again.wait(t) != exitDone || !regexp.MustCompile(`(?m)^   of these [0-9,]+ by runs that were stopped before this one$`).MatchString(again.output()) {
		t.Errorf("what the run before had done is not told apart:\n%s", again.output())
	}
}

// A feed of small pages does not fill a log: off a terminal a stream has one report
// each two seconds, and their numbers are the feed's.
func TestSmallPagesDoNotFillALog(t *testing.T) {
	t.Parallel()
	o := simulator.Options{Seed: 5, Properties: 60, MediaPerListing: 60}
	o.Faults.PageCap = 10
	s := newSetup(t, o, harness.NewSQLite(t))
	begun := time.Now()
	c := start(t, s.args()...)
	if c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	out := c.output()
	media := between(out, "=== MEDIA SYNC", "Media sync completed")
	total := sum(t, regexp.MustCompile(`Total media records: ([0-9,]+)`), media)
	fetched := sum(t, regexp.MustCompile(`Fetched ([0-9,]+) media`), media)
	processed := sum(t, regexp.MustCompile(`✅ .*: Processed ([0-9,]+)`), media) + sum(t, regexp.MustCompile(`valid records \(([0-9,]+) skipped`), media)
	if total < 3000 || fetched != total || processed != total {
		t.Errorf("%d media records, %d fetched, %d processed or skipped:\n%s", total, fetched, processed, media)
	}
	most := 3 + int(time.Since(begun)/(2*time.Second)) // one report at the start, and one at the end
	if n := strings.Count(media, "Fetched"); n > most {
		t.Errorf("%d reports, more than %d:\n%s", n, most, media)
	}
	if !regexp.MustCompile(`📥 (Window [0-9]+, b|B)atches [0-9]+-[0-9]+: |📥 Windows [0-9]+-[0-9]+, [0-9]+ batches: `).MatchString(media) {
		t.Errorf("no report of several batches:\n%s", media)
	}
}
