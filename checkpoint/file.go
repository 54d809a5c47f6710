package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"resoagent/internal/disk"
)

// FileName is the state file's name in the state directory.
const FileName = "state.db"

// formatVersion is the layout of the whole file. 2: there is a seal. A file of
// format 1 is sealed when it is opened for writing.
const formatVersion = 2

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
	os     *os.File // the one below db
	header header
	isNew  bool

	mu     sync.Mutex
	poison error // why the file must not be used any more
	stuck  bool  // bbolt was left in the middle of something
}

// Open opens the state file in dir and creates it if there is none. A file that
// was just created has New true: whoever opened it must rebuild it from the
// destination before relying on it.
func Open(dir string, now time.Time) (*File, error) {
	path := filepath.Join(dir, FileName)
	isNew := false
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(dir, path, now); err != nil {
			return nil, fmt.Errorf("create state file in %s: %w", dir, classify(err))
		}
		isNew = true
	}
	f, err := open(path, false)
	if err == nil {
		f, err = compact(path, f)
	}
	if err != nil {
		return nil, err
	}
	f.isNew = isNew
	removeLeftovers(dir, now)
	if f.header.Format == formatVersion {
		return f, nil
	}
	err = f.Update(func(tx *Tx) error {
		f.header.Format = formatVersion
		return put(tx.bolt.Bucket(bucketMeta()), keyHeader(), f.header)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("upgrade %s: %w", path, err), f.Close())
	}
	return f, nil
}

// OpenReadOnly opens an existing state file for reading. ErrNone: there is
// none. ErrLocked: an agent is at work.
func OpenReadOnly(dir string) (*File, error) {
	path := filepath.Join(dir, FileName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", path, ErrNone)
	}
	return open(path, true)
}

// open checks the file and opens it. The check comes first, and before it an
// opening for reading, which looks at nothing but the head and holds the lock
// so that no writer changes the pages meanwhile. Whoever writes between the two
// has checked the file as well.
func open(path string, readOnly bool) (*File, error) {
	f, err := openBolt(path, true)
	if err != nil && (errors.Is(err, bolterrors.ErrTimeout) || errors.Is(err, fs.ErrPermission)) {
		return nil, openError(path, err)
	}
	// What bbolt says of a head that it does not like is less than what the
	// check says.
	if checked := checkFile(path); checked != nil || err != nil {
		if f != nil {
			checked = errors.Join(checked, f.Close())
		}
		if checked == nil {
			checked = err
		}
		return nil, openError(path, checked)
	}
	if !readOnly {
		if err := f.Close(); err != nil {
			return nil, err
		}
		if f, err = openBolt(path, false); err != nil {
			return nil, openError(path, err)
		}
	}
	if err := guard(func() error { return f.db.View(f.readHeader) }); err != nil {
		return nil, errors.Join(openError(path, err), f.Close())
	}
	return f, nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		err = ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch):
		err = ErrNotOurs
	case errors.Is(err, bolterrors.ErrChecksum):
		err = ErrDamaged
	}
	return fmt.Errorf("open %s: %w", path, classify(err))
}

func openBolt(path string, readOnly bool) (*File, error) {
	f := &File{}
	err := guard(func() (err error) {
		f.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: lockWait, ReadOnly: readOnly,
			NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode fs.FileMode) (file *os.File, err error) {
				// Never O_CREATE: a file that is gone was set aside by a repair.
				f.os, err = disk.OpenOwn(name, flag&^os.O_CREATE, mode)
				return f.os, err
			},
		})
		return err
	})
	if err != nil {
		if f.os != nil {
			_ = f.os.Close() // bbolt has closed it, unless it was left in the middle
		}
		return nil, err
	}
	if !f.hasName(path) {
		// Whoever had the lock has put another file in its place.
		return nil, errors.Join(bolterrors.ErrTimeout, f.db.Close())
	}
	return f, nil
}

// hasName reports whether the open file is the one that has the name now.
func (f *File) hasName(path string) bool {
	mine, err := f.os.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, named)
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
	if f.header.Format < 2 {
		return nil
	}
	return checkSeal(tx)
}

// New reports whether Open has just created the file.
func (f *File) New() bool { return f.isNew }

// StateID identifies the file among all state files; a copy has the same.
func (f *File) StateID() string { return f.header.StateID }
