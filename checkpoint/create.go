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

	"resoagent/internal/crashpoint"
)

// leftoverAge is how old a file of a creation that was not finished must be
// before it is removed: another process may be about to put it into place.
const leftoverAge = time.Minute

// create makes the file under a temporary name and moves it into place when it
// is whole and on the disk: a crash in the middle of bbolt's own first writes
// can leave a file that it never opens again.
func create(dir, path string, now time.Time) error {
	temporary, err := os.CreateTemp(dir, FileName+".new-*")
	if err != nil {
		return err
	}
	name := temporary.Name()
	defer os.Remove(name) // gone already when all went well
	if err := temporary.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: lockWait, NoFreelistSync: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketMeta(), bucketStreams(), bucketRuns()} {
			if _, err := tx.CreateBucket(b); err != nil {
				return fmt.Errorf("create bucket %s: %w", b, err)
			}
		}
		h := header{Format: formatVersion, StateID: uuid.NewString(), CreatedAt: now.UTC()}
		if err := put(tx.Bucket(bucketMeta()), keyHeader(), h); err != nil {
			return err
		}
		return putSeal(tx)
	})
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return err
	}
	crashpoint.At(crashpoint.StateFilled)
	if err := moveNew(name, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	crashpoint.At(crashpoint.StateLinked)
	return syncDir(dir)
}

// moveNew gives a file another name, but never one that is taken: a link,
// unlike a rename, does not replace a file that another process has made in the
// meantime. That one's lock would be lost with it.
func moveNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// A file system without hard links.
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}

// removeLeftovers removes what creations that crashed have left. It is tidying:
// what cannot be removed stays.
func removeLeftovers(dir string, now time.Time) {
	names, err := filepath.Glob(filepath.Join(dir, FileName+".new-*"))
	if err != nil {
		return
	}
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && now.Sub(info.ModTime()) > leftoverAge {
			_ = os.Remove(name)
		}
	}
}

// SetAside gives the state file in dir another name, which it returns, so that
// a new one can be made. Nothing is ever overwritten.
func SetAside(dir string, now time.Time) (string, error) {
	path := filepath.Join(dir, FileName)
	name := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	for i, to := 2, name; ; i++ {
		err := moveNew(path, to)
		if err == nil {
			return to, syncDir(dir)
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("set state file aside: %w", classify(err))
		}
		to = fmt.Sprintf("%s-%d", name, i)
	}
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
