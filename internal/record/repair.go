package record

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// What neither PostgreSQL's jsonb nor text holds is repaired, from left to right
// and once: each byte that is no UTF-8 and each half of a surrogate pair becomes
// U+FFFD, and the character NUL is left out. SQLite would take some of it, but
// both destinations shall hold the same rows.

// damage is what was wrong with a text.
type damage uint8

const (
	badUTF8 damage = 1 << iota
	halfPair
	nul
)

// String names the damage, as what a text holds.
func (d damage) String() string {
	var parts []string
	for _, p := range []struct {
		of   damage
		text string
	}{{badUTF8, "bytes that are not UTF-8"}, {halfPair, "half of a surrogate pair"}, {nul, `a NUL character (\u0000)`}} {
		if d&p.of != 0 {
			parts = append(parts, p.text)
		}
	}
	return strings.Join(parts, ", ")
}

// describe says for people what was repaired, and where: "" for nothing.
func describe(fixed []repaired) string {
	const most, longest = 5, 60
	var all damage
	var where []string
	for i, m := range fixed {
		all |= m.damage
		switch {
		case i < most:
			name := m.name
			if len(name) > longest {
				name = append(bytes.ToValidUTF8(name[:longest], nil), "..."...)
			}
			where = append(where, string(name))
		case i == most:
			where = append(where, "and others")
		}
	}
	var done []string
	for _, p := range []struct {
		of   damage
		text string
	}{
		{badUTF8, "bytes that are not UTF-8 replaced by U+FFFD"},
		{halfPair, "halves of surrogate pairs replaced by U+FFFD"},
		{nul, "NUL characters left out"},
	} {
		if all&p.of != 0 {
			done = append(done, p.text)
		}
	}
	if len(done) == 0 {
		return ""
	}
	return strings.Join(where, ", ") + ": " + strings.Join(done, ", ")
}

// storable reports whether all text of a record can be stored as it is.
func storable(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for i := bytes.IndexByte(b, '\\'); i >= 0; {
		n, damage := escape(b[i:])
		if damage != 0 {
			return false
		}
		next := bytes.IndexByte(b[i+n:], '\\')
		if next < 0 {
			break
		}
		i += n + next
	}
	return true
}

// escape looks at the escape that b begins with: its length, both halves of a
// pair together, and what is wrong with it.
func escape(b []byte) (length int, _ damage) {
	if len(b) < 2 || b[1] != 'u' {
		return 2, 0
	}
	switch r := hex4(b[2:]); {
	case r == 0:
		return 6, nul
	case r >= 0xDC00 && r < 0xE000:
		return 6, halfPair
	case r >= 0xD800 && r < 0xDC00:
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if low := hex4(b[8:]); low >= 0xDC00 && low < 0xE000 {
				return 12, 0
			}
		}
		return 6, halfPair
	}
	return 6, 0
}

// text rewrites the string that begins at i, repaired, and gives the place behind
// it.
func (w *rewriter) text(i int) int {
	w.out = append(w.out, '"')
	for i++; w.in[i] != '"'; {
		switch c := w.in[i]; {
		case c == '\\':
			n, damage := escape(w.in[i:])
			w.damage |= damage
			switch damage {
			case 0:
				w.out = append(w.out, w.in[i:i+n]...)
			case halfPair:
				w.out = utf8.AppendRune(w.out, utf8.RuneError)
			}
			i += n
		case c < utf8.RuneSelf:
			w.out = append(w.out, c)
			i++
		default:
			r, n := utf8.DecodeRune(w.in[i:])
			if r == utf8.RuneError && n == 1 {
				w.damage |= badUTF8
			}
			w.out = utf8.AppendRune(w.out, r)
			i += n
		}
	}
	w.out = append(w.out, '"')
	return i + 1
}

// EscapeNUL writes bytes of zero as JSON has them, if there are any: as they are
// they are no JSON at all, and nothing could be repaired. One behind a backslash
// stays, since it would become another text.
func EscapeNUL(raw []byte) []byte {
	if bytes.IndexByte(raw, 0) < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+64)
	escaped := false
	for _, c := range raw {
		if c == 0 && !escaped {
			out = append(out, `\u0000`...)
			continue
		}
		escaped = c == '\\' && !escaped
		out = append(out, c)
	}
	return out
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
