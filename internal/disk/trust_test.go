//go:build linux || darwin

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// place is a directory below two others, all of this user's.
func place(tb testing.TB) (top, parent, dir string) {
	tb.Helper()
	top, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	parent = filepath.Join(top, "parent")
	dir = filepath.Join(parent, "dir")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	return top, parent, dir
}

// Each part of a path must be this user's or root's, and exchangeable by nobody
// else.
func TestTrusted(t *testing.T) {
	t.Parallel()
	chmod := func(t *testing.T, path string, mode os.FileMode) {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chown := func(t *testing.T, path string) {
		if os.Geteuid() != 0 {
			t.Skip("needs root")
		}
		if err := os.Lchown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, to, from string) {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, top, parent, dir string) (path string)
		refused string // the part of the path that the error names; "": trusted
	}{
		"own":                        {func(_ *testing.T, _, _, dir string) string { return dir }, ""},
		"not there yet":              {func(_ *testing.T, _, _, dir string) string { return dir + "/a/b" }, ""},
		"another's":                  {func(t *testing.T, _, _, dir string) string { chown(t, dir); return dir }, "parent/dir"},
		"below another's":            {func(t *testing.T, _, parent, dir string) string { chown(t, parent); return dir }, "parent"},
		"far below another's":        {func(t *testing.T, top, _, dir string) string { chown(t, top); return dir }, "001"},
		"not there, below another's": {func(t *testing.T, _, _, dir string) string { chown(t, dir); return dir + "/a" }, "dir"},
		"below one for all":          {func(t *testing.T, _, parent, dir string) string { chmod(t, parent, 0o777); return dir }, "parent"},
		"below a sticky one":         {func(t *testing.T, _, parent, dir string) string { chmod(t, parent, 0o777|os.ModeSticky); return dir }, ""},
		"below another's sticky one": {func(t *testing.T, _, parent, dir string) string {
			chmod(t, parent, 0o777|os.ModeSticky)
			chown(t, parent)
			return dir
		}, "parent"},
		"one's own link": {func(t *testing.T, top, _, dir string) string { link(t, dir, top+"/link"); return top + "/link" }, ""},
		"a link to another's": {func(t *testing.T, top, _, dir string) string {
			chown(t, dir)
			link(t, "parent/dir", top+"/link")
			return top + "/link/state"
		}, "parent/dir"},
		"another's link": {func(t *testing.T, top, _, dir string) string {
			link(t, dir, top+"/link")
			chown(t, top+"/link")
			return top + "/link/state"
		}, "link"},
		"a link in a directory for all": {func(t *testing.T, top, parent, dir string) string {
			chmod(t, parent, 0o777)
			link(t, dir, parent+"/link")
			return parent + "/link"
		}, "parent"},
		"for a group with others": {func(t *testing.T, _, parent, dir string) string {
			chmod(t, parent, 0o770)
			if os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			if err := os.Lchown(parent, -1, 12345); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "parent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top, parent, dir := place(t)
			path := test.prepare(t, top, parent, dir)
			err := Trusted(path)
			var other *UntrustedError
			switch {
			case test.refused == "" && err != nil:
				t.Error(err)
			case test.refused != "" && !errors.As(err, &other):
				t.Errorf("%v, want that %s is refused", err, test.refused)
			case test.refused != "" && !strings.HasSuffix(other.Path, "/"+test.refused):
				t.Errorf("%s is refused, want %s", other.Path, test.refused)
			case other != nil && (!strings.Contains(err.Error(), other.mode.String()) || !strings.Contains(err.Error(), "user ")):
				t.Errorf("owner and mode are not told: %v", err)
			}
		})
	}
	loop := filepath.Join(t.TempDir(), "loop")
	link(t, loop, loop)
	if err := Trusted(loop); err == nil {
		t.Error("a link to itself is trusted")
	}
}

func TestPrivateDir(t *testing.T) {
	t.Parallel()
	_, _, dir := place(t)
	if err := PrivateDir(dir); err != nil {
		t.Error(err)
	}
	for _, mode := range []os.FileMode{0o750, 0o705, 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := PrivateDir(dir); err == nil {
			t.Errorf("mode %o is accepted", mode)
		}
	}
}

func fifo(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Only what is a regular file of a size that can be right is read, and nothing is
// waited for.
func TestReadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := at("file", "text")
	if err := os.Symlink(file, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, dir + "/link"} {
		if text, err := ReadFile(path, 4); string(text) != "text" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	}
	var irregular *IrregularError
	for _, path := range []string{dir, "/dev/zero", fifo(t)} {
		if _, err := ReadFile(path, 1<<20); !errors.As(err, &irregular) {
			t.Errorf("%s: %v", path, err)
		}
		if f, err := OpenOwn(path, os.O_RDONLY, 0); !errors.As(err, &irregular) {
			t.Errorf("%s: %v, %v", path, f, err)
		}
	}
	if _, err := OpenOwn(dir+"/link", os.O_RDONLY, 0); !errors.As(err, &irregular) {
		t.Errorf("a link: %v", err)
	}
	var large *LargeError
	if _, err := ReadFile(file, 3); !errors.As(err, &large) {
		t.Errorf("a file that is too large: %v", err)
	}
	if f, err := OpenOwn(dir+"/new", os.O_CREATE|os.O_RDWR, 0o600); err != nil || f.Close() != nil {
		t.Errorf("a new file: %v", err)
	}
}
