package reso

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"resoagent/internal/record"
)

// secrets finds the tokens in what a source says and takes them out. Some sources
// repeat the request in what they answer: its errors, its pages of HTML, even
// records. Each run of eight characters of a token is found, in any case of
// letters and in any spelling that a reader could undo, so that neither a token
// that was cut short nor one that was escaped gets through.
type secrets struct {
	grams  map[uint64]struct{} // runs of eight characters
	filter *[1 << 10]uint64    // which of them there may be: most bytes are asked about here alone
	whole  [][]byte            // tokens that are found as a whole only
	base64 *packing
	base16 *packing
}

// run is the length of what is found of a token: eight bytes are one number.
const run = 8

// hidden stands where a token was.
const hidden = "(token)"

// newSecrets finds each run of tokens that have at least partly characters, and
// others, of at least least, as a whole.
func newSecrets(tokens []string, partly, least int) secrets {
	s := secrets{grams: make(map[uint64]struct{}), filter: new([1 << 10]uint64), base64: newBase64(), base16: newBase16()}
	for _, token := range tokens {
		folded := []byte(strings.ToLower(token))
		if len(folded) < max(partly, run) {
			if len(folded) >= least {
				s.whole = append(s.whole, folded)
			}
			continue
		}
		var gram uint64
		for i, c := range folded {
			gram = gram<<8 | uint64(c)
			if i >= run-1 {
				s.grams[gram] = struct{}{}
				word, bit := bitOf(gram)
				s.filter[word] |= bit
			}
		}
	}
	return s
}

// bitOf is a run's place in the filter.
func bitOf(gram uint64) (word int, bit uint64) {
	h := gram * 0x9E3779B97F4A7C15 >> 48
	return int(h >> 6), 1 << (h & 63)
}

func (s *secrets) perhaps(gram uint64) bool {
	word, bit := bitOf(gram)
	return s.filter[word]&bit != 0
}

// credentials are the bearer tokens in use, and what hides them.
type credentials struct {
	tokens map[string]string // by feed
	known  []string          // these, and those that were in use before
	secret secrets
	keys   secrets // what no key may hold
}

// SetTokens exchanges the feeds' bearer tokens from the next request on. The old
// ones stay hidden: an answer to them may still be on its way.
func (c *Client) SetTokens(tokens map[string]string) {
	for {
		old := c.bearer.Load()
		var known []string
		if old != nil {
			known = slices.Clone(old.known)
		}
		for _, token := range tokens {
			if token != "" && !slices.Contains(known, token) {
				known = append(known, token)
			}
		}
		fresh := &credentials{
			tokens: maps.Clone(tokens), known: known, secret: newSecrets(known, run, 1),
			// A key is no free text: what it has in common with a short token may be chance.
			keys: newSecrets(known, 2*run, run),
		}
		if c.bearer.CompareAndSwap(old, fresh) {
			return
		}
	}
}

func (c *Client) secret() secrets { return c.bearer.Load().secret }

// hide takes the tokens out of a text. It must pass here before it is shortened,
// since less than a run could not be found any more.
func (s secrets) hide(text string) string {
	parts := s.find([]byte(text))
	if len(parts) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, x := range parts {
		b.WriteString(text[at:x.from])
		b.WriteString(hidden)
		at = x.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// hideBeginning is hideBytes for a record that will be listed: of a large one as far
// as it is kept, since looking for tokens takes longer than reading it.
func (s secrets) hideBeginning(text []byte) []byte {
	const most = record.MostListed + 128<<10 // what is taken out makes room
	if len(text) <= most {
		return s.hideBytes(text)
	}
	begin := s.hideBytes(text[:most])
	switch {
	case &begin[0] == &text[0]:
		return text // nothing was found
	case len(begin) < record.MostListed: // so much was taken out that more of it is kept
		return s.hideBytes(text)
	}
	return slices.Concat(begin, text[most:])
}

// hideBytes is hide for what a source sent as a record.
func (s secrets) hideBytes(text []byte) []byte {
	if len(s.find(text)) == 0 {
		return text
	}
	return []byte(s.hide(string(text)))
}

// holds reports whether a text has anything of a token in it.
func (s *secrets) holds(text string) bool {
	return s.suspect(text) && len(s.find([]byte(text))) > 0
}

// suspect tells most texts that hold nothing quickly, since every key is asked
// about.
func (s *secrets) suspect(text string) bool {
	if len(text) < run || len(s.grams) == 0 && len(s.whole) == 0 {
		return false
	}
	if len(s.whole) > 0 {
		return true
	}
	hexadecimal, sixes := &s.base16.value, &s.base64.value
	var plain, low, high, hex uint64 // the last bits that were read, by each way to read them
	var packed, digits int           // characters of either packing in a row
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c == '%' || c == '\\' || c == '&' {
			return true
		}
		if plain = plain<<8 | uint64(fold(c)); i >= run-1 && s.perhaps(plain) {
			return true
		}
		if v := hexadecimal[c]; v == notPacked {
			digits = 0
		} else if hex, digits = hex<<4|uint64(v), digits+1; digits >= 2*run && s.perhapsFolded(hex) { //nolint:gosec // not negative
			return true
		}
		v := sixes[c]
		if v == notPacked {
			packed = 0
			continue
		}
		high, low, packed = high<<6|low>>58, low<<6|uint64(v), packed+1 //nolint:gosec // not negative
		if packed*6 < run*8 {
			continue
		}
		// Where the bytes begin is not known: 0, 2 or 4 bits may be of the next one.
		if s.perhapsFolded(low) || s.perhapsFolded(low>>2|high<<62) || s.perhapsFolded(low>>4|high<<60) {
			return true
		}
	}
	return false
}

// perhapsFolded is perhaps for a run whose letters may be of any case.
func (s *secrets) perhapsFolded(gram uint64) bool {
	const notASCII = 0x8080808080808080
	return gram&notASCII == 0 && s.perhaps(foldRun(gram))
}

func foldRun(gram uint64) (folded uint64) {
	for at := 56; at >= 0; at -= 8 {
		folded = folded<<8 | uint64(fold(byte(gram>>at))) //nolint:gosec // one byte of it is wanted
	}
	return folded
}

// part is a part of a text.
type part struct{ from, to int }

// Long texts are looked through in pieces, which overlap by more than any
// spelling of a run takes.
const (
	piece   = 64 << 10
	overlap = 4 << 10
	layers  = 3 // of spellings inside of spellings
)

// find gives the parts of a text that hold something of a token, in order and
// apart from each other.
func (s secrets) find(text []byte) (parts []part) {
	if len(s.grams) == 0 && len(s.whole) == 0 {
		return nil
	}
	for start := 0; start < len(text); start += piece {
		r := &spelling{text: text[start:min(len(text), start+piece+overlap)]}
		s.read(r, layers, func(from, to int) { parts = append(parts, part{start + from, start + to}) })
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.from, b.from) })
	kept := parts[:0]
	for _, x := range parts {
		if n := len(kept); n > 0 && x.from <= kept[n-1].to {
			kept[n-1].to = max(kept[n-1].to, x.to)
			continue
		}
		kept = append(kept, x)
	}
	return kept
}

// read looks through a text as it is, and as it reads with its spelling undone.
func (s secrets) read(r *spelling, layers int, found func(from, to int)) {
	s.match(r, found)
	if layers == 0 {
		return
	}
	if plain := r.unescaped(); plain != nil {
		s.read(plain, layers-1, found)
	}
	for _, p := range []*packing{s.base64, s.base16} {
		r.unpacked(p, func(inner *spelling) { s.read(inner, layers-1, found) })
	}
}

// match finds what stands in the text as it is.
func (s secrets) match(r *spelling, found func(from, to int)) {
	var gram uint64
	for i, c := range r.text {
		gram = gram<<8 | uint64(fold(c))
		if i < run-1 {
			continue
		}
		if !s.perhaps(gram) {
			continue
		}
		if _, ok := s.grams[gram]; ok {
			found(r.from(i-run+1), r.to(i))
		}
	}
	if len(s.whole) == 0 {
		return
	}
	folded := make([]byte, len(r.text))
	for i, c := range r.text {
		folded[i] = fold(c)
	}
	for _, token := range s.whole {
		for at := 0; ; at += len(token) {
			i := bytes.Index(folded[at:], token)
			if i < 0 {
				break
			}
			at += i
			found(r.from(at), r.to(at+len(token)-1))
		}
	}
}

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
