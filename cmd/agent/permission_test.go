package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"resoagent/internal/harness"
)

// Somebody who may not read the state directory is told as whom to ask, and not
// to open the directory to others.
func TestStatusAsSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	if c := start(t, s.args("--vow")...); c.wait(t) != 0 {
		t.Fatal(c.output())
	}
	c := prepared(t, "status", "--state-dir", s.dir)
	if os.Geteuid() == 0 {
		// Root may read everything, so it is another user who asks; up to the state
		// directory the way is free.
		for dir := filepath.Dir(s.dir); dir != filepath.Dir(dir) && dir != os.TempDir(); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		binary, err := os.ReadFile(c.Path)
		if err != nil {
			t.Fatal(err)
		}
		c.Path = filepath.Join(filepath.Dir(s.dir), "agent")
		if err := os.WriteFile(c.Path, binary, 0o755); err != nil {
			t.Fatal(err)
		}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	} else if err := os.Chmod(filepath.Join(s.dir, "state.db"), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if code := c.wait(t); code != exitFailed || !strings.Contains(c.output(), "ask as the agent's user") || strings.Contains(c.output(), "let this user write") {
		t.Errorf("exit %d: %s", code, c.output())
	}
}
