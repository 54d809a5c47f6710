package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"resoagent/agent"
	"resoagent/internal/harness"
)

// On a terminal 'agent status --watch' draws each look over the one before and
// follows a run; Ctrl-C ends it with code 0.
func TestWatch(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 120 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	run := start(t, s.args()...)
	run.until(t, "Progress:")

	c := prepared(t, "status", "--watch", "--interval", "100ms", "--state-dir", s.dir)
	c.Stdin, c.Stdout, c.Stderr = nil, nil, nil
	terminal, err := pty.StartWithSize(c.Cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	go func() { _, _ = io.Copy(c, terminal) }() // it ends with the terminal
	c.until(t, "media          █")              // a bar, however little of the status there is room for
	if code := run.wait(t); code != 0 {
		t.Fatal(run.output())
	}
	c.until(t, "none runs")
	frames := strings.Split(c.output(), "\x1b[H")[1:]
	if len(frames) < 5 {
		t.Fatalf("%d frames:\n%s", len(frames), c.output())
	}
	for _, f := range frames[:len(frames)-1] {
		if n := strings.Count(f, "\x1b[K"); !strings.HasPrefix(f, "Agent:") || !strings.HasSuffix(f, "\x1b[J") || n < 15 || n > 23 {
			t.Fatalf("a frame is not drawn over the one before: %q", f)
		}
		// What matters most fits 24 rows of 80 columns, whole; the rest is named.
		for _, whole := range []string{"NEWEST RECORD\x1b[K", "openhouse ", "\nNot shown: ", "keys and disk; "} {
			if !strings.Contains(f, whole) {
				t.Fatalf("no %q in %q", whole, f)
			}
		}
		for _, line := range strings.Split(strings.ReplaceAll(f, "\x1b[K", ""), "\n") {
			if n := len([]rune(strings.TrimPrefix(line, "\x1b[J"))); n > 80 {
				t.Fatalf("a line of %d columns: %q", n, line)
			}
		}
	}
	if _, err := terminal.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d", code)
	}
}

// In a pipe it is one JSON document a line, without anything for a terminal.
func TestWatchInAPipe(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := start(t, "status", "--watch", "--json", "--interval", "100ms", "--state-dir", s.dir)
	until(t, func() bool { return strings.Count(c.output(), "\n") >= 3 }, "three looks")
	c.signal(t, os.Interrupt)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d", code)
	}
	for _, line := range strings.Split(strings.TrimSpace(c.output()), "\n") {
		var st agent.Status
		if err := json.Unmarshal([]byte(line), &st); err != nil || len(st.Streams) != 5 {
			t.Errorf("%v: %s", err, line)
		}
	}
}
