package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// oddFile makes what stands where a file should, and says what it is.
type oddFile struct {
	make func(path string) error
	says string
}

func oddFiles() map[string]oddFile {
	return map[string]oddFile{
		"a pipe":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is a pipe, not a file"},
		"a device":    {func(path string) error { return os.Symlink("/dev/zero", path) }, "is a device, not a file"},
		"a directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "is a directory, not a file"},
		"a huge file": {func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x "), 1<<20), 0o600) }, "so it does not hold what it should"},
	}
}

// What stands in the place of a file and is none is told apart at once: nothing is
// waited for, and no device is read without end.
func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	for kind, odd := range oddFiles() {
		for setting, args := range map[string]func(s *setup, path string) []string{
			"vow-token-file": func(s *setup, path string) []string {
				return []string{"sync", "--source-url", s.source.URL, "--state-dir", s.dir, "--database-url", s.db.URL, "--vow-token-file", path}
			},
			"config":  func(s *setup, path string) []string { return s.args("--config", path) },
			"ca-file": func(s *setup, path string) []string { return s.args("--ca-file", path) },
			"sslrootcert": func(s *setup, path string) []string {
				return append(s.args(), "--database-url", "postgres://localhost/x?sslmode=verify-full&sslrootcert="+path)
			},
			"state.db": func(s *setup, _ string) []string { return s.args() },
		} {
			if setting == "state.db" && kind == "a huge file" {
				continue // it may be as large as it has to be
			}
			t.Run(setting+" "+kind, func(t *testing.T) {
				t.Parallel()
				s := newSetup(t, harness.Small(), harness.NewSQLite(t))
				if err := os.Mkdir(s.dir, 0o700); err != nil {
					t.Fatal(err)
				}
				path, says, want := filepath.Join(t.TempDir(), "file"), odd.says, exitUsage
				if setting == "state.db" {
					path, want = filepath.Join(s.dir, "state.db"), exitFailed
					if kind == "a device" {
						says = "is a symbolic link, not a file"
					}
				}
				if err := odd.make(path); err != nil {
					t.Fatal(err)
				}
				c := start(t, args(s, path)...)
				stuck := time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() })
				defer stuck.Stop()
				code := c.wait(t)
				if code != want || !strings.Contains(c.output(), says) {
					t.Errorf("exit %d, want %d and %q:\n%.2000s", code, want, says, c.output())
				}
				// A child counts from what its parent had when it began.
				var own syscall.Rusage
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
					t.Fatal(err)
				}
				if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok && usage.Maxrss > max(own.Maxrss, 200<<10) && usage.Maxrss < 200<<20 {
					t.Errorf("%d KiB of memory", usage.Maxrss) // bytes on macOS
				}
			})
		}
	}
}

// A pipe that is named as settings file by the environment is not waited for
// either, and a signal ends a program that was given one as state file.
func TestAPipeByTheEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	c := withEnvironment(t, []string{"AGENT_CONFIG=" + path}, "status", "--state-dir", t.TempDir())
	if code := c.wait(t); code != exitUsage || !strings.Contains(c.output(), "is a pipe, not a file") {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}

// What is none of the agent's state files is set aside by a repair, also a pipe.
func TestRepairOfAPipe(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	if c := start(t, s.args()...); c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	state := filepath.Join(s.dir, "state.db")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(state, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := start(t, append([]string{"repair"}, s.args()[1:]...)...); c.wait(t) != exitDone {
		t.Fatal(c.output())
	}
	if c := start(t, s.args()...); c.wait(t) != exitDone {
		t.Error(c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}

// Kubernetes shows the files of a Secret as links to links to regular files, and
// /dev/stdin may be one.
func TestTokenFilesThatAreLinks(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "..2026"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "..2026", "vow.token")
	if err := os.WriteFile(file, []byte(simulator.DefaultVOWToken+"\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"..data": "..2026", "vow.token": "..data/vow.token"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "vow.token"), "/dev/stdin"} {
		stdin, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close() //nolint:errcheck // it was only read
		c := prepared(t, "sync", "--source-url", s.source.URL, "--state-dir", s.dir, "--database-url", s.db.URL, "--vow", "--vow-token-file", path)
		c.Stdin = stdin
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if code := c.wait(t); code != exitDone {
			t.Errorf("%s: exit %d:\n%s", path, code, c.output())
		}
	}
}
