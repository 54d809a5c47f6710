package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// IrregularError: what stands at a path is not the file that was wanted.
type IrregularError struct {
	Path string
	What string // it is
}

func (e *IrregularError) Error() string { return e.Path + " is " + e.What + ", not a file" }

// LargeError: a file is larger than it can be if it holds what it should.
type LargeError struct {
	Path  string
	Limit int64
}

func (e *LargeError) Error() string {
	return fmt.Sprintf("%s is larger than %d KiB, so it does not hold what it should", e.Path, e.Limit>>10)
}

// what says what a mode is the mode of; "" for a regular file.
func what(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return ""
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "of a kind of its own"
}

func regular(path string, info fs.FileInfo) error {
	if w := what(info.Mode()); w != "" {
		return &IrregularError{Path: path, What: w}
	}
	return nil
}

// CheckFile refuses what is no regular file of at most limit bytes, without
// opening it: a pipe would wait for its other end, and a device may do something.
// Links are followed, since that is how Kubernetes shows files of a Secret.
func CheckFile(path string, limit int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := regular(path, info); err != nil {
		return err
	}
	if info.Size() > limit {
		return &LargeError{Path: path, Limit: limit}
	}
	return nil
}

// ReadFile reads what CheckFile accepts.
func ReadFile(path string, limit int64) ([]byte, error) {
	if err := CheckFile(path, limit); err != nil {
		return nil, err
	}
	// It may be another by now.
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = &LargeError{Path: path, Limit: limit}
	}
	return text, err
}

// OpenOwn opens a file of the program's own. It must be a regular file, and is
// never reached by a link: somebody else may have put that there.
func OpenOwn(path string, flag int, mode fs.FileMode) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil {
		if err := regular(path, info); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, flag|noWait|noFollow, mode) //nolint:gosec // the program's own file
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
