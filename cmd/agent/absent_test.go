package main

import (
	"net/http"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

func counts(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "$count=true") }

// A resource that the source does not have is no failure of a run over all streams,
// and one of a run that was asked for it by name; the others are synced in both.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{Resource: simulator.Media, Fault: simulator.Fault{Kind: simulator.Status, Status: http.StatusNotFound}})
	})
	for _, x := range []struct {
		flags []string
		code  int
		says  string
	}{
		{nil, exitDone, "Left out: Media, which the source does not have"},
		{[]string{"--vow", "--media", "--rooms"}, exitFailed, "a stream that was named was left out"},
		{[]string{"--log-format", "json"}, exitDone, `"left_out":["media"]`},
	} {
		c := start(t, s.args(x.flags...)...)
		if code := c.wait(t); code != x.code || !strings.Contains(c.output(), x.says) || strings.Contains(c.output(), "--source-url") {
			t.Errorf("%v: exit %d, want %d and %q:\n%s", x.flags, code, x.code, x.says, c.output())
		}
		rest := harness.AllFeeds()
		rest.Media = ""
		harness.Compare(t, s.source, s.db, rest)
	}
	c := start(t, s.args("--media")...)
	if code := c.wait(t); code != exitFailed || !strings.Contains(c.output(), "nothing was synced") {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}
