package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	sqlite3 "modernc.org/sqlite/lib"

	"resoagent/internal/disk"
)

// errGone: what is written goes into a file that nobody will find.
var errGone = errors.New("it was removed or replaced while the agent had it open; end the agent, put the file back and run again," +
	" or run 'agent reset --all' to fetch everything into a new one")

// there looks, before each commit, whether the open file is still the one that
// has the name: a file that was removed goes on to take everything, and is gone
// with the process.
func (d *Destination) there() error {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(info, d.file):
		return fmt.Errorf("the database file %s: %w", d.path, errGone)
	case err != nil:
		return fmt.Errorf("look at the database file: %w", err)
	}
	return nil
}

// full is the error of a disk without room.
type full struct {
	path  string
	cause error
}

func (e *full) Error() string {
	return fmt.Sprintf("%v: the disk of %s is full; make room there", e.cause, e.path)
}

func (e *full) Unwrap() error { return e.cause }

// fullBelow is how much is left of a disk that has no room for a page more, or
// for the index of the log.
const fullBelow = 64 << 10

// room tells the error of a full disk from others. Where a file beside the
// database could not be made or grow, SQLite has other names for it.
func room(path string, err error) error {
	var already *full
	if err == nil || errors.As(err, &already) {
		return err
	}
	switch code(err) {
	case sqlite3.SQLITE_FULL:
		return &full{path, err}
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		if free, e := disk.Free(filepath.Dir(path)); e == nil && free < fullBelow {
			return &full{path, err}
		}
	}
	return err
}

// room is what can still be written to the disk of the file, as migrations ask for
// it.
func (d *Destination) room(context.Context) (free int64, place string, known bool) {
	path := d.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	place = filepath.Dir(path)
	bytes, err := disk.Free(place)
	return int64(min(bytes, math.MaxInt64)), place, err == nil
}
