package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// runArgs are the flags of 'agent run' between the same two.
func (s *setup) runArgs(more ...string) []string {
	return append([]string{"run"}, s.args(append([]string{"--jitter", "0"}, more...)...)[1:]...)
}

// signal sends a signal to a command under way.
func (c *command) signal(tb testing.TB, s os.Signal) {
	tb.Helper()
	if err := c.Process.Signal(s); err != nil {
		tb.Fatalf("signal: %v", err)
	}
}

// finishes waits until so many runs in the destination are done.
func (s *setup) finishes(tb testing.TB, runs int64) {
	tb.Helper()
	until(tb, func() bool { return s.db.Count(tb, "agent_run", "") >= runs }, "%d runs", runs)
}

// Runs follow each other, bring what is new and are each in SyncLog; SIGTERM ends
// the program with code 0.
func TestRunByASchedule(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.Small(), db)
		if c := start(t, append([]string{"migrate"}, s.args()[1:]...)...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
		c := start(t, s.runArgs("--every", "1s")...)
		s.finishes(t, 2)
		s.add(t, simulator.Property, map[string]any{"ListingKey": "NEWS", "ModificationTimestamp": "2026-07-02T00:00:00Z"})
		n := s.db.Count(t, "agent_run", "")
		s.finishes(t, n+2)
		if out := c.output(); !strings.Contains(out, "⏰ Next sync at 20") || strings.Contains(out, "failure") {
			t.Errorf("the next start is not told:\n%s", out)
		}
		st := s.status(t)
		if st.Agent == nil || st.Agent.PID != c.Process.Pid || st.Schedule == nil || st.Schedule.EverySeconds != 1 {
			t.Errorf("status: %+v, %+v", st.Agent, st.Schedule)
		}
		begun := time.Now()
		c.signal(t, syscall.SIGTERM)
		if code := c.wait(t); code != exitDone || time.Since(begun) > 2*time.Second {
			t.Errorf("exit %d after %s:\n%s", code, time.Since(begun), c.output())
		}
		harness.Compare(t, s.source, s.db, harness.AllFeeds())
		if rows, runs := s.db.Count(t, "SyncLog", ""), s.db.Count(t, "agent_run", ""); rows != runs || rows < 4 {
			t.Errorf("%d rows in SyncLog of %d runs", rows, runs)
		}
		if n := s.db.Count(t, "agent_owner", "lease_until IS NULL"); n != 1 {
			t.Error("the lease was not given back")
		}
	})
}

// A run that takes longer than the interval is followed by the next, never
// accompanied.
func TestRunsNeverOverlap(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 120 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	c := start(t, s.runArgs("--every", "1s", "--log-format", "json")...)
	c.until(t, `"msg":"run_scheduled"`)
	until(t, func() bool { return strings.Count(c.output(), `"msg":"run_finished"`) >= 3 }, "three runs")
	c.signal(t, syscall.SIGTERM)
	c.wait(t)
	if strings.Contains(c.output(), `"level":"ERROR"`) {
		t.Errorf("being stopped is shown as an error:\n%s", c.output())
	}
	open := 0
	for _, line := range strings.Split(c.output(), "\n") {
		switch {
		case strings.Contains(line, `"msg":"run_started"`):
			if open++; open > 1 {
				t.Fatalf("two at once:\n%s", c.output())
			}
		case strings.Contains(line, `"msg":"run_finished"`):
			open--
		}
	}
}

// A run that fails does not end the program: the next try is told and comes, and
// goes on where the failed one stood.
func TestRunOutlivesFailures(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewPostgres(t))
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 400}, Resource: simulator.Media})
	})
	c := start(t, s.runArgs("--every", "2s", "--log-format", "json")...)
	until(t, func() bool { return strings.Count(c.output(), `"failures_in_row":2`) > 0 }, "two failures")
	st := s.status(t)
	if st.Schedule == nil || st.Schedule.Failures < 2 || st.LastRun == nil || st.LastRun.Done || !strings.Contains(st.LastRun.Error, "400") {
		t.Errorf("status: %+v, %+v", st.Schedule, st.LastRun)
	}
	s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
	c.until(t, `"failures_in_row":0`)
	if st := s.status(t); st.LastSuccessAt == nil || st.Schedule.Failures != 0 {
		t.Errorf("status behind a success: %+v", st.Schedule)
	}
	c.signal(t, syscall.SIGINT)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}

// The provider issues a new token: SIGHUP has its file read again, while the
// program goes on. A file that cannot be read leaves the old one in use.
func TestRunReadsTokensAgain(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	file := filepath.Join(t.TempDir(), "vow.token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(simulator.DefaultVOWToken)
	args := s.runArgs("--every", "1h", "--vow-token-file", file)
	for i, a := range args {
		if a == "--vow-token" {
			args = append(args[:i], args[i+2:]...)
			break
		}
	}
	// The new token is wanted in the middle of the run, and comes a while later.
	s.source.Set(func(f *simulator.Faults) { f.Latency = 100 * time.Millisecond })
	c := start(t, args...)
	c.until(t, "Starting VOW Property sync")
	write("")
	c.signal(t, syscall.SIGHUP)
	c.until(t, "SIGHUP: the tokens that were read last stay in use")
	write("another-vow-token")
	c.signal(t, syscall.SIGHUP)
	c.until(t, "SIGHUP: the token files were read again")
	asked := s.source.Counters().Requests
	s.source.Set(func(f *simulator.Faults) {
		f.Latency, f.Tokens = 0, map[simulator.Feed]string{simulator.VOW: "another-vow-token"}
	})
	// With the old one the run would have stopped here.
	c.until(t, "SYNC COMPLETED")
	if s.source.Counters().Requests < asked+3 {
		t.Error("the run was over before the new token was wanted")
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone || strings.Contains(c.output(), "another-vow-token") {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}

// A token file that was replaced is read before the next run, without a signal.
func TestRunReadsTokensBeforeEachRun(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	file := filepath.Join(t.TempDir(), "idx.token")
	if err := os.WriteFile(file, []byte(simulator.DefaultIDXToken), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"run", "--source-url", s.source.URL, "--idx-token-file", file, "--database-url", s.db.URL, "--state-dir", s.dir,
		"--every", "1s", "--property-throttle", "0", "--idx", "--retry-for", "1s",
	}
	c := start(t, args...)
	c.until(t, "Next sync at")
	if err := os.WriteFile(file, []byte("another-idx-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.source.Set(func(f *simulator.Faults) { f.Tokens = map[simulator.Feed]string{simulator.IDX: "another-idx-token"} })
	s.source.ResetRequests()
	until(t, func() bool {
		for _, r := range s.source.Requests() {
			if r.Feed == simulator.IDX {
				return true
			}
		}
		return false
	}, "no request with the new token")
	c.signal(t, syscall.SIGTERM)
	c.wait(t)
}

// manager is a service manager that listens to sd_notify.
type manager struct {
	*net.UnixConn
	path string
}

func newManager(tb testing.TB) *manager {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &manager{conn, path}
}

// until reads messages until one has the text.
func (m *manager) until(tb testing.TB, text string) string {
	tb.Helper()
	var all []string
	buffer := make([]byte, 4096)
	for {
		if err := m.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			tb.Fatal(err)
		}
		n, err := m.Read(buffer)
		if err != nil {
			tb.Fatalf("no %q in %q: %v", text, all, err)
		}
		message := string(buffer[:n])
		all = append(all, message)
		if strings.Contains(message, text) {
			return message
		}
	}
}

// systemd is told when the program is ready, what it does, that it reads its
// tokens again, and that it stops; the watchdog is fed.
func TestRunTellsSystemd(t *testing.T) {
	t.Parallel()
	s, m := newSetup(t, harness.Small(), harness.NewSQLite(t)), newManager(t)
	c := prepared(t, s.runArgs("--every", "1h")...)
	c.Env = append(c.Env, "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC="+strconv.Itoa(300_000))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.until(t, "READY=1")
	m.until(t, "STATUS=syncing")
	m.until(t, "WATCHDOG=1")
	m.until(t, "STATUS=the last sync is done; next at ")
	m.until(t, "WATCHDOG=1")
	c.signal(t, syscall.SIGHUP)
	if message := m.until(t, "RELOADING=1"); !strings.Contains(message, "MONOTONIC_USEC=") {
		t.Errorf("%q", message)
	}
	m.until(t, "READY=1")
	c.signal(t, syscall.SIGTERM)
	m.until(t, "STOPPING=1")
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}

// Agents on two hosts and one destination: the second waits as long as the first is there,
// also between its runs, and takes over when that one has died.
func TestRunTakesOver(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.Small(), db)
	other := *s
	other.dir = filepath.Join(t.TempDir(), "other")
	first := start(t, s.runArgs("--every", "1h", "--lease", "5s")...)
	first.until(t, "Next sync at")
	second := prepared(t, other.runArgs("--every", "1h", "--lease", "5s")...)
	second.Env = append(second.Env, asHost+"=another-host")
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	// The first is between two runs for longer than a lease, and is the owner all the same.
	until(t, func() bool { return strings.Count(second.output(), "another agent owns this destination") >= 2 }, "not refused twice")
	if strings.Contains(second.output(), "SYNC COMPLETED") {
		t.Fatalf("the second agent wrote beside the first:\n%s", second.output())
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.wait(t)
	s.add(t, simulator.Property, map[string]any{"ListingKey": "NEWS", "ModificationTimestamp": "2026-07-02T00:00:00Z"})
	second.until(t, "SYNC COMPLETED")
	harness.Compare(t, s.source, db, harness.AllFeeds())
	if n := db.Count(t, "agent_owner", "host = 'another-host'"); n != 1 {
		t.Error("the destination does not belong to the other host")
	}
	st := other.status(t)
	if st.Schedule == nil || st.Schedule.Failures != 0 || st.KeySet.Keys == 0 || st.Agent.Host != "another-host" {
		t.Errorf("status behind the take-over: %+v", st)
	}
	runs, err := agent.ReadHistory(t.Context(), other.dir, 0)
	if err != nil || len(runs) != 2 || runs[1].Repeats < 1 {
		t.Errorf("history: %+v, %v, want the refusals as one entry", runs, err)
	}
	// The first comes back and finds that it is not the owner any more.
	again := start(t, s.runArgs("--every", "1h", "--lease", "5s")...)
	again.until(t, "another agent owns this destination")
	for _, c := range []*command{second, again} {
		c.signal(t, syscall.SIGTERM)
		if code := c.wait(t); code != exitDone {
			t.Errorf("exit %d:\n%s", code, c.output())
		}
	}
}

// One agent for each state directory: a second one is refused at once, and so is
// a sync beside a daemon that waits.
func TestRunHoldsItsStateDirectory(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	c := start(t, s.runArgs("--every", "1h")...)
	c.until(t, "Next sync at")
	for _, args := range [][]string{s.args(), s.runArgs("--every", "1h")} {
		second := start(t, args...)
		if code := second.wait(t); code != exitInUse || !strings.Contains(second.output(), "another agent uses this state directory") {
			t.Errorf("%s: exit %d:\n%s", args[0], code, second.output())
		}
	}
	health := start(t, "health", "--ready", "--state-dir", s.dir, "--vow-token-file", filepath.Join(s.dir, "being-replaced"))
	if code := health.wait(t); code != exitDone {
		t.Errorf("health: exit %d: %s", code, health.output())
	}
	c.signal(t, syscall.SIGTERM)
	c.wait(t)
	health = start(t, "health", "--state-dir", s.dir)
	if code := health.wait(t); code != exitFailed || !strings.Contains(health.output(), "no agent runs on this state directory") {
		t.Errorf("health without an agent: exit %d: %s", code, health.output())
	}
}

// While the source does not answer, the status says what a run is at, and for how
// long.
func TestStatusTellsTheProblem(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	s.source.Set(func(f *simulator.Faults) { f.FeedDown = simulator.VOW })
	c := start(t, s.args("--vow")...)
	c.until(t, "Starting Enhanced Sync")
	var st agent.Status
	until(t, func() bool { st = s.status(t); return st.Problem != nil && st.Problem.Times >= 2 }, "the status has no problem")
	if !strings.Contains(st.Problem.Text, "HTTP 503") || !st.Problem.RetryAt.After(st.Problem.At) {
		t.Errorf("the problem: %+v", st.Problem)
	}
	s.source.Set(func(f *simulator.Faults) { f.FeedDown, f.Latency = "", 300*time.Millisecond })
	until(t, func() bool { st := s.status(t); return st.Agent == nil || st.Problem == nil }, "the problem stays")
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}

// What cannot work is refused at the start, not tried again for ever.
func TestRunRefusals(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	for _, test := range []struct{ args, say string }{
		{"--every=0s", "--every is 0s"}, {"--jitter=2", "--jitter is 2"}, {"--listen=nowhere:x", "--listen"}, {"--parallel=0", "--parallel is 0"},
	} {
		c := start(t, s.runArgs(test.args)...)
		if code := c.wait(t); code != exitUsage || !strings.Contains(c.output(), test.say) {
			t.Errorf("%s: exit %d: %s", test.args, code, c.output())
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := start(t, s.runArgs("--listen", fmt.Sprint(taken.Addr()))...)
	if code := c.wait(t); code != exitUsage || !strings.Contains(c.output(), "choose another address") {
		t.Errorf("an address in use: exit %d: %s", code, c.output())
	}
}
