package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	usualTop = 100
	mostTop  = 10_000
	mostSkip = 100_000
)

// query is what a request for rows asks for.
type query struct {
	def       *resource
	feed      Feed
	filter    expression // nil for all rows
	filterRaw string
	order     []orderTerm
	selected  []*field // nil for all fields
	top, skip int
	count     bool
}

type orderTerm struct {
	field      *field
	descending bool
}

// decodeQuery splits a query string the way the source does: a plus sign and
// an escape of an escape are refused, an option may appear once.
func decodeQuery(raw string) (map[string]string, *refusal) {
	if strings.Contains(raw, "+") {
		return nil, malformed("URI is malformed: a space is written as %%20, not as +")
	}
	for i := 0; i+4 < len(raw); i++ {
		if raw[i:i+3] == "%25" && hexDigit(raw[i+3]) && hexDigit(raw[i+4]) {
			return nil, malformed("URI is malformed")
		}
	}
	options := map[string]string{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.PathUnescape(name)
		value, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, malformed("URI is malformed")
		}
		if _, twice := options[name]; twice {
			return nil, malformed("the query option %s appears twice", name)
		}
		options[name] = value
	}
	return options, nil
}

func hexDigit(c byte) bool { return digit(c) || (lower(c) >= 'a' && lower(c) <= 'f') }

func parseQuery(options map[string]string, def *resource, feed Feed) (*query, *refusal) {
	q := &query{def: def, feed: feed, top: usualTop}
	for name, value := range options {
		var problem *refusal
		switch name {
		case "$filter":
			q.filterRaw = value
			q.filter, problem = parseFilter(value, def, feed)
		case "$orderby":
			q.order, problem = parseOrder(value, def, feed)
		case "$select":
			q.selected, problem = parseSelect(value, def, feed)
		case "$top":
			q.top, problem = parseNumber(name, value, mostTop)
		case "$skip":
			q.skip, problem = parseNumber(name, value, mostSkip)
		case "$skiptoken": // of a next link, in which $skip tells the place
		case "$count":
			if value != "true" && value != "false" {
				problem = malformed("$count is true or false, not %q", value)
			}
			q.count = value == "true"
		default:
			problem = malformed("The query option '%s' is not supported.", name)
		}
		if problem != nil {
			return nil, problem
		}
	}
	return q, nil
}

func parseNumber(name, value string, most int) (int, *refusal) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || value[0] == '+' {
		return 0, malformed("Invalid value '%s' for %s.", value, name)
	}
	if n > most {
		return 0, malformed("The limit of %d for %s was exceeded. The value from the incoming request is %d.", most, name, n)
	}
	return n, nil
}

func parseOrder(value string, def *resource, feed Feed) ([]orderTerm, *refusal) {
	var terms []orderTerm
	for part := range strings.SplitSeq(value, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 {
			return nil, malformed("$orderby cannot be read at %q", part)
		}
		f := def.lookup(feed, words[0])
		if f == nil {
			return nil, unknownField(words[0], def.name)
		}
		if f.kind == kindArray {
			return nil, malformed("%s is a collection and cannot be ordered by", f.name)
		}
		term := orderTerm{field: f}
		if len(words) == 2 {
			if words[1] != "asc" && words[1] != "desc" {
				return nil, malformed("$orderby knows asc and desc, not %q", words[1])
			}
			term.descending = words[1] == "desc"
		}
		if slices.ContainsFunc(terms, func(t orderTerm) bool { return t.field == f }) {
			return nil, malformed("%s appears twice in $orderby", f.name)
		}
		terms = append(terms, term)
	}
	return terms, nil
}

func parseSelect(value string, def *resource, feed Feed) ([]*field, *refusal) {
	chosen := map[*field]bool{}
	for part := range strings.SplitSeq(value, ",") {
		name := strings.TrimSpace(part)
		if name == "*" {
			return nil, nil
		}
		f := def.lookup(feed, name)
		if f == nil {
			return nil, refuse(http.StatusBadRequest,
				"Could not find a property named '%s' on type 'RESO.%s'.", name, def.name)
		}
		chosen[f] = true
	}
	var fields []*field
	for _, f := range def.byFeed[feed] {
		if chosen[f] {
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// columns says by which of the timestamps the rows are asked for: all in
// rising or all in falling order, by timestamp or by timestamp and key. ok is
// false for any other order.
func (q *query) columns() (c column, keyed, descending, ok bool) {
	if len(q.order) == 0 || len(q.order) > 2 {
		return columnNone, false, false, false
	}
	first := q.order[0]
	if first.field.column != columnStamp && first.field.column != columnStamp2 {
		return columnNone, false, false, false
	}
	if len(q.order) == 2 && (q.order[1].field.column != columnKey || q.order[1].descending != first.descending) {
		return columnNone, false, false, false
	}
	return first.field.column, len(q.order) == 2, first.descending, true
}
