package pgtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const directoryPrefix = "resoagent-pgtest-"

// directory is where a program started for a test lives. It is not the test's own temporary directory: that belongs to
// the user of the test, and as root the programs must run as somebody else.
type directory struct {
	path string
	user account
	lock *os.File
	// A shell that waits for the end of its input, which comes when this process ends, however it ends. It then stops
	// the program and removes the directory.
	guard      *exec.Cmd
	guardInput io.Closer
}

func newDirectory() (*directory, error) {
	removeAbandoned(os.TempDir())
	user, err := unprivileged()
	if err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp("", directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("create directory for a throwaway server: %w", err)
	}
	d := &directory{path: path, user: user}
	if d.lock, err = lockFile(filepath.Join(path, "lock")); err != nil {
		d.remove()
		return nil, fmt.Errorf("lock directory: %w", err)
	}
	if err := user.own(path); err != nil {
		d.remove()
		return nil, fmt.Errorf("give directory to the server's user: %w", err)
	}
	return d, nil
}

// command prepares a program to run in the directory as its owner. The environment is not handed on: PGDATA, PGPORT and
// their like would point the program somewhere else.
func (d *directory) command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = d.path
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + d.path}
	d.user.apply(command)
	return command
}

// watch sees to it that the shell command stop is run and the directory removed when this process dies. Linux has a
// signal for that (PR_SET_PDEATHSIG), but it hangs on the thread that started the child, other systems lack it, and a
// server that is killed cannot clean up its shared memory.
func (d *directory) watch(stop string, arguments ...string) error {
	script := "directory=$1; shift; read -r never; { " + stop + "; } >/dev/null 2>&1; rm -rf \"$directory\""
	guard := d.command(context.Background(), "/bin/sh", append([]string{"-c", script, "guard", d.path}, arguments...)...)
	guard.Dir = "/"
	input, err := guard.StdinPipe()
	if err != nil {
		return fmt.Errorf("open pipe to guard: %w", err)
	}
	if err := guard.Start(); err != nil {
		return fmt.Errorf("start guard: %w", err)
	}
	d.guard, d.guardInput = guard, input
	return nil
}

// remove ends the directory. With a guard, that one stops the program and removes it; else nothing runs in it yet.
func (d *directory) remove() {
	if d.guard != nil {
		_ = d.guardInput.Close()
		_ = d.guard.Wait()
		d.guard = nil
	}
	_ = os.RemoveAll(d.path)
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

// logTail returns the end of a log file for an error message.
func (d *directory) logTail(name string) string {
	content, err := os.ReadFile(filepath.Join(d.path, name))
	if err != nil {
		return err.Error()
	}
	const most = 4 << 10
	return string(content[max(0, len(content)-most):])
}

// removeAbandoned removes what processes left that were stopped together with their guard, as when a machine goes down.
// A directory is in use as long as its lock is held. A server that still runs in one notices within a minute that its
// files are gone and ends.
func removeAbandoned(parent string) {
	paths, err := filepath.Glob(filepath.Join(parent, directoryPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		info, err := os.Lstat(path)
		// A young one may belong to a process that has not got as far as the lock.
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		lock, err := lockFile(filepath.Join(path, "lock"))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(path)
		_ = lock.Close()
	}
}
