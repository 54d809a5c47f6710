package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"resoagent/internal/harness"
)

// A volume of Kubernetes is writable for all, and there is nobody else in the
// container: its first process makes its state directory in it. Anybody else who
// does that on a host with other users is refused.
func TestVolumeForAll(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("a process tree of one's own needs root")
	}
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	volume := t.TempDir()
	if err := os.Chmod(volume, 0o777|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	s.dir = filepath.Join(volume, "state")
	if c := start(t, s.args()...); c.wait(t) != exitUsage || !strings.Contains(c.output(), "can be written to by others") {
		t.Errorf("on a host: %s", c.output())
	}
	for range 2 { // the second time it is there already
		c := prepared(t, s.args()...)
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if code := c.wait(t); code != exitDone {
			t.Fatalf("exit %d:\n%s", code, c.output())
		}
	}
	gives(t, s.dir)
	c := prepared(t, s.args()...)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if code := c.wait(t); code != exitUsage || !strings.Contains(c.output(), "belongs neither to this user nor to root") {
		t.Errorf("another's: exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}
