package checkpoint

import (
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// BenchmarkCommit is what a group of children costs in the state file, with a
// full journal beside it; on a disk that syncs.
func BenchmarkCommit(b *testing.B) {
	for _, windows := range []int{0, 40} {
		b.Run(fmt.Sprintf("%d windows", windows), func(b *testing.B) {
			f := open0(b, b.TempDir())
			err := f.Update(func(tx *Tx) error {
				for i := range 1000 {
					if err := tx.PutRun(Run{ID: fmt.Sprintf("%04d", i), StartedAt: now(), FinishedAt: now(), Mirrored: true}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			s := sample()
			for i := range windows {
				at := now().Add(time.Duration(i) * time.Hour).Format(time.RFC3339)
				s.Pass.Windows = append(s.Pass.Windows, Window{From: at, Before: at, Place: s.Pass.Place})
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Sequence++
				if err := f.Update(func(tx *Tx) error { return tx.PutStream("media", s) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is the opening of a file with a million small values beside what
// the agent keeps.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	f := open0(b, dir)
	err := f.Update(func(tx *Tx) error {
		keys, err := tx.Bolt().CreateBucket([]byte("keys"))
		for i := 0; i < 1_000_000 && err == nil; i++ {
			err = putKey(keys, i)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := Open(dir, now())
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func putKey(b *bolt.Bucket, i int) error { return b.Put(fmt.Appendf(nil, "W%08d", i), []byte("four")) }
