package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"resoagent/internal/disk"
)

const (
	salvageChunk = 1 << 20
	salvageRun   = 64 << 10 // no run is longer
)

// Verify checks everything that Open does not: that bbolt finds its pages in
// order, and that each value is what was written.
func (f *File) Verify() error {
	return f.View(func(tx *Tx) error {
		var first error
		for err := range tx.bolt.Check() {
			if first == nil {
				first = damaged("%v", err)
			}
		}
		if first != nil {
			return first
		}
		for _, name := range [][]byte{bucketMeta(), bucketStreams(), bucketRuns()} {
			if err := verifyBucket(tx.bolt.Bucket(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func verifyBucket(b *bolt.Bucket) error {
	return b.ForEach(func(k, v []byte) error {
		var any json.RawMessage
		return decode(k, v, &any)
	})
}

// Salvage finds the runs in a file that waited for their mirror, without
// relying on anything but their own checksums. A run that was mirrored later
// may be among them, if only an old page still shows it: mirroring it again has
// no effect.
func Salvage(path string) ([]Run, error) {
	f, err := disk.OpenOwn(path, os.O_RDONLY, 0)
	var irregular *disk.IrregularError
	if errors.As(err, &irregular) {
		return nil, nil // what is no file holds none
	}
	if err != nil {
		return nil, fmt.Errorf("salvage runs: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	runs := make(map[string]Run)
	b := make([]byte, salvageChunk+salvageRun)
	for at := int64(0); ; at += salvageChunk {
		n, err := f.ReadAt(b, at)
		salvage(b[:n], runs)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("salvage runs: %w", err)
		}
	}
	var pending []Run
	for _, r := range runs {
		if !r.Mirrored {
			pending = append(pending, r)
		}
	}
	slices.SortFunc(pending, func(a, b Run) int { return strings.Compare(a.ID, b.ID) })
	return pending, nil
}

// salvage finds runs by how their JSON begins, behind five bytes of version and
// checksum.
func salvage(b []byte, runs map[string]Run) {
	begin := []byte(`{"id":"`)
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], begin)
		if i < 0 {
			return
		}
		at += i
		if at < 5 {
			continue
		}
		var r Run
		d := json.NewDecoder(bytes.NewReader(b[at:min(len(b), at+salvageRun)]))
		if d.Decode(&r) != nil || decode([]byte(r.ID), b[at-5:at+int(d.InputOffset())], &r) != nil {
			continue
		}
		if !runs[r.ID].Mirrored {
			runs[r.ID] = r
		}
	}
}
