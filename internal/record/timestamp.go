package record

import (
	"errors"
	"fmt"
	"time"
)

// ErrTimestamp is wrapped by every error of ParseTimestamp.
var ErrTimestamp = errors.New("not an OData timestamp")

// ParseTimestamp reads an Edm.DateTimeOffset as a source writes it, for
// comparing only: what is sent back to the source is always its own text. All of
// OData's grammar (dateTimeOffsetValue) is taken: seconds may be left out, as
// Java does with zeros, t and z may be small, years may have more than four
// digits or a sign. Beyond it, any number of fraction digits is taken (those
// behind the ninth are dropped), and a timestamp without a zone counts as UTC,
// because some servers leave it out.
//
// What lies outside the years 1 to 9999 counts as the first or the last moment of
// them: no table of SQLite's could sort it, and no listing has changed then.
func ParseTimestamp(text string) (time.Time, error) {
	p, ok := parseTimestamp(text)
	if !ok {
		return time.Time{}, fmt.Errorf("read timestamp %.40q: %w", text, ErrTimestamp)
	}
	t, _ := p.time()
	return t, nil
}

// point is what a timestamp says.
type point struct {
	year, month, day, hour, minute, second, nanosecond int
	offset                                             int // minutes east of UTC
}

// time is the point in UTC, within the years 1 to 9999; fits is false where it
// lies outside them.
func (p point) time() (t time.Time, fits bool) {
	t = time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute-p.offset, p.second, p.nanosecond, time.UTC)
	switch {
	case t.Year() < 1:
		return time.Time{}, false
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), false
	}
	return t, true
}

// notation is a timestamp that is being read.
type notation struct {
	rest string
	bad  bool
}

func parseTimestamp(text string) (p point, ok bool) {
	n := notation{rest: text}
	p.year = n.year()
	n.sign("-", "-")
	p.month = n.two(1, 12)
	n.sign("-", "-")
	p.day = n.two(1, 31)
	n.sign("T", "t")
	p.hour = n.two(0, 23)
	n.sign(":", ":")
	p.minute = n.two(0, 59)
	if n.at(":") {
		n.rest = n.rest[1:]
		p.second = n.two(0, 59)
		if n.at(".") {
			n.rest = n.rest[1:]
			p.nanosecond = n.fraction()
		}
	}
	p.offset = n.zone()
	if n.bad || p.day > daysIn(p.year, p.month) {
		return point{}, false
	}
	return p, true
}

func (n *notation) at(c string) bool { return !n.bad && n.rest != "" && n.rest[0] == c[0] }

func (n *notation) sign(c, or string) {
	if !n.at(c) && !n.at(or) {
		n.bad = true
		return
	}
	n.rest = n.rest[1:]
}

// digits reads all digits that come next.
func (n *notation) digits() string {
	end := 0
	for end < len(n.rest) && n.rest[end] >= '0' && n.rest[end] <= '9' {
		end++
	}
	digits := n.rest[:end]
	n.rest = n.rest[end:]
	n.bad = n.bad || end == 0
	return digits
}

// two reads a number of two digits.
func (n *notation) two(least, most int) int {
	if n.bad || len(n.rest) < 2 {
		n.bad = true
		return 0
	}
	tens, ones := n.rest[0]-'0', n.rest[1]-'0'
	number := int(tens)*10 + int(ones)
	n.bad = tens > 9 || ones > 9 || number < least || number > most
	n.rest = n.rest[2:]
	return number
}

// year has four digits, or more where the first is not zero. One that no time.Time
// holds is brought near, to one with the same leap day.
func (n *notation) year() int {
	negative := n.at("-")
	if negative {
		n.rest = n.rest[1:]
	}
	digits := n.digits()
	if len(digits) < 4 || len(digits) > 4 && digits[0] == '0' {
		n.bad = true
		return 0
	}
	year := 0
	for _, d := range digits {
		if year = year*10 + int(d-'0'); year >= 1_000_000 {
			year = 400_000 + year%400
		}
	}
	if negative {
		return -year
	}
	return year
}

// fraction is that of a second, in nanoseconds.
func (n *notation) fraction() int {
	digits, nanoseconds := n.digits(), 0
	for i := range 9 {
		nanoseconds *= 10
		if i < len(digits) {
			nanoseconds += int(digits[i] - '0')
		}
	}
	return nanoseconds
}

func (n *notation) zone() (minutes int) {
	switch {
	case n.bad || n.rest == "":
		return 0
	case n.rest == "Z" || n.rest == "z":
		return 0
	case n.at("+"), n.at("-"):
		east := 1
		if n.at("-") {
			east = -1
		}
		n.rest = n.rest[1:]
		hours := n.two(0, 23)
		n.sign(":", ":")
		minutes = n.two(0, 59)
		n.bad = n.bad || n.rest != ""
		return east * (hours*60 + minutes)
	}
	n.bad = true
	return 0
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
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

// ClocksApart is how far the agent's clock and the source's may differ before the
// agent's own is not believed: a sync then goes by the source's and says so, and
// an examination says so as well.
const ClocksApart = 5 * time.Minute
