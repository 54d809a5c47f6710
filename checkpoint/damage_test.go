package checkpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// rich makes a state file of many pages: with a journal that has pages of its
// own, and pages that were given up and still hold older values.
func rich(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	f := open0(tb, dir)
	for i := range 60 {
		err := f.Update(func(tx *Tx) error {
			s := sample()
			s.Sequence = uint64(i)
			keys, err := tx.Bolt().CreateBucketIfNotExists([]byte("others"))
			for j := range 20 {
				err = errors.Join(err, keys.Put(fmt.Appendf(nil, "W%03d-%02d", i*7919%1000, j), []byte("crc!")))
			}
			return errors.Join(err, tx.PutStream("media", s), tx.PutRun(Run{ID: fmt.Sprintf("run-%02d", i), Mirrored: i != 30}))
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// outcome opens a file with these contents, reads it and writes to it. Either
// everything is right, or the error says what it is.
func outcome(tb testing.TB, what, dir string, b []byte, whole bool) {
	tb.Helper()
	path := filepath.Join(dir, FileName)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	f, err := Open(dir, now())
	if err != nil {
		if whole || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotOurs) {
			tb.Errorf("%s: %v", what, err)
		}
		return
	}
	defer func() {
		if err := f.Close(); err != nil {
			tb.Errorf("%s: %v", what, err)
		}
	}()
	runs := 0
	err = f.View(func(tx *Tx) error {
		s, ok, err := tx.Stream("media")
		if !ok || s.Sequence != 59 || *s.Position != *sample().Position {
			tb.Errorf("%s: a wrong position: %t, %+v", what, ok, s)
		}
		return errors.Join(err, tx.Runs(func(r Run) error {
			if r.ID != fmt.Sprintf("run-%02d", runs) || r.Mirrored == (runs == 30) {
				tb.Errorf("%s: a wrong run %+v", what, r)
			}
			runs++
			return nil
		}))
	})
	if err == nil && runs != 60 {
		tb.Errorf("%s: %d runs", what, runs)
	}
	err = errors.Join(err, f.Update(func(tx *Tx) error { return tx.PutStream("rooms", sample()) }))
	if err != nil && (whole || !errors.Is(err, ErrDamaged)) {
		tb.Errorf("%s: %v", what, err)
	}
}

func TestAnyDamage(t *testing.T) {
	whole := rich(t)
	dir := t.TempDir()
	outcome(t, "whole", dir, whole, true)
	const page = 4096
	if len(whole) < 10*page {
		t.Fatalf("only %d bytes", len(whole))
	}
	for n := 0; n < len(whole); n += 509 {
		outcome(t, fmt.Sprintf("cut at %d", n), dir, whole[:n], false)
	}
	for at := 0; at < len(whole); at += page {
		b := append([]byte(nil), whole...)
		clear(b[at : at+page])
		outcome(t, fmt.Sprintf("zeros at %d", at), dir, b, false)
	}
	random := rand.New(rand.NewPCG(1, 2))
	flip := func(at int) {
		b := append([]byte(nil), whole...)
		bit := random.IntN(8)
		b[at] ^= 1 << bit
		outcome(t, fmt.Sprintf("bit %d of byte %d", bit, at), dir, b, false)
	}
	for range 300 {
		flip(random.IntN(len(whole)))
	}
	for range 300 { // where the structure is: the heads of the pages
		flip(random.IntN(len(whole)/page)*page + random.IntN(96))
	}
}

// A page that points at an old one, intact in itself: only the seal shows it.
func TestOlderValuesAreFound(t *testing.T) {
	dir := t.TempDir()
	f := open0(t, dir)
	fill(t, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(dir, FileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := sample()
	s.Sequence--
	err = db.Update(func(tx *bolt.Tx) error { return put(tx.Bucket(bucketStreams()), []byte("media"), s) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, now()); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

// The file is cut while it is open: the fault is an error, the file is not used
// any more, and Close returns.
func TestFaultWhileOpen(t *testing.T) {
	for _, write := range []bool{false, true} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), rich(t), 0o600); err != nil {
			t.Fatal(err)
		}
		f := open0(t, dir)
		if err := os.Truncate(filepath.Join(dir, FileName), 8192); err != nil {
			t.Fatal(err)
		}
		use := f.View
		if write {
			use = f.Update
		}
		if err := use(func(tx *Tx) error { return tx.Runs(func(Run) error { return nil }) }); !errors.Is(err, ErrDamaged) {
			t.Errorf("error %v", err)
		}
		if err := f.View(func(*Tx) error { t.Error("used again"); return nil }); !errors.Is(err, ErrDamaged) {
			t.Errorf("error %v", err)
		}
		closed := make(chan error, 1)
		go func() { closed <- f.Close() }()
		select {
		case <-closed: //nolint:errcheck // that it returns is what counts
		case <-time.After(10 * time.Second):
			t.Error("Close hangs")
		}
	}
}

// A program's own panic is not hidden.
func TestOwnPanic(t *testing.T) {
	f := open0(t, t.TempDir())
	defer func() {
		if r := recover(); r != "own" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = f.View(func(*Tx) error { panic("own") })
}

// A commit that fails makes the file unusable until it is opened again.
func TestFailedCommit(t *testing.T) {
	dir := t.TempDir()
	f := open0(t, dir)
	fill(t, f)
	err := f.Update(func(tx *Tx) error {
		return errors.Join(tx.PutNote("n", 1), f.os.Close()) // each write to it fails from here on
	})
	if err == nil {
		t.Fatal("the commit went through")
	}
	if again := f.View(func(*Tx) error { return nil }); again == nil || !strings.Contains(again.Error(), "file already closed") {
		t.Errorf("used again: %v", again)
	}
	_ = f.Close()
	check(t, open0(t, dir))
}

func TestReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		dir = "/sys/kernel" // where not even root can make a file
	}
	if _, err := Open(dir, now()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("error %v", err)
	}
}

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	names := map[string]string{}
	for i := range 3 {
		text := fmt.Sprint("file ", i)
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		name, err := SetAside(dir, now())
		if err != nil {
			t.Fatal(err)
		}
		names[name] = text
	}
	for name, text := range names {
		if b, err := os.ReadFile(name); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if len(names) != 3 {
		t.Errorf("names %v", names)
	}
}

func TestLeftoversGo(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, FileName+".new-1"), filepath.Join(dir, FileName+".new-2")
	for name, age := range map[string]time.Duration{old: time.Hour, fresh: 0} {
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chtimes(name, now().Add(-age), now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	open0(t, dir)
	if _, err := os.Stat(old); err == nil {
		t.Error("what a crash left an hour ago is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("the file of a creation under way is gone")
	}
}

// Runs that waited are found even when nothing else can be read.
func TestSalvage(t *testing.T) {
	b := rich(t)
	clear(b[:8192])
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	runs, err := Salvage(path)
	if err != nil || len(runs) != 1 || runs[0].ID != "run-30" {
		t.Errorf("%v, %v", runs, err)
	}
}
