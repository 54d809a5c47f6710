// Package console is what a person sees of the agent: the phases of a run with
// their batches, a progress bar on a terminal, the summary, and the tables of
// 'agent status'; and the same events as one JSON object a line for machines.
//
// Rules for output: what was asked for goes to standard output, errors and
// hints to standard error. Nothing but text is written into a pipe: no colours,
// no cursor movements, no bars.
package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// number is a count with thousands separators.
func number(n int64) string { return humanize.Comma(n) }

// size is a number of bytes for people.
func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// plural is a count with its noun.
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + one + "s"
}

// duration is a length of time in the two largest units that say something.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d.Round(100*time.Millisecond) == time.Second:
		return "1 second"
	case d < 10*time.Second:
		return strings.TrimSuffix(d.Round(100*time.Millisecond).String(), "s") + " seconds"
	case d < time.Minute:
		return plural(int64(d.Round(time.Second).Seconds()), "second")
	}
	d = d.Round(time.Second)
	hours, minutes, seconds := int64(d.Hours()), int64(d.Minutes())%60, int64(d.Seconds())%60
	switch {
	case hours > 0 && minutes > 0:
		return plural(hours, "hour") + " " + plural(minutes, "minute")
	case hours > 0:
		return plural(hours, "hour")
	case seconds > 0:
		return plural(minutes, "minute") + " " + plural(seconds, "second")
	}
	return plural(minutes, "minute")
}

// Span is a length of time that fits a column of a table.
func Span(d time.Duration) string {
	whole := func(n int64, unit string, rest int64, restUnit string) string {
		if rest == 0 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		return fmt.Sprintf("%d %s %02d %s", n, unit, rest, restUnit)
	}
	// What is shown is rounded, so it is rounded before its unit is chosen.
	switch {
	case d.Round(time.Millisecond) < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d.Round(100*time.Millisecond) < time.Minute:
		return fmt.Sprintf("%.1f s", d.Round(100*time.Millisecond).Seconds())
	case d.Round(time.Second) < time.Hour:
		n := int64(d.Round(time.Second).Seconds())
		return whole(n/60, "min", n%60, "s")
	case d.Round(time.Minute) < 48*time.Hour:
		n := int64(d.Round(time.Minute).Minutes())
		return whole(n/60, "h", n%60, "min")
	}
	return plural(int64(d.Hours()/24), "day")
}

// wholeSpan is a length of time in whole seconds, at least one: what is waited for, or
// has lasted, needs no tenths.
func wholeSpan(d time.Duration) string {
	d = max(time.Second, d.Round(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%d s", int64(d.Seconds()))
	}
	return Span(d)
}

// oneLine puts a text that drivers and sources spread over several lines into one.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
