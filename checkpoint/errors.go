package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"resoagent/internal/disk"
)

// Errors that a caller decides on.
var (
	// ErrLocked: another process has the state file open.
	ErrLocked = errors.New("another agent uses this state directory")
	// ErrNotOurs: the file is a bbolt database of some other program, or none at all.
	ErrNotOurs = errors.New("not a state file of this agent")
	// ErrNewer: the file was written by a newer agent.
	ErrNewer = errors.New("the state file was written by a newer agent")
	// ErrDamaged: a value or the file does not hold what was written.
	ErrDamaged = errors.New("the state file is damaged")
	// ErrNoSpace: the disk, a quota or a limit of the file's size is full.
	ErrNoSpace = errors.New("no space for the state file")
	// ErrReadOnly: the state directory or the file cannot be written to.
	ErrReadOnly = errors.New("the state file cannot be written")
	// ErrNone: there is no state file.
	ErrNone = errors.New("no state file")
)

// full are the errors of a disk without room.
func full() []syscall.Errno { return []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} }

// classify puts an error of the disk into words that a caller decides on.
func classify(err error) error {
	if err == nil || errors.Is(err, ErrNoSpace) || errors.Is(err, ErrReadOnly) {
		return err
	}
	var irregular *disk.IrregularError
	if errors.As(err, &irregular) {
		return fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	for _, e := range full() {
		// bbolt keeps only the text of an error that it met while it made the
		// file larger.
		if errors.Is(err, e) || strings.HasSuffix(err.Error(), ": "+e.Error()) {
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// guard calls fn and turns a fault of the mapped file, or a panic of bbolt over
// what it read there, into ErrDamaged. Other panics are faults of the program
// and stay what they are.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if _, fault := r.(interface{ Addr() uintptr }); !fault && !fromBolt() {
			panic(r)
		}
		err = damaged("%v", r)
	}()
	return fn()
}

// fromBolt reports whether the panic that is being recovered from began in bbolt.
func fromBolt() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // behind this and the deferred function
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}
