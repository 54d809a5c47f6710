package agent

import (
	"context"
	"errors"
	"fmt"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// A count is a help and no need: it cuts a pass into windows, shows how far it is,
// and confirms an end. Sources that serve their pages well let counts of large
// resources run into time limits, so a count that fails costs the count, and not
// the run.

// countTries is how often a count is asked for, if it fails. Once that was in vain,
// each further count of the stream in this run, which may be a smaller one, has one
// try.
const countTries = 3

// countWithRetry counts, or says once a stream and run that the count cannot be had,
// like of a source that does not count: ok false. It leaves the retrier's row of
// failures as it is: a count that works says nothing about the pages.
//
// An error is one that the pages would meet as well: of the context, of the token,
// or a pause that is longer than the patience.
func countWithRetry(ctx context.Context, source *paced, q record.Query, r *retrier) (n int64, ok bool, err error) {
	n, ok, fault, err := tryCount(ctx, source, q, r)
	if fault != nil {
		source.sayUncounted(q, fault, r)
	}
	return n, ok, err
}

// tryCount is countWithRetry without a word; fault is why there is no count.
func tryCount(ctx context.Context, source *paced, q record.Query, r *retrier) (n int64, ok bool, fault, err error) {
	again := newRetrier(r.what+", count", r.patience, r.observe)
	most := source.countTries(q)
	for try := 1; ; try++ {
		n, ok, err = source.Count(ctx, q)
		if err == nil {
			again.succeeded()
			return n, ok, nil, nil
		}
		fault = err
		if try < most {
			if err = again.pause(ctx, err); err == nil {
				continue
			}
		}
		if asksForAll(ctx, err) {
			return 0, false, nil, err
		}
		source.countFailed(q)
		return 0, false, fault, nil
	}
}

// asksForAll reports whether an error of one request is one of all.
func asksForAll(ctx context.Context, err error) bool {
	var pause *patienceError
	var token tokenRefused
	return ctx.Err() != nil || errors.As(err, &pause) || (errors.As(err, &token) && token.TokenRefused())
}

// total counts what a pass has before it. Where that fails, a page of one record
// tells whether only the count does: a source that is away is waited for, and
// counted once more when it is back.
func (a *Agent) total(ctx context.Context, q record.Query, retry *retrier) (n int64, ok bool, err error) {
	n, ok, fault, err := tryCount(ctx, a.source, q, retry)
	if fault == nil {
		return n, ok, err
	}
	one := q
	one.Top = 1
	err = retry.do(ctx, func() error {
		_, err := a.source.Page(ctx, one, func(record.Record) error { return nil })
		return err
	})
	var t temporary
	switch {
	case err != nil && (asksForAll(ctx, err) || (errors.As(err, &t) && t.Temporary())):
		return 0, false, err
	case err != nil:
		return 0, false, nil // what is wrong with the pages is told by who reads them
	}
	return countWithRetry(ctx, a.source, q, retry)
}

// uncounted are the streams whose count has failed in this run, by feed and resource.
type uncounted map[string]bool

func countName(q record.Query) string { return q.Feed + " " + q.Shape.Resource }

func (p *paced) countTries(q record.Query) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, failed := p.uncounted[countName(q)]; failed {
		return 1
	}
	return countTries
}

func (p *paced) countFailed(q record.Query) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uncounted[countName(q)] = p.uncounted[countName(q)] // from now on it is there; whether it was said stays
}

func (p *paced) sayUncounted(q record.Query, fault error, r *retrier) {
	p.mu.Lock()
	said := p.uncounted[countName(q)]
	p.uncounted[countName(q)] = true
	p.mu.Unlock()
	if !said {
		r.observe(Notice{Warning: true, Text: fmt.Sprintf(
			"%s: the source fails to count (%v); it goes on without: no windows, no percentages, no check of the end by the count", r.what, fault)})
	}
}

// begin forgets what the run before has found out.
func (p *paced) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uncounted = make(uncounted)
}

// compare checks a first backfill against the source's own count.
func (a *Agent) compare(ctx context.Context, s *stream, n checkpoint.Counters, retry *retrier) (*Check, error) {
	count, ok, err := countWithRetry(ctx, a.source, record.Query{Shape: s.shape, Feed: s.feed, Filter: s.filter, All: true}, retry)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", s.name, err)
	}
	if !ok {
		return nil, nil //nolint:nilnil // no count, no check: both are said by the report's nil
	}
	var tally record.Tally
	err = newRetrier("destination, "+s.name, a.config.RetryFor, a.observe).do(ctx, func() error {
		tally, err = a.tables.Tally(ctx, s.name, s.shape)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Check{Source: count, Rows: tally.Rows, Skipped: n.Skipped, Rejected: tally.Rejects, Deleted: n.Deleted}, nil
}
