package checkpoint

import (
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Tx is a transaction on the state file, valid until the function that was
// handed it returns.
type Tx struct{ bolt *bolt.Tx }

// Bolt is the transaction underneath, for what else is kept in the same file
// and must be committed together with the checkpoints.
func (tx *Tx) Bolt() *bolt.Tx { return tx.bolt }

// Size is the file's size in bytes.
func (tx *Tx) Size() int64 { return tx.bolt.Size() }

// Stream reads a stream's state; ok is false if there is none.
func (tx *Tx) Stream(name string) (s Stream, ok bool, err error) {
	value := tx.bolt.Bucket(bucketStreams()).Get([]byte(name))
	if value == nil {
		return Stream{}, false, nil
	}
	if err := decode([]byte(name), value, &s); err != nil {
		return Stream{}, false, err
	}
	return s, true, nil
}

// PutStream stores a stream's state.
func (tx *Tx) PutStream(name string, s Stream) error {
	return put(tx.bolt.Bucket(bucketStreams()), []byte(name), s)
}

// PutNote stores a small value of the agent's under a name, such as a count
// that it wants to show without asking the destination.
func (tx *Tx) PutNote(name string, v any) error {
	return put(tx.bolt.Bucket(bucketMeta()), []byte("note/"+name), v)
}

// Note reads what PutNote stored; v is left alone if there is nothing.
func (tx *Tx) Note(name string, v any) error {
	key := []byte("note/" + name)
	value := tx.bolt.Bucket(bucketMeta()).Get(key)
	if value == nil {
		return nil
	}
	return decode(key, value, v)
}

// DeleteNote removes a note; one that is not there is no error.
func (tx *Tx) DeleteNote(name string) error {
	if err := tx.bolt.Bucket(bucketMeta()).Delete([]byte("note/" + name)); err != nil {
		return fmt.Errorf("delete note %s: %w", name, err)
	}
	return nil
}

// PutRun stores a run in the journal, under its identifier. Identifiers sort by
// time.
func (tx *Tx) PutRun(r Run) error {
	return put(tx.bolt.Bucket(bucketRuns()), []byte(r.ID), r)
}

// Runs calls fn for each run in the journal, oldest first.
func (tx *Tx) Runs(fn func(Run) error) error {
	return tx.bolt.Bucket(bucketRuns()).ForEach(func(k, v []byte) error {
		var r Run
		if err := decode(k, v, &r); err != nil {
			return err
		}
		return fn(r)
	})
}

// LastRun is the newest run in the journal; ok is false if there is none.
func (tx *Tx) LastRun() (r Run, ok bool, err error) {
	k, v := tx.bolt.Bucket(bucketRuns()).Cursor().Last()
	if k == nil {
		return Run{}, false, nil
	}
	err = decode(k, v, &r)
	return r, err == nil, err
}

// TrimRuns removes the oldest mirrored runs so that at most keep stay. Runs that
// wait for their mirror are never removed, nor is the last that finished: when
// that was must be known however many have failed since.
func (tx *Tx) TrimRuns(keep int) error {
	var mirrored [][]byte
	n, finished := 0, -1
	err := tx.Runs(func(r Run) error {
		n++
		if r.Mirrored {
			mirrored = append(mirrored, []byte(r.ID))
			if r.Error == "" {
				finished = len(mirrored) - 1
			}
		}
		return nil
	})
	if finished >= 0 {
		mirrored = slices.Delete(mirrored, finished, finished+1)
	}
	if err != nil {
		return err
	}
	for _, id := range mirrored {
		if n <= keep {
			return nil
		}
		if err := tx.bolt.Bucket(bucketRuns()).Delete(id); err != nil {
			return fmt.Errorf("trim journal: %w", err)
		}
		n--
	}
	return nil
}

func put(b *bolt.Bucket, key []byte, v any) error {
	value, err := encode(key, v)
	if err != nil {
		return err
	}
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}
