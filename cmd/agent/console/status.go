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
	say("State directory:  %s", s.StateDir)
	say("Agent:            %s", process(s))
	say("Now:              %s", underWay(s))
	if s.Schedule != nil && s.Schedule.Failures > 0 {
		say("                  %s in a row", plural(int64(s.Schedule.Failures), "failed run"))
	}
	if p := s.Problem; p != nil {
		say("Problem:          %s, next try %s: %s", plural(int64(p.Times), "time"), ago(&p.RetryAt, s.At), text.Trim(p.Text, mostError))
	}
	if r := s.LastRun; r != nil && !r.Done {
		say("Last run:         %s, %s: %s", outcome(*r), ago(ended(*r), s.At), reason(*r))
	}
	say("Last success:     %s", ago(s.LastSuccessAt, s.At))
	say("")
	passes := 0
	for _, st := range s.Streams {
		if st.Pass != nil {
			passes++
			say("%s", pass(st))
			say("  %s%s; begun %s", speed(st), place(st), ago(&st.Pass.StartedAt, s.At))
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
	t.AppendHeader(table.Row{"Stream", "Processed", "OK", "Unchanged", "Failed", "Skipped"})
	t.SetColumnConfigs(rightFrom(2, 6))
	for _, st := range s.Streams {
		t.AppendRow(table.Row{
			st.Name, number(st.Processed), number(st.Successful), number(st.Unchanged), number(st.Failed), number(st.Skipped),
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
	case s.Run != nil:
		return fmt.Sprintf("syncing for %s, run %.13s", duration(s.At.Sub(s.Run.StartedAt)), s.Run.ID)
	case s.Schedule != nil && s.Schedule.NextRunAt != nil:
		return fmt.Sprintf("waiting; next sync %s (%s)", ago(s.Schedule.NextRunAt, s.At), s.Schedule.NextRunAt.Format(time.RFC3339))
	case s.Agent != nil:
		return "about to begin"
	}
	return "nothing is under way"
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
		text += fmt.Sprintf("%s %.1f%%  %s of %s", bar(float64(done)/float64(*total), 20), percent(done, *total), number(done), number(*total))
	} else {
		text += number(done) + " so far; the source does not count"
	}
	return text
}

// speed is what stands before the place: rate and time left.
func speed(s agent.StreamStatus) (text string) {
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
