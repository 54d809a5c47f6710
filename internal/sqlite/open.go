package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"resoagent/internal/disk"
	"resoagent/internal/record"
	"resoagent/migrations"
)

// Destination is a SQLite destination. Its methods may be called concurrently;
// they take turns on one connection.
type Destination struct {
	db          *sql.DB
	path        string
	shapes      record.Shapes
	layout      migrations.Layout
	tell        func(string)
	file        os.FileInfo // of the file that is open
	owner       string
	incarnation int64
}

// Options are the settings of a destination.
type Options struct {
	Path   string
	Shapes record.Shapes // those of the streams
	Layout migrations.Layout
	Tell   func(text string) // of what takes a while; nil: nobody is told
}

// Open opens or creates the database file with mode 0600.
func Open(ctx context.Context, o Options) (*Destination, error) {
	path := o.Path
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("open destination: %w", err)
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("open destination: %w", err)
	}
	// synchronous=FULL: in WAL mode NORMAL may lose the last commits in a power
	// failure, and the state file would then be ahead of the rows.
	query := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("open destination: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(wrap("open destination "+path, room(path, err)), db.Close())
	}
	return &Destination{db: db, path: path, shapes: o.Shapes, layout: o.Layout, tell: o.Tell, file: info}, nil
}

// openFile opens or creates the file. The operator may have put a link in its
// place, to a larger disk, say; one that belongs to somebody else is not followed,
// nor is a device or a pipe opened.
func openFile(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		if err := disk.Trusted(path); err != nil {
			return nil, err
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	}
	return disk.OpenOwn(path, os.O_CREATE|os.O_RDWR, 0o600)
}

// Migrate creates or upgrades the tables, for an agent that would be o.
// record.ErrOwned: another agent's lease still runs.
func (d *Destination) Migrate(ctx context.Context, o record.Owner) (migrations.Result, error) {
	// goose holds one connection and asks for a second.
	d.db.SetMaxOpenConns(2)
	defer d.db.SetMaxOpenConns(1)
	result, err := migrations.Up(ctx, d.db, migrations.SQLite, migrations.Names{Room: d.room, Tell: d.tell}, d.layout, claim(o))
	return result, wrap("migrate", room(d.path, err))
}

// Close closes the file.
func (d *Destination) Close() error {
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("close destination: %w", err)
	}
	return nil
}

// Error is a SQLite error that may pass.
type Error struct {
	Op    string
	Code  int // SQLite's primary result code
	Cause error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: SQLite: %v", e.Op, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// Temporary reports whether trying the same again can help: another process
// has the file locked, or the disk is full.
func (e *Error) Temporary() bool {
	return e.Code == sqlite3.SQLITE_BUSY || e.Code == sqlite3.SQLITE_LOCKED || e.Code == sqlite3.SQLITE_FULL
}

// Kind names the error for counting.
func (e *Error) Kind() string {
	switch e.Code {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "database_conflict"
	case sqlite3.SQLITE_FULL:
		return "database_resources"
	}
	return "database"
}

// RetryAfter leaves the pause to the caller.
func (e *Error) RetryAfter() (time.Duration, bool) { return 0, false }

func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// rowFault reports whether the error is about the data of the row.
func rowFault(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return true
	}
	return false
}

func wrap(op string, err error) error {
	var already *Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	var noRoom *full
	if errors.As(err, &noRoom) {
		return &Error{Op: op, Code: sqlite3.SQLITE_FULL, Cause: err}
	}
	if c := code(err); c != 0 {
		return &Error{Op: op, Code: c, Cause: err}
	}
	return fmt.Errorf("%s: %w", op, err)
}
