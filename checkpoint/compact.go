package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// compactAbove is the size in bytes from which on it is worth looking for free
// pages. compactStep is how much one transaction of a compaction copies.
const (
	compactAbove = 4 << 20
	compactStep  = 1 << 20
)

// compact copies a file that is mostly free pages, as after the keys of a large
// destination were given up, and puts the copy in its place. bbolt itself never
// makes a file smaller. It gives the file to go on with; where the copy cannot be
// made (a full disk), that is the old one.
//
// A crash leaves either file, both whole. Whoever waits for the old one's lock
// finds that it has lost its name, see openBolt.
func compact(path string, f *File) (*File, error) {
	if worth, err := mostlyFree(f); err != nil || !worth {
		return f, err
	}
	copied, err := copyOf(path, f.db)
	if err != nil {
		return f, nil //nolint:nilerr // nothing is lost but room
	}
	if err := os.Rename(copied, path); err != nil {
		_ = os.Remove(copied)
		return f, nil //nolint:nilerr // as above
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	next, err := openBolt(path, false)
	if err == nil {
		err = guard(func() error { return next.db.View(next.readHeader) })
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, openError(path, err)
	}
	return next, nil
}

func mostlyFree(f *File) (bool, error) {
	info, err := f.os.Stat()
	if err != nil || info.Size() < compactAbove {
		return false, err
	}
	free := 0
	err = guard(func() error {
		// bbolt counts at the end of a transaction that could have written.
		tx, err := f.db.Begin(true)
		if err != nil {
			return err
		}
		err = tx.Rollback()
		free = f.db.Stats().FreePageN * f.db.Info().PageSize
		return err
	})
	return int64(free) > info.Size()/2, err
}

// copyOf makes a compact copy beside the file and gives its name.
func copyOf(path string, from *bolt.DB) (name string, err error) {
	temporary, err := os.CreateTemp(filepath.Dir(path), FileName+".new-*")
	if err != nil {
		return "", fmt.Errorf("compact state file: %w", err)
	}
	name = temporary.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(name)
		}
	}()
	if err := temporary.Close(); err != nil {
		return "", fmt.Errorf("compact state file: %w", err)
	}
	to, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: lockWait, NoFreelistSync: true, NoSync: true})
	if err != nil {
		return "", fmt.Errorf("compact state file: %w", err)
	}
	err = guard(func() error { return bolt.Compact(to, from, compactStep) })
	if err := errors.Join(err, to.Sync(), to.Close()); err != nil {
		return "", fmt.Errorf("compact state file: %w", err)
	}
	return name, nil
}
