package reso

import (
	"bufio"
	"bytes"
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
func (c *Client) Page(ctx context.Context, q record.Query, yield func(record.Record) error) (record.PageEnd, error) {
	b, err := c.askPage(ctx, q)
	if err != nil {
		return record.PageEnd{}, err
	}
	defer b.Close() //nolint:errcheck // an error of closing a body that was read says nothing
	p := page{
		resource: q.Shape.Resource, shape: q.Shape, body: b, secret: c.secret(), keys: c.bearer.Load().keys, yield: yield,
		most: most(q), whole: q.Next != "",
	}
	if err = p.read(ctx); err == nil {
		c.served.Store(true)
	}
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
	e.Next = p.secret.untold(e.Next)
	return e
}

// most is how many records of an answer to the query are read. Some sources send
// more than they were asked for, all that they have if it comes to that: what is
// left lies behind the last record that was taken, and is asked for there. Where a
// page is asked for by a link the rest of it could not be asked for, so that it is
// read as long as it can be a page at all.
func most(q record.Query) int {
	if q.Next != "" {
		return mostByLink
	}
	return q.Top + surplus
}

const mostByLink = 1_000_000

// surplus is how many records more than were asked for a page may have: a source
// that knows only pages of its own size need not send each of them many times.
const surplus = 10_000

// Limits of an answer to a count. A source that does not take $top=0 sends a page
// of its own size; the count may stand behind it.
const (
	maxCountRecords = 1000
	maxCountBytes   = 16 << 20
)

// Count asks how many records lie behind the query's cursor, or in all. ok is
// false if the source does not give a count, or not before a page without end.
func (c *Client) Count(ctx context.Context, q record.Query) (n int64, ok bool, err error) {
	b, err := c.ask(ctx, q, countQuery)
	var fault *Error
	if errors.As(err, &fault) && (fault.Refused() || fault.Absent()) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer b.Close() //nolint:errcheck // as above
	b.limit = min(b.limit, maxCountBytes)
	p := page{resource: q.Shape.Resource, shape: q.Shape, body: b, secret: c.secret(), most: maxCountRecords, counting: true}
	err = p.read(ctx)
	if endless := errors.Is(err, errTooLarge) && !errors.Is(err, errEnvelope); err != nil && !endless {
		return 0, false, err
	}
	c.served.Store(true)
	return p.count, p.counted, nil
}

// ask puts a query.
func (c *Client) ask(ctx context.Context, q record.Query, build func(record.Query) (string, error)) (*body, error) {
	query, err := build(q)
	if err != nil {
		return nil, err
	}
	return c.get(ctx, q.Feed, q.Shape.Resource, c.address(q.Shape.Resource, query))
}

// page reads an answer: {"@odata.count": n, "value": [...]}, in any order.
type page struct {
	resource string
	shape    *record.Shape
	body     *body
	secret   secrets
	keys     secrets // what no key may hold
	yield    func(record.Record) error
	most     int  // records that are read at most; 0: as many as come
	whole    bool // more than that are an error, since the rest cannot be asked for
	counting bool // the count is asked for, and no record

	records  int
	parent   string // of the record before, which has been looked at
	count    int64
	counted  bool
	hasValue bool
	next     string // link to the next page, as it stands there
}

// yieldError tells an error of the receiver from one of the source.
type yieldError struct{ error }

// errEnough ends the reading of an answer that has more records than were asked
// for: what came is good.
var errEnough = errors.New("more records than were asked for")

func (p *page) read(ctx context.Context) error {
	in := bufio.NewReaderSize(p.body, 64<<10)
	err := p.document(in)
	var own yieldError
	switch {
	case err == nil, errors.Is(err, errEnough):
		return nil
	case errors.As(err, &own):
		return own.error
	case ctx.Err() != nil:
		return fmt.Errorf("read %s: %w", p.resource, ctx.Err())
	}
	return broken(p.resource, err, p.secret)
}

func (p *page) document(in *bufio.Reader) error {
	if err := skipMark(in); err != nil {
		return err
	}
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
	around := &envelope{in: in, left: maxEnvelope}
	if err := around.members(func(name string) error { return p.member(name, around) }); err != nil {
		return err
	}
	if !p.hasValue && !p.counted {
		return errors.New(`the answer has no "value"`)
	}
	return nil
}

// byteOrderMark is what some servers of Windows put before their JSON.
const byteOrderMark = "\xEF\xBB\xBF"

func skipMark(in *bufio.Reader) error {
	start, err := in.Peek(len(byteOrderMark))
	if string(start) == byteOrderMark {
		_, err = in.Discard(len(byteOrderMark))
	}
	if errors.Is(err, io.EOF) {
		return nil // shorter than a mark: others say what is wrong with it
	}
	return err
}

// member reads the value of one member of the envelope.
func (p *page) member(name string, around *envelope) error {
	if name == "value" {
		return p.values(around)
	}
	raw, err := around.value()
	if err != nil {
		return err
	}
	switch name {
	case "@odata.count", "@count":
		n, err := strconv.ParseInt(strings.Trim(raw.String(), `"`), 10, 64)
		p.count, p.counted = n, err == nil && n >= 0
	case "@odata.nextLink", "@nextLink":
		p.next, _ = unquote(raw)
	case "error", "odata.error":
		if raw.Kind() == 'n' {
			return nil // "error": null says that there is none
		}
		return errorInAnswer(p.resource, raw, p.secret)
	}
	return nil
}

// values reads the records. The list is cut into elements first, each of which
// is decoded by itself: a decoder that has met an error cannot go on behind it.
func (p *page) values(around *envelope) error {
	c, err := around.token()
	if err != nil {
		return err
	}
	if c != '[' {
		return errors.New(`"value" is not a list`)
	}
	p.hasValue = true
	s := splitter{in: around.in, limit: record.MaxSize}
	if p.counting {
		s.limit = 1 // what is not looked at
	}
	one, reader := new(jsontext.Decoder), p.shape.NewReader()
	for {
		ok, err := s.next()
		if err != nil || !ok {
			return err
		}
		p.records++
		switch tooMany := p.most > 0 && p.records > p.most; {
		case tooMany && p.whole:
			return fmt.Errorf("a page has more than %d records: %w", p.most, errTooLarge)
		case tooMany, p.counting && p.counted:
			return errEnough
		}
		if p.counting {
			continue
		}
		r := p.record(one, reader, &s)
		if cap(s.element) > record.MaxSize/8 {
			s.element = nil // it is not kept for the next one, which is an ordinary one again
			one.Reset(bytes.NewReader(nil), record.DecodeOptions()...)
		}
		if err := p.yield(r); err != nil {
			return yieldError{err}
		}
	}
}

// record decodes one element. One that cannot be read is a reject.
func (p *page) record(dec *jsontext.Decoder, reader *record.Reader, s *splitter) record.Record {
	if s.cut {
		return p.veiled(record.Unreadable(s.element, fmt.Sprintf("larger than %d MiB", record.MaxSize>>20)))
	}
	dec.Reset(bytes.NewBuffer(record.EscapeNUL(s.element)), record.DecodeOptions()...)
	r, err := reader.Read(dec)
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			return p.veiled(r)
		}
		err = errors.New("more follows behind its end")
	}
	return p.veiled(record.Unreadable(s.element, "not valid JSON: "+clip(p.secret.hide(err.Error()), 200)))
}

// veiled takes the tokens out of what is shown of a record, and of what is kept
// where everybody can read it: a reject. A key, which stands in positions, events
// and lists, must not hold one at all.
func (p *page) veiled(r record.Record) record.Record {
	for _, key := range []struct {
		name string
		text *string
	}{{p.shape.Key, &r.Key}, {p.shape.Parent, &r.Parent}} {
		if *key.text != p.parent && p.keys.holds(*key.text) {
			*key.text = ""
			r.Reason = key.name + " holds an access token"
		}
	}
	p.parent = r.Parent
	if r.Reason != "" {
		r.Reason, r.JSON = p.secret.hide(r.Reason), p.secret.hideBeginning(r.JSON)
	}
	if r.Repaired != "" {
		r.Repaired, r.Original = p.secret.hide(r.Repaired), p.secret.hideBeginning(r.Original)
	}
	return r
}
