package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// kills is how many random kills one crash test makes.
const kills = 20

// A sync that is killed at any moment goes on at the next start: in the end
// every row is there, no more is fetched again than the last second's work, and
// no pass is counted twice.
func TestKillAndResume(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		o := simulator.Options{Seed: 3, Properties: 700, MediaPerListing: 16, RoomsPerListing: 5, OrphanShare: 0.03}
		o.Faults.Latency = 80 * time.Millisecond
		s := newSetup(t, o, db)
		if c := start(t, append([]string{"migrate"}, s.args()[1:]...)...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		resumed, done := 0, false
		for i := 0; i < kills && !done; i++ {
			before := s.stored(t)
			s.source.ResetRequests()
			c := start(t, s.args()...)
			// Counted from its first request: on a busy machine a start alone can take as long as that.
			until(t, func() bool { return len(s.source.Requests()) > 0 }, "no request")
			after := time.Duration(500+random.IntN(3000)) * time.Millisecond
			timer := time.AfterFunc(after, func() { _ = c.Process.Kill() })
			code, killed := c.wait(t), time.Now()
			timer.Stop()
			if done = code == 0; done {
				break
			}
			if code != -1 {
				t.Fatalf("kill %d: exit %d before the kill:\n%s", i, code, c.output())
			}
			resumed += strings.Count(c.output(), "⏩ resuming ")
			s.boundRefetched(t, s.stored(t)-before, killed)
		}
		if !done {
			s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
			c := start(t, s.args()...)
			if code := c.wait(t); code != 0 {
				t.Fatalf("the last run: exit %d:\n%s", code, c.output())
			}
			resumed += strings.Count(c.output(), "⏩ resuming ")
		}
		harness.Compare(t, s.source, db, harness.AllFeeds())
		if resumed == 0 {
			t.Error("no run resumed a pass")
		}
		if n := db.Count(t, "SyncLog", ""); n != 1 {
			t.Errorf("SyncLog has %d rows, want 1", n)
		}
		all := int64(s.source.Count(simulator.IDX, simulator.Property)) + db.Count(t, "vow_property", "") +
			db.Count(t, "media", "") + db.Count(t, "propertyrooms", "") + db.Count(t, "openhouse", "")
		if n := db.Count(t, "SyncLog", fmt.Sprintf("total_processed = %d", all)); n != 1 {
			t.Errorf("SyncLog: %v, want %d processed", db.Strings(t, "SELECT total_processed FROM "+db.Table("SyncLog")), all)
		}
	})
}

// stored is how many records are in the destination.
func (s *setup) stored(tb testing.TB) (n int64) {
	tb.Helper()
	for _, stream := range catalog.All() {
		n += s.db.Count(tb, stream.Table, "")
	}
	return n
}

// boundRefetched checks that what a killed run fetched for nothing is no more
// than it fetched in its last three seconds: one second of a group, and as much
// for what was on its way and for a slow commit. One in twenty is an orphan that is not stored at all.
func (s *setup) boundRefetched(tb testing.TB, stored int64, killed time.Time) {
	tb.Helper()
	var served, last int64
	for _, r := range s.source.Requests() {
		served += int64(r.Rows)
		if killed.Sub(r.Time) < 3*time.Second {
			last += int64(r.Rows)
		}
	}
	if lost := served - served/20 - stored; lost > last {
		tb.Errorf("a kill cost %d records, of which only %d were fetched in the last three seconds", lost, last)
	}
}

// SIGTERM and SIGINT finish the batch in hand, save and leave in two seconds,
// with code 130; the next run goes on in the middle of the page.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			o := harness.Small()
			o.Faults.Latency = 60 * time.Millisecond
			s := newSetup(t, o, harness.NewSQLite(t))
			c := start(t, s.args()...)
			// Off a terminal not each batch is reported, so the source tells.
			until(t, func() bool { return s.source.Pages(simulator.Media) > 3 }, "no third page of media")
			begun := time.Now()
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			code := c.wait(t)
			if took := time.Since(begun); code != exitInterrupted || took > 2*time.Second {
				t.Errorf("exit %d after %s, want %d within 2s:\n%s", code, took, exitInterrupted, c.output())
			}
			if !strings.Contains(c.output(), "interrupted; what was stored is kept") {
				t.Errorf("the output does not say so:\n%s", c.output())
			}
			media := s.status(t).Streams[2]
			if media.Pass == nil || media.Processed+media.Skipped < 200 {
				t.Errorf("the batches in hand were not stored: %+v", media)
			}
			c = start(t, s.args()...)
			if code := c.wait(t); code != 0 || !strings.Contains(c.output(), "⏩ resuming media at ") {
				t.Fatalf("exit %d:\n%s", code, c.output())
			}
			harness.Compare(t, s.source, s.db, harness.AllFeeds())
		})
	}
}

// A second signal leaves at once, also while the destination does not answer.
func TestSecondSignalLeavesAtOnce(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 300 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	c := start(t, s.args()...)
	c.until(t, "Batch 1: Fetched")
	begun := time.Now()
	left := make(chan int, 1)
	go func() { left <- c.wait(t) }()
	for code := 0; code == 0; {
		_ = c.Process.Signal(os.Interrupt) // until one arrives behind the first
		select {
		case code = <-left:
			// Ended by the signal itself, not by the program's own way out.
			if took := time.Since(begun); code != -1 || took > 5*time.Second {
				t.Errorf("exit %d after %s:\n%s", code, took, c.output())
			}
		case <-time.After(time.Millisecond): // between two keystrokes
		}
	}
}

// While a sync runs, status looks into it and a second sync is refused.
func TestStatusAndSecondAgentDuringARun(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 100 * time.Millisecond
	s := newSetup(t, o, harness.NewPostgres(t))
	c := start(t, s.args()...)
	c.until(t, "Progress:")
	st := s.status(t)
	if !st.Running || st.Run == nil || st.Streams[0].Pass == nil && st.Streams[0].LastFinishedAt == nil {
		t.Errorf("status during the run: %+v", st)
	}
	second := start(t, s.args()...)
	if code := second.wait(t); code != exitInUse || !strings.Contains(second.output(), "another agent uses this state directory") {
		t.Errorf("a second agent in the directory: exit %d:\n%s", code, second.output())
	}
	// From another directory: the destination is taken.
	other := *s
	other.dir = t.TempDir() + "/other"
	third := start(t, other.args()...)
	if code := third.wait(t); code != exitInUse || !strings.Contains(third.output(), "another agent owns this destination") {
		t.Errorf("a second agent at the destination: exit %d:\n%s", code, third.output())
	}
	if code := c.wait(t); code != 0 {
		t.Errorf("the first agent: exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}

// A crash leaves the lease behind; the same host and directory go on at once.
func TestLeaseAfterACrash(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 100 * time.Millisecond
	s := newSetup(t, o, harness.NewPostgres(t))
	c := start(t, s.args()...)
	c.until(t, "Progress:")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.wait(t)
	other := *s
	other.dir = t.TempDir() + "/other"
	refused := start(t, other.args()...)
	if code := refused.wait(t); code != exitInUse {
		t.Errorf("another directory while the lease runs: exit %d:\n%s", code, refused.output())
	}
	s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	if c = start(t, s.args()...); c.wait(t) != 0 {
		t.Errorf("the same directory:\n%s", c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}

func TestDemo(t *testing.T) {
	t.Parallel()
	c := start(t, "demo", "--properties", "100", "--media-per-listing", "3")
	if code := c.wait(t); code != 0 {
		t.Fatalf("exit %d:\n%s", code, c.output())
	}
	for _, text := range []string{"=== SYNC COMPLETED ===", "$ agent status", "Where are the most homes", "vow_property", "average_price"} {
		if !strings.Contains(strings.ToLower(c.output()), strings.ToLower(text)) {
			t.Errorf("no %q in:\n%s", text, c.output())
		}
	}
	if strings.Contains(c.output(), "missing") && !strings.Contains(c.output(), "Missing parents") {
		t.Errorf("something is missing:\n%s", c.output())
	}
}
