package reso

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"

	"resoagent/internal/record"
)

// checkSize asks for a page of the batch size that is set, of whole records as a
// sync does: some servers allow more where only a few fields are asked for. A
// server may send fewer rows than it was asked for, and some do without a word.
func (v *visit) checkSize(ctx context.Context) {
	q := v.subject.Query
	a, err := v.look(ctx, q)
	if v.over(ctx) {
		return
	}
	var e *Error
	switch {
	case errors.As(err, &e) && e.Refused():
		v.tellRefusedSize(q.Top, err)
	case errors.As(err, new(*silence)) && a.rows > 0:
		v.ok(checkSize, "asked for %s, accepted; %s came within %s", plural(q.Top, "row"), humanize.Comma(int64(a.rows)), probeRequest)
	case errors.As(err, new(*silence)):
		v.report.NotChecked(v.name(checkSize), "a page of %s did not come within %s", plural(q.Top, "row"), probeRequest)
	case err != nil:
		found, do := v.explain(err)
		v.fail(checkSize, do, "asked for %s: %s", plural(q.Top, "row"), found)
	case a.rows < q.Top && a.rows > 0 && a.last.Key != "" && a.last.Timestamp != "":
		v.checkCap(ctx, q.Top, a)
	default:
		v.ok(checkSize, "asked for %s, %s came", plural(q.Top, "row"), humanize.Comma(int64(a.rows)))
	}
}

func (v *visit) tellRefusedSize(set int, err error) {
	allowed := "what the provider allows, such as 1000"
	var e *Error
	if errors.As(err, &e) && e.PageLimit() > 0 && e.PageLimit() < set {
		allowed = strconv.Itoa(e.PageLimit())
	}
	v.fail(checkSize, fmt.Sprintf("set --%s to %s", v.subject.SizeFlag, allowed), "asked for %s: %s", plural(set, "row"), short(err))
}

// checkCap finds out whether a page with fewer rows than were asked for is the
// last one.
func (v *visit) checkCap(ctx context.Context, asked int, a answer) {
	q := v.subject.Query
	q.After, q.Top = record.Cursor{Timestamp: a.last.Timestamp, Key: a.last.Key}, 1
	behind, err := v.page(ctx, v.subject, q)
	switch {
	case v.over(ctx):
	case err != nil:
		found, do := v.explain(err)
		v.fail(checkSize, do, "asked for what lies behind %s: %s", plural(a.rows, "row"), found)
	case behind.rows > 0 && behind.first.Key != a.last.Key:
		v.warn(checkSize, fmt.Sprintf("set --%s %d; nothing is lost as it is, only time", v.subject.SizeFlag, a.rows),
			"asked for %s, %s came: a silent cap", plural(asked, "row"), humanize.Comma(int64(a.rows)))
	case v.counted && v.count > int64(a.rows):
		v.warn(checkSize, "run this again; a sync stops if the source goes on to count more than it sends",
			"%s came and nothing lies behind, but the source counts %s", plural(a.rows, "row"), humanize.Comma(v.count))
	default:
		v.ok(checkSize, "asked for %s, all %s came", plural(asked, "row"), humanize.Comma(int64(a.rows)))
	}
}
