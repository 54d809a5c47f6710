package record

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxSize is the most bytes that a record may have; a larger one is a reject.
// Real ones have 12 KB; the limit keeps a broken source from filling the memory.
const MaxSize = 8 << 20

// MostListed is how many bytes of a record are kept on the list of rejects at most.
const MostListed = 1 << 20

// Unreadable is the reject of an element that is no record at all.
func Unreadable(raw []byte, reason string) Record {
	return Record{JSON: bytes.Clone(raw), Reason: reason}
}

// maxKey is the longest key, in bytes. Real ones have up to 40; PostgreSQL
// refuses an index entry of more than 2,700, and a child's entry holds two keys.
const maxKey = 512

// Read reads the next array element from dec: the bytes without null fields, and
// the typed columns on the way. A record that is well-formed JSON but cannot be
// stored comes back with its Reason set; an error means that it is not JSON, and
// that nothing more can be read from dec.
//
// Of members that occur twice the last one counts, as in PostgreSQL's jsonb, at
// every depth. Text that no database holds is repaired, and Repaired says so.
//
// dec must have been made with DecodeOptions.
func (s *Shape) Read(dec *jsontext.Decoder) (Record, error) { return s.NewReader().Read(dec) }

// Reader reads one record after another; it is not for concurrent use.
type Reader struct {
	shape *Shape
	rec   Record
	out   []byte // the record without its nulls; used again for the next one
	whole rewriter
	names names
	// broken are the roles whose text would have to be repaired; that of a key,
	// parent or timestamp never is.
	broken map[role]damage
}

// NewReader makes a reader of the shape's records.
func (s *Shape) NewReader() *Reader { return &Reader{shape: s, names: names{shape: s}} }

// Read is Shape.Read.
func (r *Reader) Read(dec *jsontext.Decoder) (Record, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return Record{}, fmt.Errorf("read record: %w", err)
	}
	if raw.Kind() != '{' {
		return Unreadable(raw, "not a JSON object"), nil
	}
	r.broken = nil
	// The quick way first: most records can be taken as they are.
	if !storable(raw) || !r.take(raw, false) {
		r.rewrite(raw)
	}
	if r.whole.tooMany {
		r.whole.tooMany = false
		return Unreadable(raw, fmt.Sprintf("more than %d members", maxMembers)), nil
	}
	return r.finish(), nil
}

// DecodeOptions are the options that Read needs. Duplicate names and bad UTF-8
// are let through the scanner, because they are one record's fault and must not
// cost its neighbours; Read deals with both itself.
func DecodeOptions() []jsontext.Options {
	return []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
}

// take keeps the fields of a record that are not null: in this API null is the
// same as absent. It gives up, with false, on one that must be rewritten first,
// because a member occurs twice or may do so. unique: that has been done.
func (r *Reader) take(object []byte, unique bool) bool {
	r.rec = Record{Values: make([]Value, len(r.shape.Columns))}
	r.out = append(r.out[:0], '{')
	r.names.begin()
	ok := walk(object, func(name, value []byte) bool {
		var use *use
		if unique {
			use = r.names.use(name[1 : len(name)-1])
		} else {
			m := r.names.next(name[1 : len(name)-1])
			if m == nil {
				return false
			}
			use = m.use
		}
		if value[0] == 'n' {
			return true
		}
		if len(r.out) > 1 {
			r.out = append(r.out, ',')
		}
		r.out = append(r.out, name...)
		r.out = append(r.out, ':')
		at := len(r.out)
		r.out = r.whole.nested(r.out, value, unique)
		if r.whole.tooMany {
			return unique
		}
		if use != nil {
			r.field(use, r.out[at:])
		}
		return true
	})
	r.out = append(r.out, '}')
	return ok
}

// rewrite takes a record after it was written again as a database can hold it.
func (r *Reader) rewrite(raw []byte) {
	object, repaired := r.whole.record(raw)
	for _, m := range repaired {
		if use := r.names.use(m.name); use != nil && use.role != roleNone && use.role != roleStatus {
			if r.broken == nil {
				r.broken = make(map[role]damage)
			}
			r.broken[use.role] = m.damage
		}
	}
	r.take(object, true)
	if r.rec.Repaired = describe(repaired); r.rec.Repaired != "" {
		r.rec.Original = bytes.Clone(raw)
	}
}

// field keeps what the agent itself needs of a field.
func (r *Reader) field(use *use, value jsontext.Value) {
	switch use.role {
	case roleKey:
		r.rec.Key = text(value)
	case roleTimestamp:
		if r.rec.Timestamp = text(value); value[0] == '{' || value[0] == '[' {
			r.rec.Timestamp = string(value) // not none, but one that cannot be read
		}
	case roleParent:
		r.rec.Parent = text(value)
	case roleStatus:
		r.rec.Deleted = text(value) == r.shape.Tombstone.Value
	}
	if use.column < 0 {
		return
	}
	c := &r.shape.Columns[use.column]
	v, ok := c.Convert(value)
	r.rec.Values[use.column] = v
	if !ok {
		r.rec.Unfit = append(r.rec.Unfit, c.Field)
	}
}

// text is the value of a string or number; keys come as either.
func text(value jsontext.Value) string {
	t, _, _ := scalar(value)
	return t
}

// largeRecord is from where on a record gets the reader's own memory: a second one
// of that size should not stay behind.
const largeRecord = 1 << 20

func (r *Reader) finish() Record {
	rec := &r.rec
	if rec.JSON = r.out; cap(r.out) > largeRecord {
		r.out = nil
	} else {
		rec.JSON = bytes.Clone(r.out)
	}
	rec.Hash = contentHash(rec.JSON)
	rec.Reason = r.reason()
	if rec.Reason != "" && rec.Original != nil {
		// A reject is kept as it came.
		rec.JSON, rec.Original, rec.Repaired = rec.Original, nil, ""
	}
	return *rec
}

// Outlived reports whether a reject's reason, in the words of an older agent, no
// longer makes a record a reject: text is repaired, all of OData's timestamps are
// read, and a record needs none.
func (s *Shape) Outlived(reason string) bool {
	switch reason {
	case "text is not valid UTF-8", `text holds a NUL character (\u0000)`, "text holds half of a surrogate pair", "no " + s.Timestamp:
		return true
	}
	return strings.HasPrefix(reason, s.Timestamp+" is not a timestamp")
}

// reason finds what would make the record unstorable in any destination. Key,
// parent and time are kept where they are good, also of a reject: it is still a
// place to resume from.
func (r *Reader) reason() (why string) {
	rec, s := &r.rec, r.shape
	for _, part := range []struct {
		role role
		name string
		text *string
	}{{roleKey, s.Key, &rec.Key}, {roleParent, s.Parent, &rec.Parent}, {roleTimestamp, s.Timestamp, &rec.Timestamp}} {
		switch broken := r.broken[part.role]; {
		case broken != 0:
			*part.text = ""
			why = cmp.Or(why, part.name+" holds "+broken.String())
		case part.role != roleTimestamp && len(*part.text) > maxKey:
			*part.text = ""
			why = cmp.Or(why, fmt.Sprintf("%s is longer than %d bytes", part.name, maxKey))
		}
	}
	at, err := ParseTimestamp(rec.Timestamp)
	if err == nil {
		rec.Time = at
	}
	switch {
	case why != "":
		return why
	case rec.Key == "":
		return "no " + s.Key
	case err != nil && rec.Timestamp != "":
		return fmt.Sprintf("%s is not a timestamp: %.40q", s.Timestamp, rec.Timestamp)
	case s.Parent != "" && rec.Parent == "":
		return "no " + s.Parent
	}
	return ""
}
