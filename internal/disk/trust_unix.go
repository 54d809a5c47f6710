//go:build linux || darwin

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	noWait   = syscall.O_NONBLOCK // a pipe is not waited for
	noFollow = syscall.O_NOFOLLOW
)

// mostLinks is how many links a path may go through.
const mostLinks = 40

// UntrustedError: somebody else could exchange what lies at or below a path.
type UntrustedError struct {
	Path string
	Why  string
	Do   string
	uid  int
	mode fs.FileMode
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%s (of %s, mode %s) %s; %s", e.Path, userName(e.uid), e.mode, e.Why, e.Do)
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("%s, user %d", u.Username, uid)
	}
	return fmt.Sprintf("user %d", uid)
}

// Trusted goes along a path and refuses it where somebody who is neither this
// user nor root could put something else in the place of a part of it: what
// belongs to another, a directory or a link; and directories that others can
// write to, unless they are sticky, as /tmp is. A part that does not exist ends
// the way. It is what sshd asks of the files it trusts.
func Trusted(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if ownWorld() {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			err = trustedPart(path, true)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	left := strings.Split(strings.Trim(path, "/"), "/")
	at := "/"
	if err := trustedPart(at, false); err != nil {
		return err
	}
	for links := 0; len(left) > 0; {
		at, left = filepath.Join(at, left[0]), left[1:]
		err := trustedPart(at, len(left) == 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		to, err := os.Readlink(at)
		if err != nil {
			continue // no link
		}
		if links++; links > mostLinks {
			return fmt.Errorf("look at %s: %w", path, syscall.ELOOP)
		}
		if at = filepath.Dir(at); filepath.IsAbs(to) {
			at = "/"
		}
		if to = strings.Trim(to, "/"); to != "" {
			left = slices.Concat(strings.Split(to, "/"), left)
		}
	}
	return nil
}

// trustedPart looks at one part of a path. The last one is the user's own or
// root's, and who can write to it is for the caller to see.
func trustedPart(path string, last bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	uid, gid, mode := int(s.Uid), int(s.Gid), info.Mode()
	bad := func(why, do string) error {
		return &UntrustedError{Path: path, Why: why, Do: do, uid: uid, mode: mode}
	}
	if uid != 0 && uid != os.Geteuid() {
		return bad("belongs neither to this user nor to root, so its owner can put something else in its place",
			"run as that user, name another directory, or change the owner with chown")
	}
	if last || mode&fs.ModeSymlink != 0 || mode&fs.ModeSticky != 0 {
		return nil
	}
	if mode.Perm()&0o002 != 0 || mode.Perm()&0o020 != 0 && othersIn(gid) {
		return bad("can be written to by others, so they can put something else in the place of what lies in it",
			"run chmod go-w "+path+", or name a directory elsewhere")
	}
	return nil
}

// ownWorld reports whether this is the first process of a container, or one that
// was sent into it from outside. All directories there were put there for it by
// whoever started it, and the volumes of Kubernetes are writable for all.
func ownWorld() bool { return os.Getpid() == 1 || os.Getppid() == 0 }

// othersIn reports whether a group has members beside this user and root. Many
// systems give each user a group of his own, which may write to his directories.
func othersIn(gid int) bool {
	switch own, err := os.Getgroups(); {
	case gid == 0:
		return false
	case runtime.GOOS == "darwin":
		return true // /etc/group does not list the members there
	case err != nil || gid != os.Getegid() && !slices.Contains(own, gid):
		return true
	}
	self := strconv.Itoa(os.Geteuid())
	name := ""
	others := false
	eachEntry("/etc/passwd", func(f []string) {
		if len(f) > 3 && f[2] == self {
			name = f[0]
		}
		others = others || len(f) > 3 && f[3] == strconv.Itoa(gid) && f[2] != self && f[2] != "0"
	})
	eachEntry("/etc/group", func(f []string) {
		if len(f) < 4 || f[2] != strconv.Itoa(gid) {
			return
		}
		for member := range strings.SplitSeq(f[3], ",") {
			others = others || member != "" && member != name && member != "root"
		}
	})
	return others
}

// eachEntry goes through a file of users or groups. One that is not there has
// none, as in containers.
func eachEntry(path string, entry func(fields []string)) {
	text, err := ReadFile(path, 16<<20)
	if err != nil {
		return
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		entry(strings.Split(line, ":"))
	}
}

// PrivateDir refuses a directory that is not this user's own and for him alone,
// or that others could exchange.
func PrivateDir(path string) error {
	if err := Trusted(path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if info.IsDir() && ok && int(s.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	e := &UntrustedError{Path: path, Why: "is not a directory of this user's for himself alone", Do: "remove it, or set TMPDIR to a directory of your own", mode: info.Mode()}
	if ok {
		e.uid = int(s.Uid)
	}
	return e
}
