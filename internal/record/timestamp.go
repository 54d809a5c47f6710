package record

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrTimestamp is wrapped by every error of ParseTimestamp.
var ErrTimestamp = errors.New("not an OData timestamp")

// ParseTimestamp reads an Edm.DateTimeOffset as a source writes it, for
// comparing only: what is sent back to the source is always its own text. Any
// number of fraction digits is taken (those behind the ninth are dropped); a
// timestamp without a zone counts as UTC, because some servers leave it out.
func ParseTimestamp(text string) (time.Time, error) {
	const zoneless = "2006-01-02T15:04:05"
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	trimmed := trimFraction(text)
	if t, err := time.Parse(time.RFC3339Nano, trimmed); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(zoneless, trimmed); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("read timestamp %.40q: %w", text, ErrTimestamp)
}

// trimFraction cuts a fraction of seconds to nine digits, the most that Go's
// clock holds.
func trimFraction(text string) string {
	dot := strings.IndexByte(text, '.')
	if dot < 0 {
		return text
	}
	end := dot + 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end-dot-1 <= 9 {
		return text
	}
	return text[:dot+10] + text[end:]
}

// WholeSecond is the second of t as an OData literal. Some sources refuse
// fractions in a filter.
func WholeSecond(t time.Time) string {
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z")
}

// NextSecond is the first whole second after t, as an OData literal. It is the
// bound of a second that is walked by key.
func NextSecond(t time.Time) string {
	return WholeSecond(t.Add(time.Second))
}
