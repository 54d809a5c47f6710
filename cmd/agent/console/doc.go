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
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return plural(int64(d.Hours()/24), "day")
}
