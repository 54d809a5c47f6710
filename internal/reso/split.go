package reso

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// splitter cuts a JSON list into its elements by quotes and brackets alone, so
// that a record which is not valid JSON (a raw control character in a remark,
// twenty thousand brackets) is one bad record and not the end of the page.
type splitter struct {
	in      *bufio.Reader
	element []byte
	cut     bool // the element was larger than the limit; element is its beginning
	begun   bool // the first element has been asked for
	limit   int
}

var errList = errors.New(`"value" is not a well-formed list`)

// next reads the next element, without white space around it; ok is false at
// the end of the list, which is read. The element is good until the next call.
func (s *splitter) next() (ok bool, err error) {
	s.element, s.cut = s.element[:0], false
	c, err := s.skipSpace()
	if err != nil {
		return false, err
	}
	if c == ']' {
		_, err := s.in.Discard(1)
		return false, err
	}
	if s.begun {
		if c != ',' {
			return false, fmt.Errorf("%w: %q where a comma belongs", errList, c)
		}
		if _, err := s.in.Discard(1); err != nil {
			return false, err
		}
		if _, err := s.skipSpace(); err != nil {
			return false, err
		}
	}
	s.begun = true
	if err := s.scan(); err != nil {
		return false, err
	}
	s.element = bytes.TrimRight(s.element, " \t\r\n")
	if len(s.element) == 0 {
		return false, fmt.Errorf("%w: an element is missing", errList)
	}
	return true, nil
}

// skipSpace gives the next byte that is not white space, without reading it.
func (s *splitter) skipSpace() (byte, error) {
	for {
		if _, err := s.in.Peek(1); err != nil {
			return 0, unexpected(err)
		}
		buffer, err := s.in.Peek(s.in.Buffered())
		if err != nil {
			return 0, unexpected(err)
		}
		n := 0
		for n < len(buffer) && space(buffer[n]) {
			n++
		}
		if n < len(buffer) {
			c := buffer[n]
			_, err := s.in.Discard(n)
			return c, err
		}
		if _, err := s.in.Discard(n); err != nil {
			return 0, err
		}
	}
}

// scan reads up to the comma or bracket that ends the element.
func (s *splitter) scan() error {
	var at place
	for {
		if _, err := s.in.Peek(1); err != nil {
			return unexpected(err)
		}
		buffer, err := s.in.Peek(s.in.Buffered())
		if err != nil {
			return unexpected(err)
		}
		n, end := at.pass(buffer)
		s.keep(buffer[:n])
		if _, err := s.in.Discard(n); err != nil {
			return err
		}
		if end {
			return nil
		}
	}
}

// place is where in an element a piece of it ends.
type place struct {
	depth    int  // open brackets
	inString bool // between two quotes
	escaped  bool // and behind a backslash that means the next byte
}

// pass goes over the next piece of an element and gives how much of it belongs to
// the element, and whether that is its end. All bytes of all answers pass here.
func (p *place) pass(b []byte) (n int, end bool) {
	for n < len(b) {
		if p.inString {
			n += p.passString(b[n:])
			continue
		}
		switch c := b[n]; {
		case c == '"':
			p.inString = true
		case c < '[':
			if c == ',' && p.depth == 0 {
				return n, true
			}
		case c == '{' || c == '[':
			p.depth++
		case c == '}' || c == ']':
			if p.depth == 0 {
				return n, true
			}
			p.depth--
		}
		n++
	}
	return n, false
}

// passString goes to behind the quote that ends a string, or to the end of the
// piece. A quote ends it unless an odd number of backslashes stands before it.
func (p *place) passString(b []byte) int {
	from := 0
	if p.escaped {
		from = 1
	}
	for {
		quote := bytes.IndexByte(b[from:], '"')
		end := from + quote
		if quote < 0 {
			end = len(b)
		}
		first := end
		for first > from && b[first-1] == '\\' {
			first--
		}
		p.escaped = (end-first)%2 == 1
		if quote < 0 {
			return end
		}
		from = end + 1
		if !p.escaped {
			p.inString = false
			return from
		}
	}
}

// keep adds to the element, up to the limit.
func (s *splitter) keep(b []byte) {
	if room := s.limit - len(s.element); len(b) > room {
		b, s.cut = b[:max(room, 0)], true
	}
	s.element = append(s.element, b...)
}

// unexpected tells the end of a broken answer from the end of a whole one.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
