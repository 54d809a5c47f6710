package checkpoint

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Update runs fn in one read-write transaction, durable when Update returns
// nil. After an error of the commit itself the data may be on the disk all the
// same, so the file is not used any more: every later call gives that error,
// until the file is closed and opened again.
func (f *File) Update(fn func(*Tx) error) error { return f.run("write", true, fn) }

// View runs fn in a read-only transaction.
func (f *File) View(fn func(*Tx) error) error { return f.run("read", false, fn) }

// run is what bbolt's own Update and View do, but for one thing: after a panic
// they roll back by reading the whole file again in another goroutine, where a
// second panic would end the process.
func (f *File) run(verb string, write bool, fn func(*Tx) error) error {
	if err := f.Usable(); err != nil {
		return fmt.Errorf("%s state file: %w", verb, err)
	}
	var tx *bolt.Tx
	own, done := true, false // own: the error is fn's
	panicked := true
	defer func() {
		if panicked { // a panic of fn's own passes through; it must not leave locks
			f.give(fmt.Errorf("%s state file: an earlier use of it ended in a panic", verb), tx, done)
		}
	}()
	err := guard(func() (err error) {
		if tx, err = f.db.Begin(write); err != nil {
			own, done = false, true
			return err
		}
		if err = fn(&Tx{tx}); err == nil && write {
			err = putSeal(tx)
		}
		if err != nil || !write {
			err = errors.Join(err, tx.Rollback())
			done = true
			return err
		}
		own = false
		err = tx.Commit()
		done = true
		return err
	})
	panicked = false
	switch {
	case err == nil:
		return nil
	case done && own:
		return fmt.Errorf("%s state file: %w", verb, err)
	}
	err = fmt.Errorf("%s state file: %w", verb, classify(err))
	f.give(err, tx, done)
	return err
}

// Usable gives the error after which the file must be closed and opened again;
// nil while it is good.
func (f *File) Usable() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.poison
}

// give gives the file up. A transaction that was left in the middle is ended if
// bbolt still can, so that its locks are free.
func (f *File) give(why error, tx *bolt.Tx, done bool) {
	// Without a transaction it was left while it began one, with its locks.
	stuck := !done && (tx == nil || guard(tx.Rollback) != nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.poison == nil {
		f.poison = why
	}
	f.stuck = f.stuck || stuck
}

// Close releases the file and its lock.
func (f *File) Close() error {
	f.mu.Lock()
	stuck := f.stuck
	f.mu.Unlock()
	if stuck {
		// bbolt's own Close would wait for ever for the transaction. The lock
		// goes with the file's last descriptor, and the mapping with the process.
		return f.os.Close()
	}
	if err := guard(f.db.Close); err != nil {
		return fmt.Errorf("close state file: %w", err)
	}
	return nil
}
