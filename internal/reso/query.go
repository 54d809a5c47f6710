package reso

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"resoagent/internal/record"
)

// start is where a walk from the beginning starts, as the vendor documents it.
func start() record.Cursor { return record.Cursor{Timestamp: "1970-01-01T00:00:00Z", Key: "0"} }

// pageQuery is the query string of a page.
func pageQuery(q record.Query) (string, error) {
	filter, err := filter(q)
	if err != nil {
		return "", err
	}
	order := q.Shape.Timestamp + "," + q.Shape.Key
	if q.ByKey {
		order = q.Shape.Key
	}
	if filter == "" { // all records by key, from the first
		return encode("$orderby", order, "$top", strconv.Itoa(q.Top)), nil
	}
	return encode("$filter", filter, "$orderby", order, "$top", strconv.Itoa(q.Top)), nil
}

// countQuery is the query string that counts what a walk still has before it.
func countQuery(q record.Query) (string, error) {
	filter, err := filter(q)
	if err != nil {
		return "", err
	}
	if filter == "" {
		return encode("$count", "true", "$top", "0"), nil
	}
	return encode("$filter", filter, "$count", "true", "$top", "0"), nil
}

// filter is the $filter of a query: the vendor's own form where it stands alone.
// Two parts stand in parentheses, so that an "or" inside one does not reach into
// the other.
func filter(q record.Query) (string, error) {
	var parts []string
	if q.Filter != "" {
		parts = append(parts, q.Filter)
	}
	if len(q.Only.Keys) > 0 {
		parts = append(parts, only(q.Only))
	}
	span, err := span(q)
	if err != nil {
		return "", err
	}
	if q.ByKey {
		if q.Null {
			span = append(span, q.Shape.Timestamp+" eq null")
		}
		if q.After.Key != "" {
			span = append(span, q.Shape.Key+" gt "+quote(q.After.Key))
		}
		if len(span) > 0 {
			parts = append(parts, strings.Join(span, " and "))
		}
	} else {
		parts = append(parts, span...)
	}
	// From says all that the beginning of a walk would.
	if !q.All && !q.ByKey && (q.From == "" || q.After != (record.Cursor{})) {
		keyset, err := keyset(q)
		if err != nil {
			return "", err
		}
		parts = append(parts, keyset)
	}
	if len(parts) < 2 {
		return strings.Join(parts, ""), nil
	}
	return "(" + strings.Join(parts, ") and (") + ")", nil
}

// span bounds a query to a window.
func span(q record.Query) (parts []string, err error) {
	for _, bound := range []struct{ operator, at string }{{"ge", q.From}, {"lt", q.Before}} {
		if bound.at == "" {
			continue
		}
		if err := literal(bound.at); err != nil {
			return nil, err
		}
		parts = append(parts, q.Shape.Timestamp+" "+bound.operator+" "+bound.at)
	}
	return parts, nil
}

// only bounds a query to a few values of a field: by the operator in, which is
// short, or, for sources that lack it, by comparing with each.
func only(o record.Only) string {
	if len(o.Keys) == 1 || o.NoIn {
		terms := make([]string, len(o.Keys))
		for i, k := range o.Keys {
			terms[i] = o.Field + " eq " + quote(k)
		}
		return strings.Join(terms, " or ")
	}
	quoted := make([]string, len(o.Keys))
	for i, k := range o.Keys {
		quoted[i] = quote(k)
	}
	return o.Field + " in (" + strings.Join(quoted, ",") + ")"
}

// keyset bounds a query to what lies behind the cursor. The timestamp is the
// source's own text, never printed again: a source may filter by more digits
// than it likes to see, or refuse fractions.
func keyset(q record.Query) (string, error) {
	ts, key, after := q.Shape.Timestamp, q.Shape.Key, q.After
	if after == (record.Cursor{}) {
		after = start()
	}
	if err := literal(after.Timestamp); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s gt %s or (%s eq %s and %s gt %s)",
		ts, after.Timestamp, ts, after.Timestamp, key, quote(after.Key)), nil
}

// literal refuses a timestamp that could not stand in a filter unquoted: it
// came from the source and must not be able to change the question.
func literal(timestamp string) error {
	for _, c := range timestamp {
		if (c < '0' || c > '9') && !strings.ContainsRune("TtZz:.+-", c) {
			return fmt.Errorf("build filter: timestamp %.40q: %w", timestamp, record.ErrTimestamp)
		}
	}
	return nil
}

func quote(key string) string { return "'" + strings.ReplaceAll(key, "'", "''") + "'" }

// encode makes a query string of names and values. A space is %20: url.Values
// writes a plus, which the source refuses; and the dollar signs stay as they
// are, since not every server decodes names.
func encode(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(url.QueryEscape(pairs[i+1]), "+", "%20"))
	}
	return b.String()
}
