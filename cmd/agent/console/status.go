package console

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"resoagent/agent"
)

// Status shows a status as tables, narrow enough for a terminal of 80 columns.
func Status(w io.Writer, s agent.Status) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	if p := s.Problem; p != nil {
		label := "PROBLEM:"
		for _, line := range wrapped(p.Text) {
			say("%-17s %s", label, line)
			label = ""
		}
		say("                  since %s (%s), %s;", p.Since.UTC().Format("2006-01-02 15:04:05Z"), ago(&p.Since, s.At), plural(int64(p.Times), "failure"))
		say("                  %s", Trying(s))
		say("")
	}
	say("State directory:  %s", s.StateDir)
	say("Agent:            %s", process(s))
	say("Now:              %s", underWay(s))
	if s.Schedule != nil && s.Schedule.Failures > 0 {
		say("                  %s in a row", plural(int64(s.Schedule.Failures), "failed run"))
	}
	if r := s.LastRun; r != nil && !r.Done && (s.Problem == nil || s.Problem.What != "run") {
		say("Last run:         %s, %s: %s", outcome(*r), ago(ended(*r), s.At), reason(*r))
	}
	say("Last success:     %s", ago(s.LastSuccessAt, s.At))
	say("")
	passes := 0
	for _, st := range s.Streams {
		if st.Pass != nil {
			passes++
			say("%s", pass(st))
			say("  %s%s; begun %s", speed(s, st), place(st), ago(&st.Pass.StartedAt, s.At))
		}
	}
	if passes > 0 {
		say("")
	}
	t := newTable(w)
	t.AppendHeader(table.Row{"Stream", "Position", "Behind now", "Last finished"})
	for _, st := range s.Streams {
		t.AppendRow(table.Row{st.Name, position(st), behind(st), ago(st.LastFinishedAt, s.At)})
	}
	t.Render()
	t = newTable(w)
	t.AppendHeader(table.Row{"Stream", "Processed", "OK", "Unchanged", "Older", "Failed", "Skipped"})
	t.SetColumnConfigs(rightFrom(2, 7))
	for _, st := range s.Streams {
		t.AppendRow(table.Row{
			st.Name, number(st.Processed), number(st.Successful), number(st.Unchanged), number(st.Older), number(st.Failed), number(st.Skipped),
		})
	}
	t.Render()
	say("")
	say("Property keys:    %s; Bloom filter %s, %.2f%% false positives (%s)", number(int64(s.KeySet.Keys)), //nolint:gosec // far below the limit
		size(int64(s.KeySet.BloomBits/8)), 100*s.KeySet.FalsePositiveRate, measured(s.KeySet)) //nolint:gosec // as above
	say("Missing parents:  %s", number(s.OrphanParents))
	rejects := number(s.Rejects)
	if s.Rejects > 0 {
		rejects += "; 'agent rejects' lists them"
	}
	say("Rejects:          %s", rejects)
	if s.Repaired > 0 {
		say("Repaired:         %s; 'agent rejects' lists them too", plural(s.Repaired, "record"))
	}
	say("SyncLog waiting:  %s", plural(int64(s.PendingSyncLog), "run"))
	say("Disk:             %s", disk(s))
}

// process says which process has the state directory.
func process(s agent.Status) string {
	if s.Agent == nil {
		return "none runs"
	}
	return fmt.Sprintf("%s, process %d, started %s", s.Agent.Program, s.Agent.PID, ago(&s.Agent.StartedAt, s.At))
}

// underWay says what happens, or what happens next.
func underWay(s agent.Status) string {
	switch {
	case s.Run != nil && s.Run.Task != "":
		return fmt.Sprintf("%s for %s, run %.13s", s.Run.Task, duration(s.At.Sub(s.Run.StartedAt)), s.Run.ID)
	case s.Run != nil:
		if Stands(s) {
			return fmt.Sprintf("a sync began %s ago and stands: nothing stored for %s", duration(s.At.Sub(s.Run.StartedAt)), quiet(s))
		}
		return fmt.Sprintf("syncing for %s, run %.13s", duration(s.At.Sub(s.Run.StartedAt)), s.Run.ID)
	case s.Schedule != nil && s.Schedule.NextRunAt != nil:
		return fmt.Sprintf("waiting; next sync %s (%s)", ago(s.Schedule.NextRunAt, s.At), s.Schedule.NextRunAt.Format(time.RFC3339))
	case s.Agent != nil:
		return "about to begin"
	}
	return "nothing is under way"
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

// Stands reports whether the run under way stores nothing because of a problem.
func Stands(s agent.Status) bool {
	return s.Run != nil && s.Problem != nil && s.Problem.RetryAt != nil && s.Run.QuietSeconds >= s.At.Sub(s.Problem.Since).Seconds()
}

// mostProblem is how much of the present problem's text is shown.
const mostProblem = 300

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

func ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return humanize.RelTime(*t, now, "ago", "from now")
}

func position(s agent.StreamStatus) string {
	if s.Position == nil {
		return "-"
	}
	return s.Position.Timestamp
}

func behind(s agent.StreamStatus) string {
	if s.LagSeconds == nil {
		return "-"
	}
	return Span(time.Duration(*s.LagSeconds * float64(time.Second)))
}

// bar is a bar of some columns of which share, 0 to 1, is filled. There is always
// a little where there is anything.
func bar(share float64, columns int) string {
	full := int(share*float64(columns) + 0.5)
	if share > 0 {
		full = max(1, full)
	}
	full = min(full, columns)
	return strings.Repeat("█", full) + strings.Repeat("░", columns-full)
}

// pass says how far a pass under way, or one that was interrupted, has come.
func pass(s agent.StreamStatus) string {
	done := s.Done()
	text := fmt.Sprintf("%-14s ", s.Name)
	if total := s.Pass.Total; total != nil && *total > 0 {
		text += fmt.Sprintf("%s %.1f%%  %s of %s", bar(float64(done)/float64(*total), 20), Percent(done, *total), number(done), number(max(done, *total)))
	} else {
		text += number(done) + " so far; the source does not count"
	}
	return text
}

// longQuiet is from when on it is said that nothing is stored.
const longQuiet = 15 // seconds

// speed is what stands before the place: rate and time left, which are not known
// where nothing is stored.
func speed(all agent.Status, s agent.StreamStatus) (text string) {
	if Stands(all) || (all.Run != nil && all.Run.QuietSeconds > longQuiet) {
		return "nothing stored for " + quiet(all) + "; "
	}
	if s.Rate != nil {
		text = number(int64(*s.Rate)) + "/s, "
	}
	if s.SecondsLeft != nil {
		text += Span(time.Duration(*s.SecondsLeft*float64(time.Second))) + " left; "
	}
	return text
}

// place says where in its pages a pass stands.
func place(s agent.StreamStatus) string {
	n := len(s.Pass.Windows)
	if n == 0 {
		return fmt.Sprintf("batch %d, database batch %d", s.Pass.Page, s.Pass.Batch)
	}
	left := 0
	for _, w := range s.Pass.Windows {
		if !w.Done {
			left++
		}
	}
	return fmt.Sprintf("batch %d, %s left", s.Pass.Page, plural(int64(left), "window"))
}

// measured tells a false-positive rate that was measured from the estimate.
func measured(k agent.KeySetStatus) string {
	if k.Absent < 1000 {
		return "by its fill"
	}
	return "measured"
}

func disk(s agent.Status) string {
	text := "state file " + size(s.StateFileBytes)
	if s.DestinationBytes > 0 {
		text += ", database " + size(s.DestinationBytes)
	}
	if s.FreeBytes != nil {
		text += ", " + size(*s.FreeBytes) + " free under the state"
	}
	return text
}

// rightFrom has columns aligned to the right, as numbers are.
func rightFrom(first, last int) (out []table.ColumnConfig) {
	for n := first; n <= last; n++ {
		out = append(out, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	return out
}
