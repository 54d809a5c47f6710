package main

import (
	"os"
	"os/exec"
	"path/filepath"
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

// onFullDisk runs the agent in a mount namespace of its own, where a small disk
// lies at dir, with a state file in dir/state that is none where damaged is
// true. It gives exit code and output.
func onFullDisk(t *testing.T, dir, size string, damaged bool, args ...string) (code int, output string) {
	t.Helper()
	const noMount = 77
	script := `mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77; `
	if damaged {
		script += `mkdir -m 700 "$2/state"; head -c 8192 /dev/zero > "$2/state/state.db"; `
	}
	c := &command{Cmd: exec.CommandContext(t.Context(), "unshare", append([]string{
		"--user", "--map-root-user", "--mount", "sh", "-c", script + `shift 2; exec "$0" "$@"`, os.Args[0], size, dir,
	}, args...)...)}
	c.Env = append(os.Environ(), asCommand+"=1")
	c.Stdout, c.Stderr = c, c
	if err := c.Start(); err != nil {
		t.Skipf("no namespace to mount a small disk in: %v", err)
	}
	if code = c.wait(t); code == noMount {
		t.Skipf("no small disk can be mounted: %s", c.output())
	}
	return code, c.output()
}

// Whose disk is full is said, whichever file could not grow or be made: the
// database, its log, the index of that, the state file, or what a repair makes.
func TestFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	database, state := filepath.Join(disk, "listings.sqlite"), filepath.Join(disk, "state")
	for _, x := range []struct {
		command, size, want string
		damaged             bool
		args                []string
	}{
		{"sync", "4k", "the disk of " + database + " is full; make room there", false, []string{"--database-url", "sqlite:" + database}},
		{"sync", "24k", "the disk of " + database + " is full; make room there", false, []string{"--database-url", "sqlite:" + database}},
		{"sync", "400k", "the disk of " + database + " is full; make room there", false, []string{"--database-url", "sqlite:" + database}},
		{"sync", "8k", "make room on the disk of the state directory", false, []string{"--state-dir", state}},
		{"sync", "64k", "make room on the disk of the state directory", false, []string{"--state-dir", state}},
		{"repair", "12k", "make room on the disk of the state directory", true, []string{"--state-dir", state}},
	} {
		s := newSetup(t, simulator.Options{Seed: 3, Properties: 1500}, harness.NewSQLite(t))
		args := append(s.args("--quiet", "--retry-for", "1ms"), x.args...)
		args[0] = x.command
		code, output := onFullDisk(t, disk, x.size, x.damaged, args...)
		if code != 1 || !strings.Contains(output, x.want) || strings.Contains(output, "who may use it") {
			t.Errorf("%s on a disk of %s: exit %d, want %q:\n%s", x.command, x.size, code, x.want, output)
		}
	}
}
