package console

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"

	"resoagent/agent"
)

// Status shows a status as tables.
func Status(w io.Writer, s agent.Status, now time.Time) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("State directory: %s", s.StateDir)
	switch {
	case s.Run != nil:
		say("Running: yes, run %s, for %s", s.Run.ID, duration(now.Sub(s.Run.StartedAt)))
	case s.Running:
		say("Running: yes")
	default:
		say("Running: no")
	}
	say("")
	t := newTable(w)
	t.AppendHeader(table.Row{"Stream", "Position", "Processed", "Failed", "Skipped", "Finished"})
	for _, st := range s.Streams {
		t.AppendRow(table.Row{
			st.Name, position(st), number(st.Processed), number(st.Failed), number(st.Skipped), finished(st, now),
		})
	}
	t.Render()
	say("")
	passes := 0
	for _, st := range s.Streams {
		if st.Pass != nil {
			passes++
			say("%s is at %s", st.Name, pass(st, now))
		}
	}
	if passes > 0 {
		say("")
	}
	say("Property keys:    %s (Bloom filter %s, %.2f%% false positives)", number(int64(s.KeySet.Keys)), //nolint:gosec // far below the limit
		size(int64(s.KeySet.BloomBits/8)), 100*s.KeySet.FalsePositiveRate) //nolint:gosec // as above
	say("Missing parents:  %s", number(s.OrphanParents))
	say("SyncLog waiting:  %s", plural(int64(s.PendingSyncLog), "run"))
	say("State file:       %s", size(s.StateFileBytes))
}

func position(s agent.StreamStatus) string {
	if s.Position == nil {
		return "-"
	}
	return s.Position.Timestamp
}

// pass says how far a pass under way, or one that was interrupted, has come.
func pass(s agent.StreamStatus, now time.Time) string {
	text := fmt.Sprintf("batch %d, database batch %d", s.Pass.Page, s.Pass.Batch)
	if n := len(s.Pass.Windows); n > 0 {
		left := 0
		for _, w := range s.Pass.Windows {
			if !w.Done {
				left++
			}
		}
		text = fmt.Sprintf("batch %d, %s left", s.Pass.Page, plural(int64(left), "window"))
	}
	if s.Pass.Total != nil && *s.Pass.Total > 0 {
		done := s.Processed + s.Skipped
		text += fmt.Sprintf(": %s of %s, %.1f%%", number(done), number(*s.Pass.Total), percent(done, *s.Pass.Total))
	}
	return text + fmt.Sprintf(" (begun %s)", humanize.RelTime(s.Pass.StartedAt, now, "ago", "from now"))
}

func finished(s agent.StreamStatus, now time.Time) string {
	if s.LastFinishedAt == nil {
		return "never"
	}
	return humanize.RelTime(*s.LastFinishedAt, now, "ago", "from now")
}

// newTable is a table narrow enough for a terminal of 80 columns.
func newTable(w io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	return t
}

// Plan shows what a run would fetch.
func Plan(w io.Writer, items []agent.PlanItem, left []string) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	t := newTable(w)
	t.AppendHeader(table.Row{"Stream", "From", "Records", "Disk, about"})
	var records, bytes int64
	unknown := false
	for _, i := range items {
		from := i.From
		if from == "" {
			from = "the beginning"
		}
		if i.Resumes {
			from += " (resuming)"
		}
		if i.Records == nil {
			unknown = true
			t.AppendRow(table.Row{i.Stream, from, "not counted", "-"})
			continue
		}
		records, bytes = records+*i.Records, bytes+*i.Bytes
		t.AppendRow(table.Row{i.Stream, from, number(*i.Records), size(*i.Bytes)})
	}
	t.AppendFooter(table.Row{"", "", number(records), size(bytes)})
	t.Render()
	for _, name := range left {
		say("%s is left out: there is no token for its feed", name)
	}
	if unknown {
		say("The source does not count everything: the sums are of what it counts.")
	}
	say("Nothing was fetched or written (--dry-run). Children without a listing are skipped, so less may be stored.")
}
