package console

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"resoagent/agent"
)

// problem is what is wrong at present.
func problem(w io.Writer, s agent.Status) {
	if p := s.Problem; p != nil {
		label := "PROBLEM:"
		for _, line := range wrapped(p.Text) {
			say(w, "%-17s %s", label, line)
			label = ""
		}
		say(w, "                  since %s (%s), %s;", p.Since.UTC().Format("2006-01-02 15:04:05Z"), ago(&p.Since, s.At), plural(int64(p.Times), "failure"))
		say(w, "                  %s", Trying(s))
		say(w, "")
	}
	for _, st := range s.Streams {
		if g := st.Gap; g != nil {
			say(w, "GAP:              %s: %s counted by the source, but not sent:", st.Name, plural(g.Count, "record"))
			say(w, "                  %s; found %s", Between(*g), age(g.Since, s.At))
			say(w, "")
		}
	}
}

// Between is the span of a gap.
func Between(g agent.GapStatus) string {
	return cmp.Or(g.From, "the beginning") + " to " + g.Before
}

// Trying says what is done about the problem that a status names.
func Trying(s agent.Status) string {
	p := s.Problem
	switch {
	case s.Run != nil && p.RetryAt == nil:
		return "the run under way tries again"
	case s.Run != nil:
		next := "under way"
		if wait := p.RetryAt.Sub(s.At); wait > 0 {
			next = "in " + wholeSpan(wait)
		}
		text := fmt.Sprintf("attempt %d %s", p.Attempt, next)
		if p.GivesUpAt != nil {
			text += fmt.Sprintf("; this run gives up in %s", wholeSpan(p.GivesUpAt.Sub(s.At)))
		}
		return text
	case p.RetryAt != nil && p.RetryAt.After(s.At):
		return fmt.Sprintf("the next run tries again in %s (%s)", wholeSpan(p.RetryAt.Sub(s.At)), p.RetryAt.UTC().Format("15:04:05Z"))
	case s.Agent != nil:
		return "the next run is about to begin"
	}
	return "nothing tries again until 'agent sync' or 'agent run' is started"
}

// Stalled reports whether the run under way stores nothing because of a problem.
func Stalled(s agent.Status) bool {
	return s.Run != nil && s.Problem != nil && s.Problem.RetryAt != nil && s.Run.QuietSeconds >= s.At.Sub(s.Problem.Since).Seconds()
}

// mostProblem is how much of the present problem's text is shown.
const mostProblem = 240

// wrapped breaks a text into a few lines that stand behind a label on a terminal of
// 80 columns.
func wrapped(s string) []string {
	lines := strings.Split(text.WrapSoft(text.Trim(s, mostProblem), 62), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

func quiet(s agent.Status) string {
	return wholeSpan(time.Duration(s.Run.QuietSeconds * float64(time.Second)))
}
