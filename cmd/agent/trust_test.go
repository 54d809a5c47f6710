package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"resoagent/internal/harness"
)

// somebody is a user who is neither root nor the one that the tests run as.
const somebody = 65534

// gives gives a path, not what it links to, to somebody else.
func gives(tb testing.TB, path string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("only root can give files away")
	}
	if err := os.Lchown(path, somebody, somebody); err != nil {
		tb.Fatal(err)
	}
}

// A state directory that somebody else owns or could exchange is refused before
// anything is made in it, or where a link of his leads to; owner, mode and what to
// do are told. The doctor says the same.
func TestStateDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, top, dir, elsewhere string) (state string)
		says    string // "": it is accepted
	}{
		"another's": {func(t *testing.T, _, dir, _ string) string { gives(t, dir); return dir }, "dir (of "},
		"below another's": {func(t *testing.T, top, dir, _ string) string {
			gives(t, filepath.Join(top, "parent"))
			return dir
		}, "parent (of "},
		"below one for all": {func(t *testing.T, top, dir, _ string) string {
			return dir + chmodded(t, filepath.Join(top, "parent"), 0o777)
		}, "chmod go-w"},
		"below a sticky one for all": {func(t *testing.T, top, dir, _ string) string {
			return dir + chmodded(t, filepath.Join(top, "parent"), 0o777|os.ModeSticky)
		}, ""},
		"another's link": {func(t *testing.T, top, _, elsewhere string) string {
			link := filepath.Join(top, "link")
			if err := os.Symlink(elsewhere, link); err != nil {
				t.Fatal(err)
			}
			gives(t, link)
			return link
		}, "link (of "},
		"a link of one's own": {func(t *testing.T, top, _, elsewhere string) string {
			link := filepath.Join(top, "link")
			if err := os.Symlink(elsewhere, link); err != nil {
				t.Fatal(err)
			}
			return link
		}, ""},
		"a link in place of the state file": {func(t *testing.T, _, dir, elsewhere string) string {
			if err := os.Symlink(filepath.Join(elsewhere, "planted"), filepath.Join(dir, "state.db")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "a symbolic link"},
		"another's link in place of the database": {func(t *testing.T, _, dir, elsewhere string) string {
			link := filepath.Join(dir, "listings.sqlite")
			if err := os.Symlink(filepath.Join(elsewhere, "planted"), link); err != nil {
				t.Fatal(err)
			}
			gives(t, link)
			return dir
		}, "listings.sqlite (of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			dir, elsewhere := filepath.Join(top, "parent", "dir"), filepath.Join(top, "elsewhere")
			for _, d := range []string{dir, elsewhere} {
				if err := os.MkdirAll(d, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			s := newSetup(t, harness.Small(), harness.NewSQLite(t))
			s.dir = test.prepare(t, top, dir, elsewhere)
			s.db.URL = "" // in the state directory
			c := start(t, s.args("--vow")...)
			code := c.wait(t)
			doctor := start(t, append([]string{"doctor"}, s.args()[1:]...)...)
			healthy := doctor.wait(t)
			if test.says == "" {
				if code != exitDone || healthy != exitDone {
					t.Errorf("exit %d, doctor %d:\n%s\n%s", code, healthy, c.output(), doctor.output())
				}
				return
			}
			if code == exitDone || !strings.Contains(c.output(), test.says) {
				t.Errorf("exit %d, want %q:\n%s", code, test.says, c.output())
			}
			if healthy == exitDone || !strings.Contains(strings.Join(strings.Fields(doctor.output()), " "), test.says) { // without line breaks
				t.Errorf("doctor: exit %d, want %q:\n%s", healthy, test.says, doctor.output())
			}
			if strings.Contains(test.says, "(of ") && !strings.Contains(c.output(), "user 65534, mode ") {
				t.Errorf("owner and mode are not told:\n%s", c.output())
			}
			planted, err := os.ReadDir(elsewhere)
			if err != nil || len(planted) > 0 {
				t.Errorf("made where the link leads to: %v, %v", planted, err)
			}
			if !strings.Contains(name, "in place") {
				if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
					t.Errorf("made in the directory: %v, %v", made, err)
				}
			}
		})
	}
}

// chmodded sets a mode and gives nothing to add to a path.
func chmodded(tb testing.TB, path string, mode os.FileMode) string {
	tb.Helper()
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
	return ""
}

// Where the state directory's path is too long for a socket, it lies under the
// temporary directory, in one whose name anybody can know: somebody else's, or one
// that others may enter, is not used, neither by the agent nor by who asks it.
func TestSocketDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, dir string) error{
		"another's":     func(t *testing.T, dir string) error { err := os.Mkdir(dir, 0o700); gives(t, dir); return err },
		"open to all":   func(t *testing.T, dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) },
		"a link":        func(t *testing.T, dir string) error { return os.Symlink(t.TempDir(), dir) },
		"not there yet": func(*testing.T, string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.Small(), harness.NewSQLite(t))
			s.dir = filepath.Join(s.dir, strings.Repeat("long", 25))
			temporary := t.TempDir()
			if err := prepare(t, filepath.Join(temporary, "resoagent-"+fmt.Sprint(os.Getuid()))); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) *command {
				c := prepared(t, args...)
				c.Env = append(c.Env, "TMPDIR="+temporary)
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				return c
			}
			c := run(s.runArgs("--every", "1h")...)
			c.until(t, "Next sync at")
			asked := run("status", "--state-dir", s.dir)
			code := asked.wait(t)
			const refusal = "is not a directory of this user's"
			good := name == "not there yet"
			if good != (code == exitDone) || good == strings.Contains(c.output(), "cannot look into this agent") {
				t.Errorf("status: exit %d:\n%s\n%s", code, asked.output(), c.output())
			}
			if !good && name != "another's" && !strings.Contains(asked.output(), refusal) {
				t.Errorf("the reason is not told:\n%s", asked.output())
			}
			c.signal(t, syscall.SIGTERM)
			if code := c.wait(t); code != exitDone {
				t.Errorf("exit %d:\n%s", code, c.output())
			}
		})
	}
}
