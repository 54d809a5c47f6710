package simulator

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// record is one row on its way to JSON. It is complete in itself: nothing that
// is changed afterwards alters what it writes.
type record struct {
	world     *world
	def       *resource
	row       row
	edit      *edit // nil where the row is as generated
	precision Precision
	notation  Notation

	shared *listing // only through details

	number   int32 // of the row in its table
	rendered map[Feed]*rendered
}

// edit is what was changed about a row, or all there is of an added one. It is
// replaced, never altered.
type edit struct {
	key, parent string // of an added row
	fields      map[string]json.RawMessage
	raw         []byte // the whole row, byte by byte
	origin      int64  // the timestamp before the first change, 0 if added
}

// origin is the timestamp that a row was generated with. Dates are computed
// from it, so that a changed row keeps them.
func (r *record) origin() int64 {
	if r.edit != nil && r.edit.origin != 0 {
		return r.edit.origin
	}
	return r.row.at
}

func (r *record) appendKey(dst []byte) []byte {
	if r.row.state&added != 0 {
		return append(dst, r.edit.key...)
	}
	return r.def.keys.write(dst, int(r.row.parent), int(r.row.seq))
}

func (r *record) appendParent(dst []byte) []byte {
	if r.row.state&added != 0 {
		return append(dst, r.edit.parent...)
	}
	return r.world.appendParentKey(dst, int(r.row.parent))
}

// stamp is the time in microseconds that a row is filtered and ordered by.
func (r *record) stamp(c column) int64 {
	at := r.row.at
	if at == noStamp {
		return at
	}
	if c == columnStamp2 {
		// The second timestamp of Media is up to two seconds later.
		at += int64(uint64(at)/1e6%3) * 1e6
	}
	if r.precision == WholeSeconds {
		at -= modulo(at, 1e6)
	}
	return at
}

func modulo(at, unit int64) int64 { return ((at % unit) + unit) % unit }

// appendJSON writes the row. selected is nil for all fields of the feed.
func (r *record) appendJSON(dst []byte, feed Feed, selected []*field) []byte {
	if r.edit != nil && r.edit.raw != nil {
		return append(dst, r.edit.raw...)
	}
	if selected == nil {
		if text := r.rendered[feed].of(r.number, r); text != nil {
			return append(dst, text...)
		}
	}
	fields := selected
	if fields == nil {
		fields = r.def.byFeed[feed]
	}
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, f.name...)
		dst = append(dst, '"', ':')
		dst = r.appendField(dst, f)
	}
	return append(dst, '}')
}

// appendField writes the value of one field as JSON.
func (r *record) appendField(dst []byte, f *field) []byte {
	switch f.column {
	case columnKey:
		return appendQuoted(r.appendKey, dst)
	case columnParent:
		return appendQuoted(r.appendParent, dst)
	case columnStamp, columnStamp2:
		switch at := r.stamp(f.column); {
		case at == noStamp:
			return append(dst, "null"...)
		case r.precision == RoundedMilliseconds:
			return r.appendTime(dst, at+500-modulo(at+500, 1000), true)
		default:
			return r.appendTime(dst, at, r.precision == Microseconds)
		}
	}
	if r.edit != nil {
		if value, ok := r.edit.fields[f.name]; ok {
			return append(dst, value...)
		}
		if r.row.state&added != 0 {
			return appendAbsent(dst, f)
		}
	}
	if f.write != nil {
		return f.write(dst, r)
	}
	return r.appendDrawn(dst, f)
}

func appendAbsent(dst []byte, f *field) []byte {
	if f.kind == kindArray {
		return append(dst, '[', ']')
	}
	return append(dst, "null"...)
}

// appendDrawn writes a generic value: one drawn from the field's own list.
func (r *record) appendDrawn(dst []byte, f *field) []byte {
	if f.kind == kindNull {
		return append(dst, "null"...)
	}
	draw := r.world.dice.draw(r.index(), r.def.step*resourceSteps+forFields+f.number)
	if draw%100 < f.nulls || (f.kind == kindArray && (len(f.values) == 0 || draw%100 < 40)) {
		return appendAbsent(dst, f)
	}
	draw >>= 8
	number := f.low + int(draw%uint64(f.high-f.low+1))
	switch f.kind {
	case kindBool:
		return strconv.AppendBool(dst, draw%2 == 0)
	case kindDate:
		day := time.UnixMicro(r.origin()).UTC().AddDate(0, 0, int(draw%180)-90)
		return append(append(append(dst, '"'), day.Format(time.DateOnly)...), '"')
	case kindTime:
		return r.appendTime(dst, (r.origin()/1e6-int64(draw%(90*86400)))*1e6, false)
	case kindInt:
		return r.appendInteger(dst, number)
	case kindWhole:
		return appendJavaDouble(dst, float64(number))
	case kindFloat:
		return appendJavaDouble(dst, float64(number)+float64(draw>>32%4)/4)
	case kindDigits:
		return append(strconv.AppendInt(append(dst, '"'), int64(number), 10), '"')
	case kindArray:
		dst = append(dst, '[')
		for i := range int(draw>>32%3) + 1 {
			if i >= len(f.values) {
				break
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, f.values[(int(draw>>8%64)+i)%len(f.values)])
		}
		return append(dst, ']')
	default:
		return appendString(dst, f.values[draw%uint64(len(f.values))])
	}
}

// appendInteger writes a whole number the way the source does: as 3.0 in one
// record of four, as 3 in the others.
func (r *record) appendInteger(dst []byte, n int) []byte {
	dst = strconv.AppendInt(dst, int64(n), 10)
	if r.row.parent%4 == 3 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// appendJavaDouble writes a number as Java's Double.toString does: always with
// a fraction, and with an exponent from ten millions up and below 0.001.
func appendJavaDouble(dst []byte, v float64) []byte {
	size := math.Abs(v)
	if v == 0 || (size >= 1e-3 && size < 1e7) {
		start := len(dst)
		dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	text := strconv.FormatFloat(v, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	power, _ := strconv.Atoi(exponent)
	dst = append(append(dst, mantissa...), 'E')
	return strconv.AppendInt(dst, int64(power), 10)
}

// appendTime writes microseconds since 1970 as UTC; a fraction loses its
// trailing zeros.
func (r *record) appendTime(dst []byte, micros int64, fraction bool) []byte {
	dst = append(dst, '"')
	layout := "2006-01-02T15:04:05Z"
	switch {
	case r.notation == JavaTimes && modulo(micros, 60e6) == 0:
		layout = "2006-01-02T15:04Z"
	case fraction:
		layout = "2006-01-02T15:04:05.999999Z"
	}
	at := time.UnixMicro(micros).UTC()
	switch r.notation {
	case SmallLetters:
		layout = strings.ToLower(layout)
	case Offsets:
		layout = strings.TrimSuffix(layout, "Z") + "-07:00"
		at = at.In(time.FixedZone("", (int(micros/1e6)%29-14)*1800))
	}
	dst = at.AppendFormat(dst, layout)
	return append(dst, '"')
}

// appendQuoted writes text as a JSON string; only keys of added rows may need
// escapes.
func appendQuoted(write func([]byte) []byte, dst []byte) []byte {
	var scratch [64]byte
	return appendString(dst, string(write(scratch[:0])))
}

func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' || s[i] >= utf8.RuneSelf {
			quoted, err := encode(s)
			if err != nil {
				return append(dst, "null"...)
			}
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

// encode writes a value as JSON without escaping &, < and >, which the source
// does not do either.
func encode(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
