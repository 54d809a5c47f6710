package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"resoagent/internal/crashpoint"
)

// Errors that a caller decides on.
var (
	// ErrLocked: another process has the state file open.
	ErrLocked = errors.New("another agent uses this state directory")
	// ErrNotOurs: the file is a bbolt database of some other program, or none at all.
	ErrNotOurs = errors.New("not a state file of this agent")
	// ErrNewer: the file was written by a newer agent.
	ErrNewer = errors.New("the state file was written by a newer agent")
	// ErrNone: there is no state file.
	ErrNone = errors.New("no state file")
)

// FileName is the state file's name in the state directory.
const FileName = "state.db"

// formatVersion is the layout of the whole file.
const formatVersion = 1

// lockWait is how long Open waits for another process to let go. bbolt without
// a timeout would wait for ever; a process that is just ending needs a moment.
const lockWait = 500 * time.Millisecond

func bucketMeta() []byte    { return []byte("meta") }
func bucketStreams() []byte { return []byte("streams") }
func bucketRuns() []byte    { return []byte("runs") }
func keyHeader() []byte     { return []byte("header") }

// header identifies the file.
type header struct {
	Format    int       `json:"format"`
	StateID   string    `json:"state_id"`
	CreatedAt time.Time `json:"created_at"`
}

// File is an open state file. Close it to release the lock.
type File struct {
	db     *bolt.DB
	header header
	isNew  bool
}

// Open opens the state file in dir and creates it if there is none. A file that
// was just created has New true: whoever opened it must rebuild it from the
// destination before relying on it.
func Open(dir string, now time.Time) (*File, error) {
	path := filepath.Join(dir, FileName)
	isNew := false
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(dir, path, now); err != nil {
			return nil, err
		}
		isNew = true
	}
	f, err := open(path, false)
	if err != nil {
		return nil, err
	}
	f.isNew = isNew
	return f, nil
}

// OpenReadOnly opens an existing state file for reading. ErrNone: there is
// none. ErrLocked: an agent is at work.
func OpenReadOnly(dir string) (*File, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", path, ErrNone)
	}
	return open(path, true)
}

// create makes the file under a temporary name and moves it into place when it
// is whole and on the disk: a crash in the middle of bbolt's own first writes
// can leave a file that it never opens again.
func create(dir, path string, now time.Time) error {
	temporary, err := os.CreateTemp(dir, FileName+".new-*")
	if err != nil {
		return fmt.Errorf("create state file: %w", err)
	}
	name := temporary.Name()
	defer os.Remove(name) // gone already when all went well
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("create state file: %w", err)
	}
	db, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: lockWait})
	if err != nil {
		return fmt.Errorf("create state file: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketMeta(), bucketStreams(), bucketRuns()} {
			if _, err := tx.CreateBucket(b); err != nil {
				return fmt.Errorf("create bucket %s: %w", b, err)
			}
		}
		h := header{Format: formatVersion, StateID: uuid.NewString(), CreatedAt: now.UTC()}
		return put(tx.Bucket(bucketMeta()), keyHeader(), h)
	})
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return fmt.Errorf("create state file: %w", err)
	}
	crashpoint.At(crashpoint.StateFilled)
	// Link, unlike rename, does not replace a file that another process has
	// made in the meantime: that one's lock would be lost with it.
	if err := os.Link(name, path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(name, path); err != nil { // a file system without hard links
			return fmt.Errorf("create state file: %w", err)
		}
	}
	crashpoint.At(crashpoint.StateLinked)
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator's own state directory
	if err != nil {
		return fmt.Errorf("sync state directory: %w", err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return fmt.Errorf("sync state directory: %w", err)
	}
	return nil
}

func open(path string, readOnly bool) (*File, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: lockWait, ReadOnly: readOnly,
		NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: %w", path, ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("open %s: %w", path, ErrNotOurs)
	case errors.Is(err, bolterrors.ErrChecksum):
		return nil, fmt.Errorf("open %s: %w", path, ErrDamaged)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := &File{db: db}
	if err := db.View(f.readHeader); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return f, nil
}

func (f *File) readHeader(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketMeta(), bucketStreams(), bucketRuns()} {
		if tx.Bucket(name) == nil {
			return ErrNotOurs
		}
	}
	value := tx.Bucket(bucketMeta()).Get(keyHeader())
	if value == nil {
		return ErrNotOurs
	}
	if err := decode(keyHeader(), value, &f.header); err != nil {
		return err
	}
	if f.header.Format > formatVersion {
		return fmt.Errorf("format %d, this agent knows %d: %w", f.header.Format, formatVersion, ErrNewer)
	}
	return nil
}

// Close releases the file and its lock.
func (f *File) Close() error {
	if err := f.db.Close(); err != nil {
		return fmt.Errorf("close state file: %w", err)
	}
	return nil
}

// New reports whether Open has just created the file.
func (f *File) New() bool { return f.isNew }

// StateID identifies the file among all state files; a copy has the same.
func (f *File) StateID() string { return f.header.StateID }

// Update runs fn in one read-write transaction, durable when Update returns
// nil. After an error of the commit itself the data may be on the disk all the
// same: close the file and open it again, never repeat the call.
func (f *File) Update(fn func(*Tx) error) error {
	err := f.db.Update(func(tx *bolt.Tx) error { return fn(&Tx{tx}) })
	if err != nil {
		return fmt.Errorf("write state file: %w", err)
	}
	return nil
}

// View runs fn in a read-only transaction.
func (f *File) View(fn func(*Tx) error) error {
	err := f.db.View(func(tx *bolt.Tx) error { return fn(&Tx{tx}) })
	if err != nil {
		return fmt.Errorf("read state file: %w", err)
	}
	return nil
}
