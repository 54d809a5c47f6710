package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// The disk under the state file is full, and then it is not: the program goes on
// by itself, with a state file that it has opened again. As in
// TestNoSpaceForState a limit stands in for the disk.
func TestRunGoesOnWhenThereIsRoomAgain(t *testing.T) {
	t.Parallel()
	s := newSetup(t, simulator.Options{Seed: 3, Properties: 400, MediaPerListing: 2}, harness.NewPostgres(t))
	script := `trap "" XFSZ; ulimit -S -f 64; exec "$0" "$@"`
	c := &command{Cmd: exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, os.Args[0]}, s.runArgs("--every", "2s")...)...)}
	c.Env = append(os.Environ(), asCommand+"=1")
	c.Stdout, c.Stderr = c, c
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	c.until(t, "no space for the state file")
	c.until(t, "Next try at")
	var limit unix.Rlimit
	if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	c.until(t, "SYNC COMPLETED")
	if st := s.status(t); st.KeySet.Keys != 400 || st.LastSuccessAt == nil {
		t.Errorf("status: %+v", st)
	}
	runs, err := agent.ReadHistory(t.Context(), s.dir, 0)
	if err != nil || len(runs) < 2 || !strings.Contains(runs[len(runs)-1].Error, "no space for the state file") {
		t.Errorf("the history does not say why: %+v, %v", runs, err)
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone || strings.Contains(c.output(), "goroutine") {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}
