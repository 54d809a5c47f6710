package record

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is a typed column's content in the text form that both destinations
// read, or null.
type Value struct {
	Text  string
	Valid bool
}

// Plain is the text of a value that is not null in a form that both dialects take
// for the kind's column by themselves.
func (v Value) Plain(k Kind) string {
	switch {
	case k != Boolean:
		return v.Text
	case v.Text == "true":
		return "1"
	}
	return "0"
}

// Reading is the version of how Convert reads values. Raise it when it reads any in
// another way: then the columns of all rows are read again, out of what is stored.
const Reading = 0

// Convert reads a JSON value into the column's type. The source writes numbers
// in Java's way (3.0, 2.0E7) and some of them as strings; both fit. ok is false
// for a value that does not fit: the column becomes null, and the record's JSON
// keeps the original.
func (c Column) Convert(raw jsontext.Value) (v Value, ok bool) {
	text, isString, ok := scalar(raw)
	if !ok {
		return Value{}, false
	}
	switch c.Kind {
	case Text:
		return Value{text, true}, true
	case Word:
		return Value{text, true}.upTo(maxWord)
	case Boolean:
		return convertBoolean(text)
	}
	if isString {
		text = strings.TrimSpace(text)
		if text == "" {
			return Value{}, true // an empty string in a typed field means absent
		}
	}
	switch c.Kind {
	case Integer:
		return convertInteger(text)
	case Number:
		return convertNumber(text)
	case Date:
		return convertDate(text)
	default:
		return convertTimestamp(text)
	}
}

// maxWord is the longest word and maxNumber the longest number, in bytes.
// PostgreSQL refuses an index entry of more than 2,700, and would refuse the
// row for it. A 64-bit float in full has less than 400 digits.
const (
	maxWord   = 512
	maxNumber = 400
)

// upTo refuses a value that is longer than most bytes.
func (v Value) upTo(most int) (Value, bool) {
	if len(v.Text) > most {
		return Value{}, false
	}
	return v, true
}

// scalar gives the text of a JSON string, number or boolean; arrays and objects
// fit no column, except that a list of one string is that string (RESO has both
// forms of some fields).
func scalar(raw jsontext.Value) (text string, isString, ok bool) {
	switch raw.Kind() {
	case '"':
		if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			return string(inner), true, true // nothing to decode
		}
		b, err := jsontext.AppendUnquote(nil, raw)
		return string(b), true, err == nil
	case '0':
		return string(raw), false, true
	case 't', 'f':
		return string(raw), false, true
	default:
		return "", false, false
	}
}

func convertBoolean(text string) (Value, bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "y", "yes", "1":
		return Value{"true", true}, true
	case "false", "n", "no", "0":
		return Value{"false", true}, true
	case "":
		return Value{}, true
	}
	return Value{}, false
}

// convertInteger takes what is a whole number in whatever spelling and fits a
// 64-bit integer. 1.5 does not fit: rounding would be an invention.
func convertInteger(text string) (Value, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Value{strconv.FormatInt(n, 10), true}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 || notDecimal(text) {
		return Value{}, false
	}
	return Value{strconv.FormatInt(int64(f), 10), true}, true
}

// convertNumber keeps the digits as written, since a decimal that went through
// a float is another number. What a 64-bit float cannot hold is refused: no
// price or size is that large, or that small, and SQLite could not store it.
func convertNumber(text string) (Value, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || notDecimal(text) {
		return Value{}, false
	}
	if f == 0 && strings.ContainsAny(mantissa(text), "123456789") {
		return Value{}, false // such as 1e-400
	}
	if f == 0 {
		text = mantissa(text) // 0e-999999 has too many digits for PostgreSQL
	}
	return Value{text, true}.upTo(maxNumber)
}

// notDecimal: Go's way of writing numbers knows more than a source's.
func notDecimal(text string) bool { return strings.ContainsAny(text, "xXpP_") }

func mantissa(text string) string {
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		return text[:e]
	}
	return text
}

func convertDate(text string) (Value, bool) {
	if len(text) > 10 { // a date field with a time in it: the day counts
		if _, ok := parseTimestamp(text); !ok {
			return Value{}, false
		}
		text = text[:10]
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1 {
		return Value{}, false
	}
	return Value{t.Format(time.DateOnly), true}, true
}

func convertTimestamp(text string) (Value, bool) {
	p, ok := parseTimestamp(text)
	if !ok {
		return Value{}, false
	}
	t, fits := p.time()
	if !fits {
		return Value{}, false
	}
	return Value{FormatTimestamp(t), true}, true
}

// FormatTimestamp is the text form of a timestamp column: UTC, microseconds,
// which is what PostgreSQL keeps, and all digits, so that it sorts as text.
func FormatTimestamp(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000Z")
}
