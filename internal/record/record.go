package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Record is one record of a resource as read from the source.
type Record struct {
	Key       string
	Parent    string    // "" for the parent resource
	Timestamp string    // exactly the source's text
	Time      time.Time // of Timestamp, for comparing; zero where there is none
	Deleted   bool      // soft-deleted at the source

	Values []Value // one for each of the shape's columns
	JSON   []byte  // the record without its null fields
	Hash   int64   // of JSON: tells a changed record of the same second

	Unfit  []string // fields that did not fit their column and became null there
	Reason string   // why the record cannot be stored, or ""

	Repaired string // what was done so that its text can be stored, or ""
	Original []byte // the record as it came, where it was repaired

	// Refused is set by a destination that rejected the record, and cleared by
	// it when the group is tried again.
	Refused string
	// Older is set likewise: it is not stored, since what is there is newer.
	Older bool
}

// Bad reports whether the record is a reject, and why.
func (r *Record) Bad() (reason string, bad bool) {
	if r.Reason != "" {
		return r.Reason, true
	}
	return r.Refused, r.Refused != ""
}

// Stands reports whether the record is stored with its text repaired.
func (r *Record) Stands() bool {
	_, bad := r.Bad()
	return r.Repaired != "" && !bad && !r.Older && !r.Deleted
}

// Listed is what the list of rejects and repairs keeps of the record: why it is
// not stored, or what was done to it, and its bytes as they came.
func (r *Record) Listed() (reason string, repaired *string, body []byte) {
	if reason, bad := r.Bad(); bad {
		return reason, nil, r.JSON
	}
	return "", &r.Repaired, r.Original
}

// RejectKey identifies the record among a stream's rejects: its key, or a hash
// of its bytes where it has none.
func (r *Record) RejectKey() string {
	if r.Key != "" {
		return r.Key
	}
	sum := sha256.Sum256(r.JSON)
	return keylessPrefix + hex.EncodeToString(sum[:])
}

const keylessPrefix = "sha256:"

// Keyless reports whether the key of a reject is the hash of one without a key,
// which a source cannot be asked for.
func Keyless(rejectKey string) bool { return strings.HasPrefix(rejectKey, keylessPrefix) }

// Stamp is the record's time in the form in which both destinations take it, nil
// where it has none.
func (r *Record) Stamp() *string {
	if r.Time.IsZero() {
		return nil
	}
	text := FormatTimestamp(r.Time)
	return &text
}

// Size is about what the record takes in memory, in bytes.
func (r *Record) Size() int { return len(r.JSON) + len(r.Original) + 32*len(r.Values) + 256 }

// hashVersion is part of every content hash. Raising it makes each row differ
// from what is stored, and so be fetched and written again. A typed column that is
// new, or read in another way, does not need that: it is read out of what is stored.
const hashVersion = 2

func contentHash(b []byte) int64 {
	h := sha256.New()
	h.Write([]byte{hashVersion})
	h.Write(b)
	var sum [sha256.Size]byte
	return int64(binary.BigEndian.Uint64(h.Sum(sum[:0]))) //nolint:gosec // the bits are what counts
}
