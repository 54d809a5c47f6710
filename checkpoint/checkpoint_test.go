package checkpoint

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
)

var update = flag.Bool("update", false, "write the frozen state file anew; only for a new format version")

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func sample() Stream {
	total := int64(45678)
	return Stream{
		Sequence: 7, Fingerprint: "abc", Position: &Position{Timestamp: "2024-03-01T10:00:00Z", Key: "k'1"},
		Pass: &Pass{
			StartedAt: now(), Full: true, Total: &total,
			Place: Place{Cursor: Position{Timestamp: "2024-03-01T10:00:00Z", Key: "k'1"}, Page: 3, Batch: 6, PageRows: 600},
		},
		Counters: Counters{Written: 31000, Unchanged: 200, Deleted: 50, Failed: 3, Skipped: 147}, LastFinishedAt: now(),
	}
}

func open0(tb testing.TB, dir string) *File {
	tb.Helper()
	f, err := Open(dir, now())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

func fill(tb testing.TB, f *File) {
	tb.Helper()
	err := f.Update(func(tx *Tx) error {
		return errors.Join(tx.PutStream("media", sample()), tx.PutNote("keys_complete", true),
			tx.PutRun(Run{ID: "a", StartedAt: now(), FinishedAt: now(), Totals: Counters{Written: 1}, Mirrored: true}))
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// The windows of a pass, each with its place, come back as they were.
func TestWindows(t *testing.T) {
	t.Parallel()
	f := open0(t, t.TempDir())
	s := sample()
	s.Pass.Windows = []Window{
		{Before: "2024-04-01T00:00:00Z", Place: s.Pass.Place, Done: true},
		{From: "2024-04-01T00:00:00Z", Before: "2024-05-01T00:00:00Z", Place: Place{Second: true, Page: 2, PageDone: true}},
	}
	if err := f.Update(func(tx *Tx) error { return tx.PutStream("media", s) }); err != nil {
		t.Fatal(err)
	}
	err := f.View(func(tx *Tx) error {
		got, _, err := tx.Stream("media")
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("stream (-want +got):\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// check reads back what fill wrote.
func check(tb testing.TB, f *File) {
	tb.Helper()
	err := f.View(func(tx *Tx) error {
		s, ok, err := tx.Stream("media")
		if diff := cmp.Diff(sample(), s); err != nil || !ok || diff != "" {
			tb.Errorf("stream: %t, %v (-want +got):\n%s", ok, err, diff)
		}
		if _, ok, err := tx.Stream("rooms"); ok || err != nil {
			tb.Errorf("a stream that was never stored: %t, %v", ok, err)
		}
		complete := false
		if err := tx.Note("keys_complete", &complete); err != nil || !complete {
			tb.Errorf("note: %t, %v", complete, err)
		}
		return tx.Runs(func(r Run) error {
			if r.ID != "a" || !r.Mirrored {
				tb.Errorf("run %+v", r)
			}
			return nil
		})
	})
	if err != nil {
		tb.Error(err)
	}
}

func TestStateSurvives(t *testing.T) {
	dir := t.TempDir()
	f := open0(t, dir)
	if !f.New() || f.StateID() == "" {
		t.Errorf("new %t, id %q", f.New(), f.StateID())
	}
	fill(t, f)
	id := f.StateID()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open0(t, dir)
	if f.New() || f.StateID() != id {
		t.Errorf("opened again: new %t, id %q, want %q", f.New(), f.StateID(), id)
	}
	check(t, f)
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*.new-*")); err != nil || len(names) != 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// Files of each format version stay readable, also for writing.
func TestFrozenFiles(t *testing.T) {
	if *update {
		dir := t.TempDir()
		f := open0(t, dir)
		fill(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		copyFile(t, filepath.Join(dir, FileName), fmt.Sprintf("testdata/format-%d.db", formatVersion))
	}
	for format := 1; format <= formatVersion; format++ {
		dir := t.TempDir()
		copyFile(t, fmt.Sprintf("testdata/format-%d.db", format), filepath.Join(dir, FileName))
		reader, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		check(t, reader)
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		f := open0(t, dir)
		check(t, f)
		if err := errors.Join(f.Verify(), f.Close()); err != nil {
			t.Errorf("format %d: %v", format, err)
		}
		f = open0(t, dir)
		if f.header.Format != formatVersion {
			t.Errorf("format %d became %d", format, f.header.Format)
		}
		check(t, f)
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	made := func(change func(path string)) string {
		dir := t.TempDir()
		f := open0(t, dir)
		fill(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		change(filepath.Join(dir, FileName))
		return dir
	}
	inside := func(fn func(*bolt.Tx) error) func(string) {
		return func(path string) {
			db, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(db.Update(fn), db.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		dir  string
		want error
	}{
		"text": {made(func(path string) {
			if err := os.WriteFile(path, []byte("a text that is long enough to be looked at, but no database"), 0o600); err != nil {
				t.Fatal(err)
			}
		}), ErrNotOurs},
		"another program's": {made(inside(func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketRuns()) })), ErrNotOurs},
		"newer": {made(inside(func(tx *bolt.Tx) error {
			return put(tx.Bucket(bucketMeta()), keyHeader(), header{Format: formatVersion + 1})
		})), ErrNewer},
		"damaged header": {made(inside(func(tx *bolt.Tx) error {
			return tx.Bucket(bucketMeta()).Put(keyHeader(), []byte("\x01\x00\x00\x00\x00{}"))
		})), ErrDamaged},
	} {
		if f, err := Open(test.dir, now()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v; want %v", name, f, err, test.want)
		}
	}
	if _, err := OpenReadOnly(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("no file: %v", err)
	}
}

// A flipped bit in a value is found, and so is a value under another's key.
func TestDamagedValues(t *testing.T) {
	f := open0(t, t.TempDir())
	fill(t, f)
	err := f.Update(func(tx *Tx) error {
		b := tx.Bolt().Bucket(bucketStreams())
		value := append([]byte(nil), b.Get([]byte("media"))...)
		if err := b.Put([]byte("rooms"), value); err != nil {
			return err
		}
		value[len(value)/2] ^= 4
		return b.Put([]byte("media"), value)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"media", "rooms"} {
		err := f.View(func(tx *Tx) error {
			_, _, err := tx.Stream(name)
			return err
		})
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	f := open0(t, dir)
	if _, err := Open(dir, now()); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := OpenReadOnly(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("read while open: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
}

func TestJournal(t *testing.T) {
	f := open0(t, t.TempDir())
	var left []string
	err := f.Update(func(tx *Tx) error {
		for i, id := range []string{"1", "2", "3", "4", "5", "6"} {
			if err := tx.PutRun(Run{ID: id, Mirrored: i != 0 && i != 3}); err != nil {
				return err
			}
		}
		if err := tx.TrimRuns(3); err != nil {
			return err
		}
		return tx.Runs(func(r Run) error { left = append(left, r.ID); return nil })
	})
	if diff := cmp.Diff([]string{"1", "4", "6"}, left); err != nil || diff != "" {
		t.Errorf("%v; runs that wait for their mirror stay (-want +got):\n%s", err, diff)
	}
}

// A function that fails leaves everything as it was.
func TestRollback(t *testing.T) {
	f := open0(t, t.TempDir())
	fill(t, f)
	own := errors.New("own")
	err := f.Update(func(tx *Tx) error { return errors.Join(tx.PutStream("media", Stream{Sequence: 99}), own) })
	if !errors.Is(err, own) {
		t.Errorf("error %v", err)
	}
	check(t, f)
}

func FuzzDecode(f *testing.F) {
	value, err := encode([]byte("media"), sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("media"), value)
	f.Add([]byte("rooms"), value)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var s Stream
		if err := decode(key, value, &s); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("decode %q: %v", value, err)
		}
	})
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	in, err := os.Open(from)
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
}

// Trimming leaves the last run that finished, however many have failed since.
func TestTrimRunsLeavesTheLastSuccess(t *testing.T) {
	f := open0(t, t.TempDir())
	t.Cleanup(func() { _ = f.Close() })
	err := f.Update(func(tx *Tx) error {
		for i := range 20 {
			r := Run{ID: fmt.Sprintf("%03d", i), Mirrored: true, Error: "away"}
			if i == 1 || i == 3 {
				r.Error = ""
			}
			if err := tx.PutRun(r); err != nil {
				return err
			}
		}
		return tx.TrimRuns(5)
	})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	err = f.View(func(tx *Tx) error {
		return tx.Runs(func(r Run) error { left = append(left, r.ID); return nil })
	})
	if got := strings.Join(left, " "); err != nil || got != "003 016 017 018 019" {
		t.Errorf("left: %s, %v", got, err)
	}
}
