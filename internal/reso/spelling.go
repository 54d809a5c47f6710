package reso

import (
	"html"
	"strconv"
	"unicode/utf8"
)

// spelling is a text as it reads with its escapes undone, and where each of its bytes
// stood before.
type spelling struct {
	text        []byte
	begin, past []int32 // nil: where they stand now
}

func (r *spelling) from(i int) int {
	if r.begin == nil {
		return i
	}
	return int(r.begin[i])
}

func (r *spelling) to(i int) int {
	if r.past == nil {
		return i + 1
	}
	return int(r.past[i])
}

// add appends bytes that were spelled by those from up to before to of another.
func (r *spelling) add(of *spelling, from, to int, text ...byte) {
	for _, c := range text {
		r.text = append(r.text, c)
		r.begin = append(r.begin, int32(of.from(from))) //nolint:gosec // a piece is short
		r.past = append(r.past, int32(of.to(to-1)))     //nolint:gosec // as above
	}
}

// unescaped undoes the escapes of addresses, of HTML and of JSON, all of them at
// once, since a text may be partly in one and partly in another; nil: there are
// none. Bytes that nobody sees are left out.
func (r *spelling) unescaped() *spelling {
	out := &spelling{}
	some := false
	for i := 0; i < len(r.text); {
		n, c, ok := escape(r.text[i:])
		if !ok {
			n, c = 1, r.text[i:i+1]
			if c[0] == 0 {
				ok, c = true, nil
			}
		}
		some = some || ok
		out.add(r, i, i+n, c...)
		i += n
	}
	if !some {
		return nil
	}
	return out
}

// escape reads the escape that a text begins with, of n bytes.
func escape(text []byte) (n int, is []byte, ok bool) {
	switch text[0] {
	case '%':
		if c, ok := digits(text, 1, 2, 16); ok {
			return 3, []byte{byte(c)}, true //nolint:gosec // two hexadecimal digits
		}
		if len(text) > 1 && text[1] == 'u' {
			if c, ok := digits(text, 2, 4, 16); ok {
				return 6, utf8.AppendRune(nil, c), true
			}
		}
	case '\\':
		return backslash(text)
	case '&':
		return entity(text)
	}
	return 0, nil, false
}

// digits reads a number of exactly n digits.
func digits(text []byte, at, n, base int) (rune, bool) {
	if len(text) < at+n {
		return 0, false
	}
	c, err := strconv.ParseUint(string(text[at:at+n]), base, 32)
	return rune(c), err == nil //nolint:gosec // at most eight digits of a code point
}

func backslash(text []byte) (n int, is []byte, ok bool) {
	if len(text) < 2 {
		return 0, nil, false
	}
	switch c := text[1]; c {
	case 'u', 'U':
		if c, ok := digits(text, 2, 4, 16); ok {
			return 6, utf8.AppendRune(nil, c), true
		}
		return braced(text)
	case 'x':
		if c, ok := digits(text, 2, 2, 16); ok {
			return 4, []byte{byte(c)}, true //nolint:gosec // as above
		}
	case 'n', 'r', 't', 'b', 'f':
		return 2, []byte{' '}, true
	case '/', '"', '\'', '\\':
		return 2, []byte{c}, true
	default:
		if c, ok := digits(text, 1, 3, 8); ok {
			return 4, []byte{byte(c)}, true //nolint:gosec // what is above a byte is no escape of one
		}
	}
	return 0, nil, false
}

// braced reads \u{41}.
func braced(text []byte) (n int, is []byte, ok bool) {
	if len(text) < 4 || text[2] != '{' {
		return 0, nil, false
	}
	for n := 1; n <= 6; n++ {
		c, ok := digits(text, 3, n, 16)
		if !ok {
			break
		}
		if len(text) > 3+n && text[3+n] == '}' {
			return 4 + n, utf8.AppendRune(nil, c), true
		}
	}
	return 0, nil, false
}

// entity reads a character of HTML, by number or by name; the semicolon may be
// missing, as browsers allow.
func entity(text []byte) (n int, is []byte, ok bool) {
	if len(text) > 2 && text[1] == '#' {
		return numbered(text)
	}
	const longest = 40 // of the names
	for n = 1; n < len(text) && n < longest && text[n] != ';'; n++ {
		if c := text[n]; (c < '0' || c > '9') && (fold(c) < 'a' || fold(c) > 'z') {
			break
		}
	}
	if n < len(text) && text[n] == ';' {
		n++
	}
	// Of what follows a short name without its semicolon some is no part of it.
	for ; n > 2; n-- {
		plain := html.UnescapeString(string(text[:n]))
		if plain != string(text[:n]) && utf8.RuneCountInString(plain) <= 2 {
			return n, []byte(plain), true
		}
	}
	return 0, nil, false
}

// numbered reads &#65; and &#x41;, with any zeros before the number.
func numbered(text []byte) (n int, is []byte, ok bool) {
	base, n := uint64(10), 2
	if fold(text[2]) == 'x' {
		base, n = 16, 3
	}
	begin, code := n, uint64(0)
	for ; n < len(text) && code <= utf8.MaxRune; n++ {
		digit, err := strconv.ParseUint(string(text[n:n+1]), int(base), 8)
		if err != nil {
			break
		}
		code = code*base + digit
	}
	if n == begin || code > utf8.MaxRune {
		return 0, nil, false
	}
	if n < len(text) && text[n] == ';' {
		n++
	}
	return n, utf8.AppendRune(nil, rune(code)), true
}

// packing is a way to write bytes by a few characters.
type packing struct {
	bits  int
	value [256]int8 // of a character; -1: none of these
}

const notPacked = -1

func newPacking(bits int, alphabets ...string) *packing {
	p := &packing{bits: bits}
	for i := range p.value {
		p.value[i] = notPacked
	}
	for _, alphabet := range alphabets {
		for i := range len(alphabet) {
			p.value[alphabet[i]] = int8(i)
		}
	}
	return p
}

// newBase64 is Base64 in both of its alphabets.
func newBase64() *packing {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return newPacking(6, letters+"+/", letters+"-_")
}

// newBase16 is hexadecimal.
func newBase16() *packing { return newPacking(4, "0123456789abcdef", "0123456789ABCDEF") }

// unpacked reads each part of a text that may be packed bytes, beginning with
// each of its first characters, since it is not known where the bytes begin.
func (r *spelling) unpacked(p *packing, inner func(*spelling)) {
	for i := 0; i < len(r.text); {
		if p.value[r.text[i]] == notPacked {
			i++
			continue
		}
		var at []int // of the part's characters; lines may be broken in it
		for ; i < len(r.text); i++ {
			if p.value[r.text[i]] != notPacked {
				at = append(at, i)
			} else if r.text[i] != '\r' && r.text[i] != '\n' {
				break
			}
		}
		for begin := 0; begin < 8/2 && (len(at)-begin)*p.bits >= run*8; begin++ {
			if p.bits == 4 && begin == 2 {
				break
			}
			inner(r.unpack(p, at[begin:]))
		}
	}
}

func (r *spelling) unpack(p *packing, at []int) *spelling {
	out := &spelling{}
	var held, bits, from int
	for n, i := range at {
		if bits == 0 {
			from = n
		}
		held, bits = held<<p.bits|int(p.value[r.text[i]]), bits+p.bits
		if bits < 8 {
			continue
		}
		bits -= 8
		out.add(r, at[from], i+1, byte(held>>bits)) //nolint:gosec // eight bits
		from = n
		held &= 1<<bits - 1
	}
	return out
}
