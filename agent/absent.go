package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"resoagent/internal/record"
)

// A source that does not have a resource, or does not let the token see it, says 404
// or 204. Some say so of an empty list as well. A stream that is not there is left
// out of the run and the others go on; a list that is empty is one; and a resource
// that has sent pages of the pass and is gone behind them is an outage, which is
// waited for like any other.

// absent is said by a source's error that means that nothing is there.
type absent interface {
	error
	Absent() bool
	Answer() string // what the source said, without advice
}

func isAbsent(err error) bool {
	var a absent
	return errors.As(err, &a) && a.Absent()
}

// leftOutError is a stream that the source does not have.
type leftOutError struct{ absent }

func (e *leftOutError) Unwrap() error { return e.absent }

// vanishedError is a resource that has sent pages and is gone behind them.
type vanishedError struct{ absent }

func (e *vanishedError) Error() string {
	return e.Answer() + "; it was there before, and its place is kept"
}
func (*vanishedError) Temporary() bool                   { return true }
func (*vanishedError) RetryAfter() (time.Duration, bool) { return 0, false }
func (*vanishedError) Kind() string                      { return "refused" }

// errNoEnd gives the windows up: where they end cannot be told.
var errNoEnd = errors.New("the source says of an empty list that it is not there, and does not count it either")

// emptyList finds out what an error means that says that nothing is there: nil, if
// it is said of a list that is empty. Either the source counts nothing in it, or the
// resource is there when it is asked for by itself. A window is closed for good when
// it ends, so there the count alone is believed, and without it the windows are given
// up: a walk by itself loses nothing by an end that comes too early. A question by
// several keys can be too long for the source, so it is put in parts.
func (f *fetcher) emptyList(ctx context.Context, err error) error {
	var a absent
	if !errors.As(err, &a) || !a.Absent() {
		return err
	}
	n, ok, err := countWithRetry(ctx, f.source, f.query(), f.retry)
	switch {
	case err != nil:
		return err
	case ok && n == 0:
		return nil
	case len(f.only.Keys) > 1:
		return a
	case !ok && f.resourceThere(ctx):
		if f.window > 0 {
			return errNoEnd
		}
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case f.number > 1 || f.page.rows > 0 || f.window > 0:
		return &vanishedError{a}
	}
	return &leftOutError{a}
}

// resourceThere reports whether the source sends any record of the stream.
func (f *fetcher) resourceThere(ctx context.Context) (there bool) {
	q := record.Query{Shape: f.stream.shape, Feed: f.stream.feed, Filter: f.stream.filter, Top: 1}
	_, err := f.source.Page(ctx, q, func(record.Record) error { there = true; return errSomeRow })
	return there && (err == nil || errors.Is(err, errSomeRow))
}

// leaveOut takes a stream out of the run whose resource the source does not have;
// any other error is given back. What was known of the stream stays.
func (a *Agent) leaveOut(report *Report, s *stream, err error) error {
	var e *leftOutError
	if !errors.As(err, &e) {
		return err
	}
	report.LeftOut = append(report.LeftOut, LeftOut{Stream: s.name, Answer: e.Answer(), err: err})
	a.notice(true, "%s is left out: the source has no %s for this token (%s)", s.name, s.shape.Resource, e.Answer())
	return nil
}

// nothingSynced is the error of a run all of whose streams were left out: then it is
// not the streams that are missing.
func (r *Report) nothingSynced() error {
	if len(r.Passes) > 0 || len(r.LeftOut) == 0 {
		return nil
	}
	return fmt.Errorf("nothing was synced: %w", r.LeftOut[0].err)
}
