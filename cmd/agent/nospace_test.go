package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A full disk under the state file stops the run with a word on what to do, and
// with room the next run goes on. A limit of the size of files stands in for
// the disk: the write fails in the same place. It must not strike the database.
func TestNoSpaceForState(t *testing.T) {
	t.Parallel()
	for _, blocks := range []string{"16", "64", "96"} { // of 512 bytes
		s := newSetup(t, simulator.Options{Seed: 3, Properties: 400, MediaPerListing: 2}, harness.NewPostgres(t))
		script := `trap "" XFSZ; ulimit -f ` + blocks + `; exec "$0" "$@"`
		c := &command{Cmd: exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, os.Args[0]}, s.args("--quiet")...)...)}
		c.Env = append(os.Environ(), asCommand+"=1")
		c.Stdout, c.Stderr = c, c
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		code, output := c.wait(t), c.output()
		if code != 1 || !strings.Contains(output, "no space for the state file") || !strings.Contains(output, "make room") ||
			strings.Contains(output, "goroutine") {
			t.Errorf("%s blocks: exit %d:\n%s", blocks, code, output)
		}
		again := start(t, s.args("--quiet")...)
		if code := again.wait(t); code != 0 {
			t.Errorf("%s blocks: the next run: exit %d:\n%s", blocks, code, again.output())
		}
		harness.Compare(t, s.source, s.db, harness.AllFeeds())
		if left, err := filepath.Glob(filepath.Join(s.dir, "state.db.new-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}
