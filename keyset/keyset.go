// Package keyset holds all parent keys of a destination: an exact index in
// bbolt, and a Bloom filter in memory in front of it that saves the look-up of
// a key that is surely absent. The answer always comes from the exact index;
// there are no false negatives and no false positives.
//
// The set works on a bbolt transaction that it is handed, so that keys are
// committed together with whatever else the caller keeps in the same file. The
// filter is not stored: it is rebuilt from the index at Load, sized from the
// number of keys with room to grow, and made larger when it has outgrown that.
//
// A Set may be used by several goroutines at once.
package keyset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"sync"

	"github.com/bits-and-blooms/bloom/v3"
	bolt "go.etcd.io/bbolt"
)

// ErrDamaged: the index does not hold what was written.
var ErrDamaged = errors.New("the key index is damaged")

// Defaults of the filter.
const (
	// FalsePositives is the rate that the filter is designed for.
	FalsePositives = 0.01
	// smallest number of keys that a filter is made for: 1.2 kB per 1,000 keys.
	smallest = 50_000
	// room is how much larger than the number of keys the filter is made, as a
	// fraction: 5/4 keeps ten million keys within 15 MB.
	roomNumerator, roomDenominator = 5, 4
)

func bucketKeys() []byte  { return []byte("parents") }
func bucketCount() []byte { return []byte("parents_meta") }
func keyCount() []byte    { return []byte("count") }

// Set is the set of parent keys.
type Set struct {
	mu       sync.RWMutex
	filter   *bloom.BloomFilter
	designed uint64 // the number of keys that the filter is made for
	count    uint64 // keys in the index
	tested   uint64 // look-ups of keys that are absent, and how many of them
	passed   uint64 // the filter let through
}

// Load reads the index and builds the filter. A file without an index is an
// empty set.
func Load(tx *bolt.Tx) (*Set, error) {
	s := &Set{}
	return s, s.reload(tx)
}

func (s *Set) reload(tx *bolt.Tx) error {
	keys := tx.Bucket(bucketKeys())
	count, err := readCount(tx)
	if err != nil {
		return err
	}
	filter, designed := newFilter(count)
	n := uint64(0)
	if keys != nil {
		err = keys.ForEach(func(k, v []byte) error {
			if err := check(k, v); err != nil {
				return err
			}
			filter.Add(k)
			n++
			return nil
		})
		if err != nil {
			return err
		}
	}
	if n != count {
		return fmt.Errorf("load keys: %d are there, %d were counted: %w", n, count, ErrDamaged)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filter, s.designed, s.count = filter, designed, count
	return nil
}

// design is the number of keys that a filter is made for when it holds count.
func design(count uint64) uint64 { return max(smallest, count/roomDenominator*roomNumerator) }

func newFilter(count uint64) (*bloom.BloomFilter, uint64) {
	designed := design(count)
	return bloom.NewWithEstimates(uint(designed), FalsePositives), designed
}

// Add puts keys into the index and the filter. They need not be sorted or
// unique. The keys are in the set once tx is committed; if it is rolled back,
// call Forget.
func (s *Set) Add(tx *bolt.Tx, keys []string) error {
	bucket, err := tx.CreateBucketIfNotExists(bucketKeys())
	if err != nil {
		return fmt.Errorf("add keys: %w", err)
	}
	count, err := readCount(tx)
	if err != nil {
		return err
	}
	// In key order, so that neighbouring keys touch the same pages: ten times
	// as fast as shuffled.
	sorted := slices.Compact(slices.Sorted(slices.Values(keys)))
	var fresh []string
	for _, k := range sorted {
		if k == "" || bucket.Get([]byte(k)) != nil {
			continue
		}
		if err := bucket.Put([]byte(k), sum([]byte(k))); err != nil {
			return fmt.Errorf("add key %q: %w", k, err)
		}
		fresh = append(fresh, k)
	}
	if len(fresh) == 0 {
		return nil
	}
	count += uint64(len(fresh))
	if err := writeCount(tx, count); err != nil {
		return err
	}
	return s.remember(tx, fresh, count)
}

// remember adds keys to the filter, or makes a larger one. Doing so before the
// commit can only leave too many bits set, never too few: no false negatives.
func (s *Set) remember(tx *bolt.Tx, keys []string, count uint64) error {
	s.mu.Lock()
	if s.filter != nil && count <= s.designed {
		for _, k := range keys {
			s.filter.AddString(k)
		}
		s.count = count
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	return s.reload(tx)
}

// Forget makes the set forget keys of a transaction that was rolled back, by
// loading it again from a new one.
func (s *Set) Forget(tx *bolt.Tx) error { return s.reload(tx) }

// Clear empties the set.
func (s *Set) Clear(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketKeys(), bucketCount()} {
		if err := tx.DeleteBucket(name); err != nil && tx.Bucket(name) != nil {
			return fmt.Errorf("clear keys: %w", err)
		}
	}
	return s.reload(tx)
}

// Missing gives those of the keys that are not in the set, sorted and unique.
// The index is read in key order, so that a page of it is read once.
func (s *Set) Missing(tx *bolt.Tx, keys []string) (map[string]struct{}, error) {
	bucket := tx.Bucket(bucketKeys())
	sorted := slices.Compact(slices.Sorted(slices.Values(keys)))
	missing := make(map[string]struct{})
	var absent, passed uint64
	s.mu.RLock()
	filter := s.filter
	maybe := sorted[:0:0]
	for _, k := range sorted {
		if filter.TestString(k) {
			maybe = append(maybe, k)
		} else {
			missing[k] = struct{}{}
			absent++
		}
	}
	s.mu.RUnlock()
	for _, k := range maybe {
		var v []byte
		if bucket != nil {
			v = bucket.Get([]byte(k))
		}
		if v == nil {
			missing[k] = struct{}{}
			absent++
			passed++
			continue
		}
		if err := check([]byte(k), v); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	s.tested += absent
	s.passed += passed
	s.mu.Unlock()
	return missing, nil
}

// Stats describes the set.
type Stats struct {
	Keys      uint64
	Designed  uint64 // the number of keys that the filter is made for
	BloomBits uint64
	// FalsePositiveRate is measured over the absent keys looked up so far, or
	// the estimate from the filter's fill where there were fewer than 1,000.
	FalsePositiveRate float64
	// Absent counts the look-ups of absent keys since Load, FalsePositives those of
	// them that the filter let through to the index.
	Absent, FalsePositives uint64
}

// Stats gives the set's figures.
func (s *Set) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Stats{
		Keys: s.count, Designed: s.designed, BloomBits: uint64(s.filter.Cap()),
		FalsePositiveRate: estimate(s.count, s.filter.Cap(), s.filter.K()), Absent: s.tested, FalsePositives: s.passed,
	}
	if s.tested >= 1000 {
		st.FalsePositiveRate = float64(s.passed) / float64(s.tested)
	}
	return st
}

// ReadStats gives the figures of a set that is not loaded: those that its
// filter would have.
func ReadStats(tx *bolt.Tx) (Stats, error) {
	count, err := readCount(tx)
	if err != nil {
		return Stats{}, err
	}
	designed := design(count)
	m, k := bloom.EstimateParameters(uint(designed), FalsePositives)
	return Stats{Keys: count, Designed: designed, BloomBits: uint64(m), FalsePositiveRate: estimate(count, m, k)}, nil
}

// estimate is the false-positive rate of a filter of m bits and k hashes that
// holds n keys.
func estimate(n uint64, m, k uint) float64 {
	return math.Pow(1-math.Exp(-float64(k)*float64(n)/float64(m)), float64(k))
}

func sum(key []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Checksum(key, crc32.MakeTable(crc32.Castagnoli)))
}

func check(key, value []byte) error {
	if len(value) != 4 || binary.BigEndian.Uint32(value) != crc32.Checksum(key, crc32.MakeTable(crc32.Castagnoli)) {
		return fmt.Errorf("read key %q: %w", key, ErrDamaged)
	}
	return nil
}

func readCount(tx *bolt.Tx) (uint64, error) {
	b := tx.Bucket(bucketCount())
	if b == nil {
		return 0, nil
	}
	v := b.Get(keyCount())
	if len(v) != 12 || check(v[:8], v[8:]) != nil {
		return 0, fmt.Errorf("read key count: %w", ErrDamaged)
	}
	return binary.BigEndian.Uint64(v), nil
}

func writeCount(tx *bolt.Tx, n uint64) error {
	b, err := tx.CreateBucketIfNotExists(bucketCount())
	if err != nil {
		return fmt.Errorf("write key count: %w", err)
	}
	v := binary.BigEndian.AppendUint64(nil, n)
	if err := b.Put(keyCount(), append(v, sum(v)...)); err != nil {
		return fmt.Errorf("write key count: %w", err)
	}
	return nil
}
