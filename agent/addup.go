package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/record"
)

// Every pass adds up. When a walk has ended, the span that it read is counted at
// the source and held against what came in it. The span is closed and lies behind
// the walk's beginning, so rows that move on or leave meanwhile are in neither
// number. Where the source counts more, it may have hidden records of the last
// instant behind timestamps that it prints rounded: that is walked again, by key.
// If that is not all, the whole span is, or in a full pass what is young: a source
// may commit that late. What another count still shows is a gap; of what is young,
// if the next pass, which reads it again (--lookback), finds the same. A crash in
// here leaves the walk where it ended, and the next start counts again.

// shortfall is what a walk lacks of what the source counts.
type shortfall struct {
	counted  bool  // the source has counted, whenever it was asked
	records  int64 // for sure
	young    int64 // perhaps on their way
	unlisted int64 // without a timestamp, and the source does not list them
	whole    bool  // records is about all of the stream, walked by time and by key to its end
}

// errUncounted: the source did not count when it was asked again. Then nothing is
// known, neither of a gap nor of its end.
var errUncounted = errors.New("the source does not count any more")

// check holds one walk against the source.
type check struct {
	agent  *Agent
	ledger *ledger
	fetch  *fetcher
	write  *writer
	retry  *retrier
	span   checkpoint.Span
	forced bool
	full   bool
	before int64 // what the pass lacks in its windows
	known  int64 // the source's miscount
}

// run gives the shortfall of a walk whose records have all arrived; write bounds
// what is stored.
func (c *check) run(ctx, write context.Context) (shortfall, error) {
	s := shortfall{counted: true}
	err := c.compare(ctx, write, &s)
	if err == nil && c.forced && c.fetch.window == 0 && s.records+c.before > 0 {
		err = c.allByKey(ctx, write, &s)
	}
	if err == nil && c.full && c.fetch.window == 0 {
		err = c.unstamped(ctx, write, &s)
	}
	if errors.Is(err, errUncounted) {
		return shortfall{}, nil
	}
	return s, err
}

// compare counts the span, and looks for what is missing in it.
func (c *check) compare(ctx, write context.Context, s *shortfall) error {
	n, err := c.count(ctx, record.Query{From: c.span.From, Before: c.span.Before})
	if err != nil || n <= c.fetch.tally.came+c.fetch.tally.young {
		return err
	}
	if err := c.write.finish(write, false); err != nil {
		return err
	}
	if err := c.lastInstant(ctx); err != nil {
		return err
	}
	if s.records, s.young, err = c.recount(ctx); err != nil {
		return err
	}
	if s.young > 0 || s.records > c.known && !c.full {
		s.records, s.young, err = c.readAgain(ctx)
	}
	return err
}

// count asks how many records a query has; all that it says of a cursor is void.
func (c *check) count(ctx context.Context, q record.Query) (int64, error) {
	st := c.fetch.stream
	q.Shape, q.Feed, q.Filter, q.All = st.shape, st.feed, st.filter, true
	n, ok, err := countWithRetry(ctx, c.fetch.source, q, c.retry)
	switch {
	case err != nil:
		return 0, fmt.Errorf("count %s: %w", st.name, err)
	case !ok:
		return 0, errUncounted
	}
	return n, nil
}

// recount counts the span once more: what surely came already, and what is young.
func (c *check) recount(ctx context.Context) (records, young int64, err error) {
	t := &c.fetch.tally
	if t.before.IsZero() {
		n, err := c.count(ctx, record.Query{From: c.span.From, Before: c.span.Before})
		if err != nil {
			return 0, 0, err
		}
		return max(0, n-t.came), 0, nil
	}
	later, err := c.count(ctx, record.Query{From: c.span.Before})
	if err != nil {
		return 0, 0, err
	}
	// Records that came stamped behind the span and are counted in it.
	misprinted := max(0, t.later+t.loose-later)
	if t.from.Before(t.old) {
		n, err := c.count(ctx, record.Query{From: c.span.From, Before: c.span.Old})
		if err != nil {
			return 0, 0, err
		}
		records = max(0, n-t.came-misprinted)
		misprinted = max(0, misprinted-max(0, n-t.came))
	}
	n, err := c.count(ctx, record.Query{From: c.span.Old, Before: c.span.Before})
	if err != nil {
		return 0, 0, err
	}
	return records, max(0, n-t.young-misprinted), nil
}

// lastInstant walks by key around the last timestamp that came: a source that
// prints it rounded has records of it before and behind what it prints.
func (c *check) lastInstant(ctx context.Context) error {
	at, err := record.ParseTimestamp(cmp.Or(c.fetch.position.Timestamp, c.fetch.saved.Timestamp))
	if err != nil {
		return nil //nolint:nilerr // nothing has come: there is no last instant
	}
	from := at.Truncate(time.Second).Add(-time.Second)
	f := c.keyWalk()
	f.bounds = boundsOf(record.WholeSecond(from), record.WholeSecond(from.Add(2*time.Second)))
	f.tally = c.fetch.tally
	_, err = c.walk(ctx, f)
	c.fetch.tally = f.tally
	return err
}

// readAgain walks once more, by key, what may have been hidden or committed since
// the walk came by: all of the span, which the pass before may have had to read in
// the same way, or in a full pass what is young. It gives what is missing then.
func (c *check) readAgain(ctx context.Context) (records, young int64, err error) {
	t, f := &c.fetch.tally, c.keyWalk()
	from := c.span.From
	if c.full {
		from = c.span.Old
	}
	f.bounds = boundsOf(from, c.span.Before)
	f.tally.old, f.tally.before = t.old, t.before
	if _, err := c.walk(ctx, f); err != nil {
		return 0, 0, err
	}
	again := &f.tally
	n, err := c.count(ctx, record.Query{From: from, Before: c.span.Before})
	if err != nil || !c.full && n <= again.came+again.young+again.later {
		return 0, 0, err // whatever they are stamped, all that are counted have come
	}
	if !c.full {
		t.came = max(t.came, again.came)
	}
	t.young = max(t.young, again.young)
	return c.recount(ctx)
}

// keyWalk is a walk by key, beside the walk that is checked.
func (c *check) keyWalk() *fetcher {
	a, st := c.agent, c.fetch.stream
	f := a.fetcher(st, checkpoint.Place{}, newRetrier("source, "+st.name, a.config.RetryFor, a.observe))
	f.byKey, f.observe = true, a.quiet
	f.againUntil = time.Unix(math.MaxInt32, 0).AddDate(10_000, 0, 0) // only what is new counts
	return f
}

// walk stores what a walk by key brings with the pass, which stays where it is.
// answered is false where the source does not take such questions, or answers in
// circles.
func (c *check) walk(ctx context.Context, f *fetcher) (answered bool, err error) {
	w := c.agent.writer(c.ledger, c.write.runID)
	w.forced, w.observe = c.forced, c.agent.quiet
	w.beside = func(s *checkpoint.Stream, n checkpoint.Counters) { s.Counters.Add(n) }
	err = c.agent.walk(ctx, f, w)
	var r refused
	if errors.Is(err, ErrStuck) || errors.As(err, &r) && r.Refused() {
		return false, nil
	}
	return err == nil, err
}

// unstamped fetches, at the end of a full pass that is short of them, the records
// that no question by timestamp meets: those without one, and those from before
// the time at which the walk began. What the source will not list is a shortfall.
func (c *check) unstamped(ctx, write context.Context, s *shortfall) error {
	all, err := c.count(ctx, record.Query{})
	if err != nil {
		return err
	}
	stamped, err := c.count(ctx, record.Query{From: record.WholeSecond(epoch())})
	if err != nil || all <= stamped {
		return err
	}
	if err := c.write.finish(write, false); err != nil {
		return err
	}
	left := all - stamped
	null, early := c.keyWalk(), c.keyWalk()
	null.null, early.bounds = true, boundsOf("", record.WholeSecond(epoch()))
	answered := true
	for _, f := range []*fetcher{null, early} {
		if left <= 0 {
			break
		}
		ok, err := c.walk(ctx, f)
		if err != nil {
			return err
		}
		left, answered = left-f.tally.came, answered && ok
	}
	if n := null.tally.came; n > 0 {
		c.agent.notice(false, "%s: %d records without a timestamp were fetched by their keys; they are in no answer about what has changed, so a forced sync alone sees them change",
			c.fetch.stream.name, n)
	}
	if !answered {
		s.unlisted = max(0, left)
	}
	return nil
}

// allByKey is the last resort of a forced pass that is short: all of the stream
// by key. What even that does not bring is a miscount of the source.
func (c *check) allByKey(ctx, write context.Context, s *shortfall) error {
	st := c.fetch.stream
	c.agent.notice(false, "%s: the source counts %d records more than came; walking all of it by key", st.name, s.records+c.before)
	if err := c.write.finish(write, false); err != nil {
		return err
	}
	f := c.keyWalk()
	f.bounds = boundsOf("", c.span.Old)
	answered, err := c.walk(ctx, f)
	if err != nil {
		return err
	}
	n, err := c.count(ctx, record.Query{Before: c.span.Old})
	if err != nil {
		return err
	}
	if n <= f.tally.came || answered {
		s.records, s.whole = max(0, min(s.records+c.before, n-f.tally.came)), true
	}
	return nil
}
