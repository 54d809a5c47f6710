package console

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"resoagent/agent"
)

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
	t.Style().Format.Footer = text.FormatDefault // MiB, not MIB
	t.SetColumnConfigs(rightFrom(3, 4))
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
