package console

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"resoagent/agent"
)

// statusTable is a table without lines between its columns: these have their room.
func statusTable(w io.Writer, header ...any) table.Writer {
	t := newTable(w)
	t.SuppressTrailingSpaces()
	style := t.Style()
	style.Options.DrawBorder, style.Options.SeparateColumns = false, false
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	t.AppendHeader(header)
	t.SetColumnConfigs(rightFrom(2, len(header)))
	return t
}

// stored is what there is of each stream, here and at the source.
func stored(w io.Writer, s agent.Status) {
	t := statusTable(w, "Stream", "Rows", "At source", "Gap", "Rejects", "Orphans", "Newest record")
	for _, st := range s.Streams {
		gap := "-"
		if st.Gap != nil {
			gap = number(st.Gap.Count)
		}
		t.AppendRow(table.Row{st.Name, Rows(st), maybe(st.SourceCount), gap, number(st.Rejects), number(st.OrphanParents), Newest(st)})
	}
	t.Render()
	say(w, "")
}

// counted is what the passes did: those under way, else the last that brought anything.
func counted(w io.Writer, s agent.Status) {
	older := slices.ContainsFunc(s.Streams, func(st agent.StreamStatus) bool { return st.Older > 0 })
	row := func(stream, processed, ok, unchanged, old, failed, skipped, when string) table.Row {
		if !older { // there hardly ever are any, and the columns are many
			return table.Row{stream, processed, ok, unchanged, failed, skipped, when}
		}
		return table.Row{stream, processed, ok, unchanged, old, failed, skipped, when}
	}
	t := statusTable(w, row("Stream", "Processed", "OK", "Unchanged", "Older", "Failed", "Skipped", "Brought")...)
	for _, st := range s.Streams {
		when := "-"
		switch {
		case st.Pass != nil:
			when = "so far"
		case st.CountedAt != nil:
			when = age(*st.CountedAt, s.At)
		}
		t.AppendRow(row(st.Name, number(st.Processed), number(st.Successful), number(st.Unchanged), number(st.Older), number(st.Failed),
			number(st.Skipped), when))
	}
	t.Render()
	say(w, "")
}

// positions are the exact places, and when what is shown was counted.
func positions(w io.Writer, s agent.Status) {
	t := statusTable(w, "Stream", "Position", "Finished", "Rows as of", "Source as of")
	for _, st := range s.Streams {
		t.AppendRow(table.Row{st.Name, position(st), since(st.LastFinishedAt, s.At), since(st.RowsAt, s.At), since(st.SourceCountAt, s.At)})
	}
	t.Render()
	say(w, "")
}

// Rows is how many rows a stream has; an estimate is marked as one.
func Rows(s agent.StreamStatus) string {
	if s.Rows != nil && s.RowsEstimated {
		return "≈" + number(*s.Rows)
	}
	return maybe(s.Rows)
}

// Newest is how old the newest record is. It says nothing of whether the copy is
// current: a feed in which nothing happens has none that is new.
func Newest(s agent.StreamStatus) string {
	if s.LagSeconds == nil {
		return "-"
	}
	return Span(time.Duration(*s.LagSeconds*float64(time.Second))) + " old"
}

func maybe(n *int64) string {
	if n == nil {
		return "-"
	}
	return number(*n)
}

// age is a length of time up to now, in one unit: columns are narrow.
func age(t, now time.Time) string {
	d := max(0, now.Sub(t))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int64(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int64(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int64(d.Hours()))
	}
	return number(int64(d.Hours()/24)) + " days ago"
}

func since(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return age(*t, now)
}

func position(s agent.StreamStatus) string {
	if s.Position == nil {
		return "-"
	}
	return s.Position.Timestamp
}

// rightFrom has columns aligned to the right, as numbers are.
func rightFrom(first, last int) (out []table.ColumnConfig) {
	for n := first; n <= last; n++ {
		out = append(out, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	return out
}
