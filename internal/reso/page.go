package reso

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/record"
)

// Page asks for one page and calls yield with each record as it arrives. After
// an error the records that were yielded are good: the page can be taken up
// again behind the last of them. An error of yield is returned as it is.
func (c *Client) Page(ctx context.Context, q record.Query, yield func(record.Record) error) (record.PageEnd, error) {
	b, err := c.askPage(ctx, q)
	if err != nil {
		return record.PageEnd{}, err
	}
	defer b.Close() //nolint:errcheck // an error of closing a body that was read says nothing
	p := page{resource: q.Shape.Resource, shape: q.Shape, body: b, secret: c.secret(), yield: yield}
	err = p.read(ctx)
	return p.end(), err
}

// askPage asks for a page by its link, or else by its filter.
func (c *Client) askPage(ctx context.Context, q record.Query) (*body, error) {
	if q.Next == "" {
		return c.ask(ctx, q, pageQuery)
	}
	address, err := c.follow(q)
	if err != nil {
		return nil, err
	}
	return c.get(ctx, q.Feed, q.Shape.Resource, address)
}

func (p *page) end() record.PageEnd {
	e := record.PageEnd{Next: resolve(p.next, p.body.address), Count: p.count, Counted: p.counted}
	if e.Next == "" {
		e.Next = resolve(linkHeader(p.body.header, "next"), p.body.address)
	}
	if at, err := http.ParseTime(p.body.header.Get("Date")); err == nil {
		e.Date = at
	}
	return e
}

// Count asks how many records lie behind the query's cursor, or in all. ok is
// false if the source does not give a count.
func (c *Client) Count(ctx context.Context, q record.Query) (n int64, ok bool, err error) {
	b, err := c.ask(ctx, q, countQuery)
	var fault *Error
	if errors.As(err, &fault) && fault.Refused() {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer b.Close() //nolint:errcheck // as above
	p := page{resource: q.Shape.Resource, shape: q.Shape, body: b, secret: c.secret(), yield: func(record.Record) error { return nil }}
	if err := p.read(ctx); err != nil {
		return 0, false, err
	}
	return p.count, p.counted, nil
}

// ask puts a query. A source that refuses one with the operator in is asked once
// more without it, and remembered where that helped.
func (c *Client) ask(ctx context.Context, q record.Query, build func(record.Query, bool) (string, error)) (*body, error) {
	try := func(noIn bool) (*body, error) {
		query, err := build(q, noIn)
		if err != nil {
			return nil, err
		}
		return c.get(ctx, q.Feed, q.Shape.Resource, c.address(q.Shape.Resource, query))
	}
	noIn := c.noIn.Load()
	b, err := try(noIn)
	var fault *Error
	if noIn || len(q.Only.Keys) < 2 || !errors.As(err, &fault) || !fault.Refused() {
		return b, err
	}
	b, err = try(true)
	if err == nil {
		c.noIn.Store(true)
	}
	return b, err
}

// page reads the envelope of an answer: {"@odata.count": n, "value": [...]}, in
// any order.
type page struct {
	resource string
	shape    *record.Shape
	body     *body
	secret   secrets
	yield    func(record.Record) error

	count    int64
	counted  bool
	hasValue bool
	next     string // link to the next page, as it stands there
}

// yieldError tells an error of the receiver from one of the source.
type yieldError struct{ error }

func (p *page) read(ctx context.Context) error {
	in := bufio.NewReaderSize(p.body, 64<<10)
	err := p.document(in)
	var own yieldError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.error
	case ctx.Err() != nil:
		return fmt.Errorf("read %s: %w", p.resource, ctx.Err())
	}
	return broken(p.resource, err, p.secret)
}

func (p *page) document(in *bufio.Reader) error {
	head, err := in.Peek(1)
	if errors.Is(err, io.EOF) {
		return errors.New("the answer is empty")
	}
	if err != nil {
		return err
	}
	if !strings.Contains("{ \t\r\n", string(head)) {
		start, _ := in.Peek(4096) // far enough for a token that is repeated in it not to be cut
		return fmt.Errorf("the answer is not JSON, it begins with %.80q", p.secret.hide(string(start)))
	}
	dec := jsontext.NewDecoder(in, record.DecodeOptions()...)
	if dec.PeekKind() != '{' {
		return errors.New("the answer is not a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		if dec, err = p.member(dec, in); err != nil {
			return err
		}
	}
	// The closing brace is read, and the end behind it: More alone would take
	// a cut body for a whole one.
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("more follows behind the end")
		}
		return fmt.Errorf("read the end of the answer: %w", err)
	}
	if !p.hasValue && !p.counted {
		return errors.New(`the answer has no "value"`)
	}
	return nil
}

// member reads one member of the envelope and gives the decoder to go on with.
func (p *page) member(dec *jsontext.Decoder, in *bufio.Reader) (*jsontext.Decoder, error) {
	name, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch name.String() {
	case "value":
		return p.values(dec, in)
	case "@odata.count", "@count":
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(strings.Trim(raw.String(), `"`), 10, 64)
		p.count, p.counted = n, err == nil && n >= 0
		return dec, nil
	case "@odata.nextLink", "@nextLink":
		if dec.PeekKind() != '"' {
			return dec, dec.SkipValue()
		}
		link, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		p.next = link.String()
		return dec, nil
	case "error":
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if raw.Kind() == 'n' {
			return dec, nil // "error": null says that there is none
		}
		code, message := errorBody([]byte(`{"error":`+raw.String()+`}`), p.secret)
		return nil, &Error{Resource: p.resource, Code: code, Message: "an error with status 200: " + message}
	}
	return dec, dec.SkipValue()
}

// values reads the records. The list is cut into elements first, each of which
// is decoded by itself: a decoder that has met an error cannot go on behind it.
func (p *page) values(dec *jsontext.Decoder, in *bufio.Reader) (*jsontext.Decoder, error) {
	if dec.PeekKind() != '[' {
		return nil, errors.New(`"value" is not a list`)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	p.hasValue = true
	unread := bytes.Clone(dec.UnreadBuffer())
	rest := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(unread), in), 64<<10)
	s := splitter{in: rest, limit: record.MaxSize}
	one, reader := new(jsontext.Decoder), p.shape.NewReader()
	for {
		ok, err := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if err := p.yield(p.record(one, reader, &s)); err != nil {
			return nil, yieldError{err}
		}
	}
	// What follows is the rest of the envelope's object; a new decoder is led
	// into it by a beginning of our own.
	dec = jsontext.NewDecoder(io.MultiReader(strings.NewReader(`{"":0`), rest), record.DecodeOptions()...)
	for range 3 {
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
	}
	return dec, nil
}

// record decodes one element. One that cannot be read is a reject.
func (p *page) record(dec *jsontext.Decoder, reader *record.Reader, s *splitter) record.Record {
	if s.cut {
		return record.Unreadable(s.element, fmt.Sprintf("larger than %d MiB", record.MaxSize>>20))
	}
	dec.Reset(bytes.NewBuffer(record.EscapeNUL(s.element)), record.DecodeOptions()...)
	r, err := reader.Read(dec)
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			r.Reason, r.Repaired = p.secret.hide(r.Reason), p.secret.hide(r.Repaired)
			return r
		}
		err = errors.New("more follows behind its end")
	}
	return record.Unreadable(s.element, "not valid JSON: "+clip(p.secret.hide(err.Error()), 200))
}
