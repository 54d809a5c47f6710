package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

// shows gives what 'agent status' prints.
func (s *setup) shows(tb testing.TB) string {
	tb.Helper()
	c := start(tb, "status", "--state-dir", s.dir)
	if code := c.wait(tb); code != exitDone {
		tb.Fatalf("status: exit %d:\n%s", code, c.output())
	}
	return c.output()
}

// While the database is down, text, JSON and page name that first, since when, and
// what is tried; none of them shows how fast it goes or how long it still takes. That
// goes on when the run has given up, and ends when the database is back.
func TestStatusNamesADeadDatabaseFirst(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	o := simulator.Options{Seed: 5, Properties: 300, MediaPerListing: 30}
	o.Faults.Latency = 100 * time.Millisecond
	s := &setup{
		source: harness.NewSource(t, o), db: harness.OpenPostgres(t, server.URL(), "public"), dir: filepath.Join(t.TempDir(), "state"),
	}
	c, url := s.serving(t, "--every", "20s", "--retry-for", "6s")
	c.until(t, "=== MEDIA SYNC")
	until(t, func() bool { return s.stream(t, "media").Rate != nil }, "no rate")
	server.Stop()

	var first agent.Status
	until(t, func() bool {
		first = s.status(t)
		return first.Run != nil && first.Problem != nil && first.Problem.RetryAt != nil && first.Problem.Times >= 2
	}, "the status has no problem")
	p := first.Problem
	if !strings.HasPrefix(p.What, "destination") || strings.Contains(p.Text, "\n") || p.GivesUpAt == nil || p.Attempt < 2 || p.Since.After(p.At) {
		t.Errorf("the problem: %+v", p)
	}
	for _, st := range first.Streams {
		if st.Rate != nil || st.SecondsLeft != nil {
			t.Errorf("%s: a rate, although nothing is stored", st.Name)
		}
	}
	_, _, raw := get(t, url+"/status")
	_, _, page := get(t, url+"/")
	text := s.shows(t)
	if !strings.HasPrefix(raw, "{\n  \"problem\": {") {
		t.Errorf("/status does not name it first: %.200s", raw)
	}
	if !regexp.MustCompile(`^PROBLEM: +destination[\s\S]* since 20[0-9: -]+Z \(.*\), [0-9]+ failures;\n +attempt [0-9]+ .*; this run gives up in `).MatchString(text) ||
		!strings.Contains(text, "Now:              stalled for ") {
		t.Errorf("the text does not name it first:\n%s", text)
	}
	if fast := regexp.MustCompile(`[0-9]/s[,;]|[0-9] (s|min|h|days?) left`); fast.MatchString(text) || fast.MatchString(between(page, `id="streams"`, "</table>")) {
		t.Errorf("a rate or a time, although nothing is stored:\n%s\n%s", text, between(page, `id="streams"`, "</table>"))
	}
	if at := strings.Index(page, `id="problem"`); at < 0 || at > strings.Index(page, `aria-label="Summary"`) || strings.Contains(between(page, "<header>", "</header>"), "badge good") {
		t.Errorf("the page: problem at %d; %s", at, between(page, "<header>", "</header>"))
	}

	// The run gives up, and the next one is what is tried.
	var second agent.Status
	until(t, func() bool { second = s.status(t); return second.Run == nil && second.Schedule.NextRunAt != nil }, "the run does not give up")
	if q := second.Problem; q == nil || q.What != "run" || q.RetryAt == nil || !q.RetryAt.Equal(*second.Schedule.NextRunAt) || q.Since.After(p.Since) {
		t.Errorf("behind the run: %+v, before that: %+v", second.Problem, p)
	}
	if text := s.shows(t); !strings.HasPrefix(text, "PROBLEM:") || !strings.Contains(text, "the next run tries again in ") && !strings.Contains(text, "under way") {
		t.Errorf("behind the run:\n%s", text)
	}
	s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	server.Restart()
	until(t, func() bool { st := s.status(t); return st.LastSuccessAt != nil && st.Problem == nil }, "the problem stays")
	if text := s.shows(t); !strings.HasPrefix(text, "State directory:") || !strings.Contains(text, "NEWEST RECORD") || strings.Contains(text, "BEHIND") {
		t.Errorf("behind the problem:\n%s", text)
	}
	c.signal(t, syscall.SIGTERM)
	c.wait(t)
}

// stream is one stream of the status.
func (s *setup) stream(tb testing.TB, name string) agent.StreamStatus {
	tb.Helper()
	for _, st := range s.status(tb).Streams {
		if st.Name == name {
			return st
		}
	}
	tb.Fatalf("no stream %s in the status", name)
	return agent.StreamStatus{}
}

// between is what stands between two marks of a text.
func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

// Without an agent the status names why the last run stopped, also first.
func TestStatusNamesWhyTheLastRunStopped(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	c := start(t, s.args("--idx-token", "wrong-token-1234")...)
	if code := c.wait(t); code == exitDone {
		t.Fatal(c.output())
	}
	text := s.shows(t)
	if !strings.HasPrefix(text, "PROBLEM:") || !strings.Contains(text, "HTTP 401") || !strings.Contains(text, "nothing tries again until 'agent sync'") {
		t.Errorf("the status:\n%s", text)
	}
	if c := start(t, s.args()...); c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	if text := s.shows(t); strings.Contains(text, "PROBLEM") {
		t.Errorf("the status of a good run:\n%s", text)
	}
}
