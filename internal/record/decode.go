package record

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxSize is the most bytes that a record may have; a larger one is a reject.
// Real ones have 12 KB; the limit keeps a broken source from filling the memory.
const MaxSize = 8 << 20

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
// dec must have been made with DecodeOptions.
func (s *Shape) Read(dec *jsontext.Decoder) (Record, error) { return s.NewReader().Read(dec) }

// Reader reads one record after another; it is not for concurrent use.
type Reader struct {
	shape *Shape
	rec   Record
	out   []byte // the record without its nulls; used again for the next one
}

// NewReader makes a reader of the shape's records.
func (s *Shape) NewReader() *Reader { return &Reader{shape: s} }

// Read is Shape.Read.
func (r *Reader) Read(dec *jsontext.Decoder) (Record, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return Record{}, fmt.Errorf("read record: %w", err)
	}
	if raw.Kind() != '{' {
		return Unreadable(raw, "not a JSON object"), nil
	}
	r.rec = Record{Values: make([]Value, len(r.shape.Columns))}
	r.out = append(r.out[:0], '{')
	walk(raw, r.field)
	r.out = append(r.out, '}')
	return r.finish(), nil
}

// DecodeOptions are the options that Read needs. Duplicate names and bad UTF-8
// are let through the scanner, because they are one record's fault and must not
// cost its neighbours; Read finds bad UTF-8 itself.
func DecodeOptions() []jsontext.Options {
	return []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
}

// field keeps a field, unless it is null: in this API that is the same as absent.
func (r *Reader) field(name, value []byte) {
	if value[0] == 'n' {
		return
	}
	if len(r.out) > 1 {
		r.out = append(r.out, ',')
	}
	r.out = append(r.out, name...)
	r.out = append(r.out, ':')
	r.out = append(r.out, value...)
	r.take(name[1:len(name)-1], value)
}

// take keeps what the agent itself needs of a field. Names with escapes in them
// are none of ours.
func (r *Reader) take(name []byte, value jsontext.Value) {
	use, ours := r.shape.fields[string(name)]
	if !ours {
		return
	}
	switch use.role {
	case roleKey:
		r.rec.Key = text(value)
	case roleTimestamp:
		r.rec.Timestamp = text(value)
	case roleParent:
		r.rec.Parent = text(value)
	case roleStatus:
		r.rec.Deleted = text(value) == "Deleted"
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

func (r *Reader) finish() Record {
	rec := &r.rec
	rec.JSON = bytes.Clone(r.out)
	rec.Hash = contentHash(rec.JSON)
	rec.Reason = r.reason()
	return *rec
}

// reason finds what would make the record unstorable in any destination. Key,
// parent and time are kept where they are good, also of a reject: it is still a
// place to resume from.
func (r *Reader) reason() string {
	rec, s := &r.rec, r.shape
	at, err := ParseTimestamp(rec.Timestamp)
	if err == nil {
		rec.Time = at
	}
	why := unstorable(rec.JSON)
	for _, key := range []struct {
		name string
		text *string
	}{{s.Key, &rec.Key}, {s.Parent, &rec.Parent}} {
		if !utf8.ValidString(*key.text) || strings.ContainsAny(*key.text, "\x00\uFFFD") && why != "" {
			*key.text = ""
		}
		if len(*key.text) > maxKey {
			*key.text = ""
			why = cmp.Or(why, fmt.Sprintf("%s is longer than %d bytes", key.name, maxKey))
		}
	}
	switch {
	case why != "":
		return why
	case rec.Key == "":
		return "no " + s.Key
	case rec.Timestamp == "":
		return "no " + s.Timestamp
	case err != nil:
		return fmt.Sprintf("%s is not a timestamp: %.40q", s.Timestamp, rec.Timestamp)
	case s.Parent != "" && rec.Parent == "":
		return "no " + s.Parent
	}
	return ""
}

// unstorable finds text that PostgreSQL refuses in jsonb. SQLite would take it,
// but both destinations shall hold the same rows.
func unstorable(b []byte) string {
	if !utf8.Valid(b) {
		return "text is not valid UTF-8"
	}
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i < len(b); {
		if i+1 >= len(b) {
			break
		}
		if b[i+1] != 'u' {
			i = next(b, i+2)
			continue
		}
		r := hex4(b[i+2:])
		switch {
		case r == 0:
			return `text holds a NUL character (\u0000)`
		case r >= 0xDC00 && r < 0xE000:
			return `text holds half of a surrogate pair`
		case r >= 0xD800 && r < 0xDC00:
			low := -1
			if i+8 <= len(b) && bytes.HasPrefix(b[i+6:], []byte(`\u`)) {
				low = hex4(b[i+8:])
			}
			if low < 0xDC00 || low >= 0xE000 {
				return `text holds half of a surrogate pair`
			}
			i += 6
		}
		i = next(b, i+6)
	}
	return ""
}

// next is the place of the first backslash at or behind from, or -1.
func next(b []byte, from int) int {
	if from >= len(b) {
		return -1
	}
	if i := bytes.IndexByte(b[from:], '\\'); i >= 0 {
		return from + i
	}
	return -1
}

func hex4(b []byte) int {
	if len(b) < 4 {
		return -1
	}
	n := 0
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | int(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | int(c-'A'+10)
		default:
			return -1
		}
	}
	return n
}
