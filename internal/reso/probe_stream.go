package reso

import (
	"context"
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"

	"resoagent/internal/record"
)

// The checks of one stream, by the ends of their names.
const (
	checkPage   = "page"
	checkCount  = "count"
	checkKeyset = "keyset"
	checkSize   = "page_size"
	checkOrder  = "order"
	checkLink   = "next_link"
)

// visit is the examination of one stream.
type visit struct {
	*probe
	subject record.Subject
	told    map[string]bool

	opened bool
	head   answer // the one-row page that everything begins with
	err    error

	count   int64
	counted bool
	next    bool   // a next link came with one of the pages
	more    bool   // one of the pages had more behind it
	paged   int    // pages that had an order to keep
	broken  int    // those of them that did not
	gap     string // where one did not
}

// opening asks for the one-row page, once.
func (v *visit) opening(ctx context.Context) {
	if v.opened {
		return
	}
	v.opened = true
	q := v.subject.Query
	q.Top = 1
	v.head, v.err = v.page(ctx, v.subject, q)
}

// run makes the checks. It gives the reason why those that it did not report
// could not be made.
func (v *visit) run(ctx context.Context) (why string) {
	v.opening(ctx)
	if v.over(ctx) {
		return ""
	}
	if v.err != nil {
		found, do := v.explain(v.err)
		if v.filterRefused(ctx) {
			found, do = fmt.Sprintf("the source does not take the filter %s: %s", v.subject.Query.Filter, found), "correct --"+v.subject.FilterFlag
		}
		if v.absent() && !v.subject.Named && v.othersAnswer(ctx) {
			v.warn(checkPage, "leave the stream out, or ask the provider for it; a sync leaves it out and goes on",
				"the source has no %s for this token: %s", v.subject.Query.Shape.Resource, short(v.err))
			return "the source does not have it"
		}
		v.fail(checkPage, do, "%s", found)
		return "the first page failed"
	}
	place := v.checkPage(ctx)
	if !v.over(ctx) {
		v.checkCount(ctx)
	}
	switch {
	case v.over(ctx):
		return ""
	case v.head.rows == 0:
		return "there is no record to try it with"
	case place == (record.Cursor{}):
		return "no record tells a place"
	}
	for _, check := range []func(context.Context){
		func(ctx context.Context) { v.checkKeyset(ctx, place) },
		v.checkSize,
		v.checkOrder,
	} {
		if check(ctx); v.over(ctx) {
			return ""
		}
	}
	v.checkLink()
	return ""
}

// filterRefused reports whether the first page was refused for its filter, which
// is the operator's own text: the source takes the same question without it.
func (v *visit) filterRefused(ctx context.Context) bool {
	var e *Error
	if v.subject.Query.Filter == "" || !errors.As(v.err, &e) || !e.Refused() {
		return false
	}
	q := v.subject.Query
	q.Top, q.Filter = 1, ""
	_, err := v.page(ctx, v.subject, q)
	return err == nil
}

// absent reports whether the source says that it does not have the resource.
func (v *visit) absent() bool {
	var e *Error
	return errors.As(v.err, &e) && e.Absent()
}

// othersAnswer reports whether the source has any of the other streams: else it is
// not the stream that is missing.
func (v *visit) othersAnswer(ctx context.Context) bool {
	for _, other := range v.visits {
		if v.over(ctx) {
			return false
		}
		if other.opening(ctx); other.err == nil {
			return true
		}
	}
	return false
}

// over reports whether nothing more is to be asked.
func (v *visit) over(ctx context.Context) bool { return ctx.Err() != nil || v.stopped != "" }

// checkPage looks at the first record, and, where that one would be a reject,
// whether it is the only one. It gives a place to go on from.
func (v *visit) checkPage(ctx context.Context) record.Cursor {
	shape, a := v.subject.Query.Shape, v.head
	if a.bad > 0 {
		q := v.subject.Query
		q.Top = probeRows
		more, err := v.look(ctx, q)
		if v.over(ctx) {
			return record.Cursor{}
		}
		if err == nil {
			a = more
		}
	}
	switch {
	case a.rows == 0:
		v.ok(checkPage, "there are no records")
	case a.bad == 0:
		v.ok(checkPage, "%s and %s are there and readable", shape.Key, shape.Timestamp)
	case a.bad == a.rows:
		v.fail(checkPage, "ask the provider whether this token sees these fields; such records cannot be stored",
			"none of %s can be stored: %s", plural(a.rows, "record"), v.client.secret().hide(a.reason))
	default:
		v.warn(checkPage, "a sync keeps such records in agent_reject; 'agent rejects' will list them",
			"%d of %s cannot be stored: %s", a.bad, plural(a.rows, "record"), v.client.secret().hide(a.reason))
	}
	return record.Cursor{Timestamp: a.good.Timestamp, Key: a.good.Key}
}

func (v *visit) checkCount(ctx context.Context) {
	var n int64
	var ok bool
	err := v.question(ctx, v.subject.Pause, func(ctx context.Context) (err error) {
		n, ok, err = v.client.Count(ctx, v.subject.Query)
		return err
	})
	switch {
	case v.over(ctx):
	case err != nil:
		found, _ := v.explain(err)
		v.warn(checkCount, "ask the provider; a sync goes on without counts: no percentages, no windows, no check for completeness",
			"the source fails to count: %s", found)
	case !ok:
		v.warn(checkCount, "nothing; progress has no percentages, and a backfill cannot be checked for completeness",
			"the source does not count ($count)")
	default:
		v.count, v.counted = n, true
		v.ok(checkCount, "%s", plural(int(n), "record"))
	}
}

// checkKeyset asks for what lies behind a record, as every page but the first
// is asked for.
func (v *visit) checkKeyset(ctx context.Context, place record.Cursor) {
	q := v.subject.Query
	q.After, q.Top = place, probeRows
	a, err := v.look(ctx, q)
	if v.over(ctx) {
		return
	}
	var e *Error
	switch before, _ := record.ParseTimestamp(place.Timestamp); {
	case errors.As(err, &e) && e.Refused():
		v.fail(checkKeyset, "tell the provider: without it there is no paging that never skips a record",
			"the filter by timestamp and key is refused: %s", short(err))
	case err != nil:
		found, do := v.explain(err)
		v.fail(checkKeyset, do, "%s", found)
	case a.rows > 0 && a.earliest.Before(before):
		v.fail(checkKeyset, "tell the provider: pages would repeat for ever",
			"the filter is not kept: %s comes behind %s", record.WholeSecond(a.earliest), place.Timestamp)
	case a.rows > 0 && a.first.Key == place.Key && a.first.Timestamp == place.Timestamp:
		v.checkSecond(ctx, q)
	default:
		v.ok(checkKeyset, "the filter by timestamp and key is accepted")
	}
	if a.gap != "" { // as a sync does: once more, in case it was changing
		_, _ = v.look(ctx, q) // it is the order that counts
	}
}

// checkSecond asks as a sync does whose place has not moved: for the rest of the
// second, by key alone.
func (v *visit) checkSecond(ctx context.Context, q record.Query) {
	at, err := record.ParseTimestamp(q.After.Timestamp)
	if err != nil {
		return // the source's own text, which was asked for before
	}
	q.ByKey, q.From, q.Before = true, q.After.Timestamp, record.NextSecond(at)
	a, err := v.page(ctx, v.subject, q)
	switch {
	case v.over(ctx):
	case err != nil:
		found, do := v.explain(err)
		v.fail(checkKeyset, do, "asked for a second by key: %s", found)
	case a.rows > 0 && a.first.Key == q.After.Key:
		v.fail(checkKeyset, "tell the provider: pages would repeat for ever", "the filter is not kept: the same record comes again and again")
	default:
		v.ok(checkKeyset, "accepted; the source filters by finer timestamps than it prints, which the agent allows for")
	}
}

// look asks for a page and notes what every page tells.
func (v *visit) look(ctx context.Context, q record.Query) (answer, error) {
	a, err := v.page(ctx, v.subject, q)
	if err != nil {
		return a, err
	}
	v.next = v.next || a.next
	v.more = v.more || a.rows >= q.Top
	if a.rows > 1 {
		v.paged++
	}
	if a.gap != "" {
		v.broken++
		v.gap = a.gap
	}
	return a, nil
}

func (v *visit) checkOrder(context.Context) {
	order := v.subject.Query.Shape.Timestamp
	switch {
	case v.paged == 0:
		v.report.NotChecked(v.name(checkOrder), "there are too few records")
	case v.broken > 1:
		v.fail(checkOrder, "tell the provider that $orderby is not kept; a sync stops rather than skip records",
			"%s goes backwards inside pages: %s", order, v.gap)
	case v.broken == 1:
		v.warn(checkOrder, "if a sync reports it as well, tell the provider", "%s went backwards inside one page: %s", order, v.gap)
	default:
		v.ok(checkOrder, "pages come in the order of %s", order)
	}
}

func (v *visit) checkLink() {
	switch {
	case v.next:
		v.ok(checkLink, "sent; the agent does not need it")
	case v.more:
		v.ok(checkLink, "not sent; the agent does not need it")
	default:
		v.ok(checkLink, "no page had another behind it; the agent does not need it")
	}
}

func (v *visit) name(check string) string {
	v.told[check] = true
	return v.subject.Stream + "." + check
}

func (v *visit) ok(check, format string, args ...any) { v.report.OK(v.name(check), format, args...) }

func (v *visit) warn(check, do, format string, args ...any) {
	v.report.Warning(v.name(check), do, format, args...)
}

func (v *visit) fail(check, do, format string, args ...any) {
	v.report.Failure(v.name(check), do, format, args...)
}

// rest reports the checks that were not made.
func (v *visit) rest(why string) {
	if v.stopped != "" {
		why = v.stopped
	}
	for _, check := range []string{checkPage, checkCount, checkKeyset, checkSize, checkOrder, checkLink} {
		if !v.told[check] {
			v.report.NotChecked(v.name(check), "%s", why)
		}
	}
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + one + "s"
}
