package reso

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"

	"resoagent/internal/record"
)

// An examination asks what a sync asks, by the same functions, and tells how
// the source took it. It keeps no rows.
const (
	probeRequest = 15 * time.Second // for one question; then the source counts as silent
	probeAll     = 45 * time.Second // for all of them
	probeWait    = 10 * time.Second // the longest pause of a 429 that is waited for
	leastWait    = time.Second      // the shortest, also where none or one that is over is asked for
	probeRows    = 50               // of the page behind the first row
)

// probe is one examination of a source.
type probe struct {
	client *Client
	now    func() time.Time
	report record.Report

	visits  []*visit
	asked   bool
	told    bool // whether it was reached
	waited  bool // a 429 was waited for already; the next one ends the examination
	reached bool // an answer has come, whatever it said
	dates   bool // with a Date header
	skew    time.Duration
	limits  http.Header
	// throttled: what a 429 said that the examination ended by.
	throttled string
	stopped   string // why nothing more is asked of the source; "" while it is
}

// Examine reports how the source stands for each of the subjects, all of which
// it goes through whatever it finds. now is the clock that the source's Date is
// compared with. An error is the context's own.
func (c *Client) Examine(ctx context.Context, subjects []record.Subject, now func() time.Time, report record.Report) error {
	p := &probe{client: c, now: now, report: report, limits: make(http.Header)}
	short, cancel := context.WithTimeout(ctx, probeAll)
	defer cancel()
	refused := make(map[string]string) // by feed that was tried: why nothing more is asked of it
	for _, s := range subjects {
		p.visits = append(p.visits, &visit{probe: p, subject: s, told: make(map[string]bool)})
	}
	for _, v := range p.visits {
		feed := v.subject.Query.Feed
		why, tried := refused[feed]
		if !tried {
			why = p.feed(short, v)
			refused[feed] = why
		}
		if why == "" && p.stopped == "" {
			why = v.run(short)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.stopped == "" && short.Err() != nil {
			p.stopped = fmt.Sprintf("the source is slow: the %s for its checks are over", probeAll)
		}
		v.rest(why)
	}
	p.tellClock()
	p.tellLimits()
	return nil
}

// feed tries a feed for the first time, with the first page that is wanted of
// it. It gives the reason why nothing more is to be asked of the feed.
func (p *probe) feed(ctx context.Context, v *visit) (why string) {
	name := v.subject.Query.Feed + "_token"
	if p.stopped == "" {
		v.opening(ctx)
		p.tellReached(ctx, v.err)
	}
	if p.stopped != "" {
		p.report.NotChecked(name, "%s", p.stopped)
		return p.stopped
	}
	return p.tellToken(name, strings.ToUpper(v.subject.Query.Feed), v.err)
}

// answer is what a page was like.
type answer struct {
	rows     int
	first    record.Record // without its bytes
	good     record.Record // the last one that could be stored, or told a place
	last     record.Record
	bad      int       // rows that would be rejects
	reason   string    // of one of them
	gap      string    // where the timestamps go backwards
	earliest time.Time // of the timestamps
	next     bool      // a next link came
}

// page asks for a page.
func (p *probe) page(ctx context.Context, s record.Subject, q record.Query) (a answer, err error) {
	err = p.question(ctx, s.Pause, func(ctx context.Context) error {
		a = answer{}
		var before time.Time
		b, err := p.client.ask(ctx, q, pageQuery)
		if err != nil {
			return err
		}
		defer b.Close() //nolint:errcheck // an error of closing a body that was read says nothing
		p.note(b.header)
		in := page{resource: q.Shape.Resource, shape: q.Shape, body: b, secret: p.client.secret(), most: most(q), yield: func(r record.Record) error {
			before = a.take(r, before)
			return nil
		}}
		if err = in.read(ctx); err == nil {
			p.client.served.Store(true)
		}
		a.next = in.end().Next != ""
		return err
	})
	return a, err
}

// take looks at one row and gives the time that the next one must not precede.
func (a *answer) take(r record.Record, before time.Time) time.Time {
	r.JSON, r.Values = nil, nil
	if a.rows == 0 {
		a.first = r
	}
	a.rows++
	a.last = r
	if r.Reason != "" {
		a.bad++
		a.reason = r.Reason
	}
	at, err := record.ParseTimestamp(r.Timestamp)
	if err != nil {
		return before
	}
	if r.Reason == "" {
		a.good = r
	}
	if a.earliest.IsZero() || at.Before(a.earliest) {
		a.earliest = at
	}
	if at.Before(before) && a.gap == "" {
		a.gap = fmt.Sprintf("%s comes behind %s", r.Timestamp, before.Format(time.RFC3339Nano))
	}
	return at
}

// question puts one question within its time, and once more behind a pause that
// the source asks for.
func (p *probe) question(ctx context.Context, pause time.Duration, put func(context.Context) error) error {
	for {
		if p.asked {
			if err := wait(ctx, pause); err != nil {
				return err
			}
		}
		p.asked = true
		err := p.attempt(ctx, put)
		var e *Error
		if errors.As(err, &e) && e.Status != 0 {
			p.note(e.header)
		}
		if e == nil || !e.Throttled() {
			return err
		}
		asked, named := e.RetryAfter()
		if p.waited || !named || asked > probeWait {
			p.stopped = "the source asks for fewer requests (HTTP 429)"
			p.throttled = "the source answers HTTP 429"
			if named {
				p.throttled += fmt.Sprintf(" and asks to wait for %s", asked)
			}
			return err
		}
		p.waited = true
		if err := wait(ctx, max(asked, leastWait)); err != nil {
			return err
		}
	}
}

// attempt bounds a question in time and says how far it came by then.
func (p *probe) attempt(ctx context.Context, put func(context.Context) error) error {
	connected := false
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	short, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, trace), probeRequest)
	defer cancel()
	err := put(short)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case short.Err() != nil || errors.Is(err, errStalled):
		return &silence{host: p.client.root.Host, connected: connected}
	}
	return err
}

// note keeps what the headers of an answer say of clock and limits.
func (p *probe) note(h http.Header) {
	p.reached = true
	for name, values := range h {
		if plain := strings.ReplaceAll(strings.ToLower(name), "-", ""); strings.Contains(plain, "ratelimit") && len(values) > 0 {
			p.limits[name] = values
		}
	}
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	// The header has whole seconds, and is as old as the answer was slow: the
	// quickest answer tells best.
	skew := p.now().Sub(at.Add(500 * time.Millisecond))
	if !p.dates || skew.Abs() < p.skew.Abs() {
		p.skew = skew
	}
	p.dates = true
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// tellLimits shows the headers that speak of rates.
func (p *probe) tellLimits() {
	const name = "rate_limit"
	if p.throttled != "" {
		p.report.Warning(name, "run this again later; a sync waits by itself for as long as --retry-for, a longer --property-throttle and its like keep it from happening",
			"%s", p.throttled)
		return
	}
	if !p.reached {
		p.report.NotChecked(name, "%s", p.stopped)
		return
	}
	if len(p.limits) == 0 {
		p.report.OK(name, "the source sends no headers about it")
		return
	}
	var lines []string
	for header, values := range p.limits {
		lines = append(lines, header+": "+clip(p.client.secret().hide(values[0]), 40))
	}
	slices.Sort(lines)
	p.report.OK(name, "%s", clip(strings.Join(lines, ", "), 200))
}

// tellClock warns of what a sync warns of, and goes on with.
func (p *probe) tellClock() {
	const name = "clock"
	skew := p.skew.Round(time.Second)
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	switch {
	case !p.reached:
		p.report.NotChecked(name, "%s", p.stopped)
	case !p.dates:
		p.report.NotChecked(name, "the source sends no Date")
	case skew.Abs() > record.ClocksApart:
		p.report.Warning(name, "set this host's clock (NTP); until then a sync goes by the source's, which its timestamps are made by",
			"this host's clock is %s %s the source's", skew.Abs(), side)
	default:
		p.report.OK(name, "this host's clock agrees with the source's")
	}
}
