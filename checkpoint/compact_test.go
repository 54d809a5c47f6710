package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A file that is mostly free pages becomes small when it is opened, with all
// that it holds; one that is in use does not change.
func TestCompact(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	f := open0(t, dir)
	fill(t, f)
	id := f.StateID()
	bulk := []byte("bulk")
	err := f.Update(func(tx *Tx) error {
		b, err := tx.Bolt().CreateBucket(bulk)
		for i := 0; i < 100_000 && err == nil; i++ {
			err = b.Put(fmt.Appendf(nil, "key %08d", i), make([]byte, 60))
		}
		return err
	})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	large := size(t, path)
	if large < 2*compactAbove {
		t.Fatalf("the file has only %d bytes", large)
	}
	f = open0(t, dir) // nothing of it is free
	if n := size(t, path); n != large {
		t.Errorf("a file in use went from %d to %d bytes", large, n)
	}
	if err := f.Update(func(tx *Tx) error { return tx.Bolt().DeleteBucket(bulk) }); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open0(t, dir)
	check(t, f)
	if n := size(t, path); n > large/10 || f.StateID() != id {
		t.Errorf("the file has %d bytes of %d, and the name %s, want %s", n, large, f.StateID(), id)
	}
	if err := errors.Join(f.Verify(), f.Update(func(tx *Tx) error { return tx.PutStream("rooms", sample()) })); err != nil {
		t.Errorf("the compact file: %v", err)
	}
	if left, _ := filepath.Glob(path + ".new-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the compact file: %v, %v", info.Mode(), err)
	}
}

// A file that was put aside, or replaced, has lost its name: who still has it open
// is not the one with the lock.
func TestFileWithoutItsName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), FileName)
	f := open0(t, filepath.Dir(path))
	if !f.hasName(path) {
		t.Error("the file that was just opened has not its name")
	}
	if err := os.Rename(path, path+".aside"); err != nil || f.hasName(path) {
		t.Errorf("set aside: %v, has its name: %t", err, f.hasName(path))
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil || f.hasName(path) {
		t.Errorf("replaced: %v, has its name: %t", err, f.hasName(path))
	}
}

func size(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}
