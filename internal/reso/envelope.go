package reso

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/record"
)

// maxEnvelope is how many bytes of an answer may stand outside of its records,
// after decompression: names, context, links, counts, errors and white space
// together. Real ones have a few hundred.
const maxEnvelope = 64 << 10

var (
	errEnvelope = fmt.Errorf("more than %d KiB beside its records: %w", maxEnvelope>>10, errTooLarge)
	errSyntax   = errors.New("the answer is not well-formed JSON")
)

// envelope reads what stands around the records of an answer, byte by byte, so
// that nothing of it is in memory before its size is known.
type envelope struct {
	in   *bufio.Reader
	left int // bytes that may still come
}

func (e *envelope) next() (byte, error) {
	c, err := e.in.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	if e.left--; e.left < 0 {
		return 0, errEnvelope
	}
	return c, nil
}

// back gives back the byte that was read last.
func (e *envelope) back() error {
	e.left++
	return e.in.UnreadByte()
}

// token is the next byte that is not white space.
func (e *envelope) token() (byte, error) {
	for {
		c, err := e.next()
		if err != nil || !space(c) {
			return c, err
		}
	}
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// members calls member with each name of the object, whose value it must read.
func (e *envelope) members(member func(name string) error) error {
	c, err := e.token()
	if err != nil {
		return err
	}
	if c != '{' {
		return errors.New("the answer is not a JSON object")
	}
	if c, err = e.token(); err != nil {
		return err
	}
	for c != '}' {
		if err := e.back(); err != nil {
			return err
		}
		name, err := e.name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		if c, err = e.token(); err != nil {
			return err
		}
		if c == '}' {
			break
		}
		if c != ',' {
			return fmt.Errorf("%w: %q where a comma belongs", errSyntax, c)
		}
		if c, err = e.token(); err != nil {
			return err
		}
		if c == '}' {
			return fmt.Errorf("%w: nothing behind a comma", errSyntax)
		}
	}
	return e.end()
}

// end sees to it that nothing follows: the rest of a second document, say.
func (e *envelope) end() error {
	for {
		c, err := e.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil && !space(c):
			err = errors.New("more follows behind the end")
		case err == nil:
			if e.left--; e.left >= 0 {
				continue
			}
			err = errEnvelope
		}
		return fmt.Errorf("read the end of the answer: %w", err)
	}
}

// name reads the name of a member and the colon behind it.
func (e *envelope) name() (string, error) {
	raw, err := e.value()
	if err != nil {
		return "", err
	}
	name, ok := unquote(raw)
	if !ok {
		return "", fmt.Errorf("%w: %.40q where a name belongs", errSyntax, raw)
	}
	c, err := e.token()
	if err == nil && c != ':' {
		err = fmt.Errorf("%w: %q where a colon belongs", errSyntax, c)
	}
	return name, err
}

// value reads the next value, whatever it is.
func (e *envelope) value() (jsontext.Value, error) {
	c, err := e.token()
	if err != nil {
		return nil, err
	}
	var raw jsontext.Value
	switch c {
	case '"', '{', '[':
		raw, err = e.bracketed(c)
	default:
		raw, err = e.scalar(c)
	}
	if err == nil && !raw.IsValid(record.DecodeOptions()...) {
		err = fmt.Errorf("%w: %.40q", errSyntax, raw)
	}
	return raw, err
}

// bracketed reads a string, object or list that begins with c.
func (e *envelope) bracketed(c byte) (raw jsontext.Value, err error) {
	depth, inString, escaped := 0, false, false
	for {
		raw = append(raw, c)
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !inString {
			return raw, nil
		}
		if c, err = e.next(); err != nil {
			return nil, err
		}
	}
}

// scalar reads a number or word that begins with c.
func (e *envelope) scalar(c byte) (raw jsontext.Value, err error) {
	for {
		raw = append(raw, c)
		if c, err = e.next(); err != nil {
			return nil, err
		}
		if space(c) || strings.IndexByte(",:}]", c) >= 0 {
			return raw, e.back()
		}
	}
}

// unquote is the text of a JSON string.
func unquote(raw jsontext.Value) (text string, ok bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	// Bad UTF-8 is replaced, which is good enough for what stands here.
	return string(out), err == nil || len(out) > 0
}
