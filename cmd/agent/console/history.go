package console

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"resoagent/agent"
)

// mostError is how much of an error a line of the history shows.
const mostError = 200

// History shows past runs, the newest first, with a bar for the records of each.
func History(w io.Writer, runs []agent.RunRecord) {
	if len(runs) == 0 {
		_, _ = fmt.Fprintln(w, "No run has ended yet.")
		return
	}
	var most int64
	older, repaired := false, false
	for _, r := range runs {
		most = max(most, r.Processed)
		older = older || r.Older > 0
		repaired = repaired || r.Repaired > 0
	}
	t := newTable(w)
	header := table.Row{"Began", "Took", "Outcome", "Records", "", "Failed", "Skipped"}
	if older { // seldom, and the table is wide enough without
		header = append(header, "Older")
	}
	if repaired { // likewise
		header = append(header, "Repaired")
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(append(rightFrom(2, 2), append(rightFrom(4, 4), rightFrom(6, 9)...)...))
	for _, r := range runs {
		count := number
		if !r.Done && r.FinishedAt == nil { // it died, and took its counters with it
			count = func(int64) string { return "-" }
		}
		row := table.Row{
			began(r), took(r), outcome(r), count(r.Processed),
			bar(float64(r.Processed)/float64(max(1, most)), 10), count(r.Failed), count(r.Skipped),
		}
		if older {
			row = append(row, count(r.Older))
		}
		if repaired {
			row = append(row, count(r.Repaired))
		}
		t.AppendRow(row)
	}
	t.Render()
	for _, r := range runs {
		if !r.Done {
			_, _ = fmt.Fprintf(w, "%s  %s\n", began(r), reason(r))
		}
	}
}

func began(r agent.RunRecord) string { return r.StartedAt.UTC().Format("2006-01-02 15:04Z") }

// ended is when a run ended, or began where that is not known.
func ended(r agent.RunRecord) *time.Time {
	if r.FinishedAt != nil {
		return r.FinishedAt
	}
	return &r.StartedAt
}

func took(r agent.RunRecord) string {
	if r.Seconds == nil {
		return "-"
	}
	return Span(time.Duration(*r.Seconds * float64(time.Second)))
}

func outcome(r agent.RunRecord) string {
	text := "stopped"
	switch {
	case r.Done && r.Gap > 0:
		return fmt.Sprintf("done, gap of %s", number(r.Gap))
	case r.Done:
		text = "done"
	case r.FinishedAt == nil:
		text = "died"
	}
	if r.Task != "" { // no sync
		text += " (" + r.Task + ")"
	}
	return text
}

// reason says why a run did not finish.
func reason(r agent.RunRecord) string {
	why := text.Trim(r.Error, mostError)
	if r.Repeats > 0 {
		why += fmt.Sprintf(" (and %s after it)", plural(int64(r.Repeats), "run"))
	}
	return why
}
