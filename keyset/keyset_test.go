package keyset

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

func database(tb testing.TB) *bolt.DB {
	tb.Helper()
	db, err := bolt.Open(filepath.Join(tb.TempDir(), "keys.db"), 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func load(tb testing.TB, db *bolt.DB) (s *Set) {
	tb.Helper()
	err := db.View(func(tx *bolt.Tx) (err error) {
		s, err = Load(tx)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Whatever is added, committed or rolled back, in whatever order, the set
// answers as a map would; also after it is loaded again.
func TestSetIsAMap(t *testing.T) {
	db := database(t)
	rapid.Check(t, func(r *rapid.T) {
		s := load(t, db)
		if err := db.Update(s.Clear); err != nil {
			r.Fatal(err)
		}
		model := make(map[string]bool)
		key := rapid.StringMatching(`[A-C]?[0-9]{0,2}`)
		own := errors.New("rolled back")
		r.Repeat(map[string]func(*rapid.T){
			"add": func(r *rapid.T) {
				keys := rapid.SliceOfN(key, 0, 20).Draw(r, "keys")
				if err := db.Update(func(tx *bolt.Tx) error { return s.Add(tx, keys) }); err != nil {
					r.Fatal(err)
				}
				for _, k := range keys {
					if k != "" {
						model[k] = true
					}
				}
			},
			"roll back": func(r *rapid.T) {
				keys := rapid.SliceOfN(key, 0, 20).Draw(r, "keys")
				err := db.Update(func(tx *bolt.Tx) error { return errors.Join(s.Add(tx, keys), own) })
				if !errors.Is(err, own) {
					r.Fatal(err)
				}
				if err := db.View(s.Forget); err != nil {
					r.Fatal(err)
				}
			},
			"load again": func(*rapid.T) { s = load(t, db) },
			"": func(r *rapid.T) {
				asked := rapid.SliceOfN(key, 0, 30).Draw(r, "asked")
				var missing map[string]struct{}
				err := db.View(func(tx *bolt.Tx) (err error) {
					missing, err = s.Missing(tx, asked)
					return err
				})
				if err != nil {
					r.Fatal(err)
				}
				for _, k := range asked {
					if _, not := missing[k]; not == model[k] {
						r.Errorf("%q: missing %t, is there %t", k, not, model[k])
					}
				}
				if n := s.Stats().Keys; n != uint64(len(model)) {
					r.Errorf("%d keys counted, %d are there", n, len(model))
				}
			},
		})
	})
}

// The filter grows with the set and keeps its promise; no key is ever denied.
func TestGrowth(t *testing.T) {
	db := database(t)
	s := load(t, db)
	before := s.Stats().BloomBits
	const n = 3 * smallest
	name := func(i int) string { return fmt.Sprintf("W%08d", i*7919%(1<<30)) }
	for at := 0; at < n; at += 10_000 {
		keys := make([]string, 10_000)
		for i := range keys {
			keys[i] = name(at + i)
		}
		if err := db.Update(func(tx *bolt.Tx) error { return s.Add(tx, keys) }); err != nil {
			t.Fatal(err)
		}
		err := db.View(func(tx *bolt.Tx) error {
			missing, err := s.Missing(tx, keys)
			if len(missing) > 0 {
				t.Errorf("%d of the keys just added are missing", len(missing))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if st.BloomBits <= before || st.Designed < n || st.Keys != n {
		t.Errorf("the filter did not grow: %+v", st)
	}
	absent := make([]string, 20_000)
	for i := range absent {
		absent[i] = fmt.Sprintf("X%d", i)
	}
	err := db.View(func(tx *bolt.Tx) error {
		missing, err := s.Missing(tx, absent)
		if len(missing) != len(absent) {
			t.Errorf("%d of %d absent keys were found", len(absent)-len(missing), len(absent))
		}
		unloaded, err2 := ReadStats(tx)
		if unloaded.Keys != n || unloaded.FalsePositiveRate > 2*FalsePositives {
			t.Errorf("read without loading: %+v", unloaded)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	if rate := s.Stats().FalsePositiveRate; rate > 2*FalsePositives || rate == 0 {
		t.Errorf("measured false positives %.4f, target %.4f", rate, FalsePositives)
	}
}

func TestDamage(t *testing.T) {
	for name, spoil := range map[string]func(*bolt.Tx) error{
		"a value":    func(tx *bolt.Tx) error { return tx.Bucket(bucketKeys()).Put([]byte("W5"), []byte("oops")) },
		"a lost key": func(tx *bolt.Tx) error { return tx.Bucket(bucketKeys()).Delete([]byte("W5")) },
		"the count":  func(tx *bolt.Tx) error { return tx.Bucket(bucketCount()).Put(keyCount(), []byte("twelve bytes")) },
	} {
		db := database(t)
		s := load(t, db)
		err := db.Update(func(tx *bolt.Tx) error { return s.Add(tx, []string{"W1", "W5", "W9"}) })
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(spoil); err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			_, err := Load(tx)
			return err
		})
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	db := database(b)
	s := load(b, db)
	n := 0
	for b.Loop() {
		keys := make([]string, 5000)
		for i := range keys {
			keys[i] = fmt.Sprintf("W%09d", n)
			n++
		}
		if err := db.Update(func(tx *bolt.Tx) error { return s.Add(tx, keys) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "keys/s")
}

func BenchmarkMissing(b *testing.B) {
	db := database(b)
	s := load(b, db)
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("W%09d", i)
	}
	if err := db.Update(func(tx *bolt.Tx) error { return s.Add(tx, keys) }); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := db.View(func(tx *bolt.Tx) error {
			_, err := s.Missing(tx, keys[:2000])
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
