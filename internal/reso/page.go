package reso

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/record"
)

// Page asks for one page and calls yield with each record as it arrives. After
// an error the records that were yielded are good: the page can be taken up
// again behind the last of them. An error of yield is returned as it is.
func (c *Client) Page(ctx context.Context, q record.Query, yield func(record.Record) error) error {
	query, err := pageQuery(q)
	if err != nil {
		return err
	}
	b, err := c.get(ctx, q.Feed, q.Shape.Resource, query)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // an error of closing a body that was read says nothing
	p := page{resource: q.Shape.Resource, shape: q.Shape, body: b, yield: yield}
	return p.read(ctx)
}

// Count asks how many records lie behind the query's cursor, or in all. ok is
// false if the source does not give a count.
func (c *Client) Count(ctx context.Context, q record.Query) (n int64, ok bool, err error) {
	query, err := countQuery(q)
	if err != nil {
		return 0, false, err
	}
	b, err := c.get(ctx, q.Feed, q.Shape.Resource, query)
	var fault *Error
	if errors.As(err, &fault) && fault.Refused() {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer b.Close() //nolint:errcheck // as above
	p := page{resource: q.Shape.Resource, shape: q.Shape, body: b, yield: func(record.Record) error { return nil }}
	if err := p.read(ctx); err != nil {
		return 0, false, err
	}
	return p.count, p.counted, nil
}

// page reads the envelope of an answer: {"@odata.count": n, "value": [...]}, in
// any order.
type page struct {
	resource string
	shape    *record.Shape
	body     *body
	yield    func(record.Record) error

	count    int64
	counted  bool
	hasValue bool
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
	return broken(p.resource, err)
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
		start, _ := in.Peek(120)
		return fmt.Errorf("the answer is not JSON, it begins with %.80q", start)
	}
	dec := jsontext.NewDecoder(in, record.DecodeOptions()...)
	if dec.PeekKind() != '{' {
		return errors.New("the answer is not a JSON object")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		if err := p.member(dec); err != nil {
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

func (p *page) member(dec *jsontext.Decoder) error {
	name, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch name.String() {
	case "value":
		return p.values(dec)
	case "@odata.count", "@count":
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.Trim(raw.String(), `"`), 10, 64)
		p.count, p.counted = n, err == nil && n >= 0
		return nil
	case "error":
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		code, message := errorBody([]byte(`{"error":` + raw.String() + `}`))
		return &Error{Resource: p.resource, Code: code, Message: "an error with status 200: " + message}
	}
	return dec.SkipValue()
}

func (p *page) values(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return errors.New(`"value" is not a list`)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	p.hasValue = true
	for dec.PeekKind() != ']' {
		p.body.record = 0
		r, err := p.shape.Read(dec)
		if err != nil {
			return err
		}
		if err := p.yield(r); err != nil {
			return yieldError{err}
		}
	}
	_, err := dec.ReadToken()
	return err
}
