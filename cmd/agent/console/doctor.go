package console

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"resoagent/agent"
)

// Doctor shows the findings of an examination, a line each as they come, under
// the names of their groups.
type Doctor struct {
	out   io.Writer
	o     Options
	group string
}

// NewDoctor makes a console that writes to w: in colours where it is a terminal.
func NewDoctor(w io.Writer, o Options) *Doctor { return &Doctor{out: w, o: o} }

const (
	doctorName  = 22  // columns of the names
	doctorWidth = 100 // of all
)

// Finding shows one finding, and what to do about it below.
func (d *Doctor) Finding(f agent.Finding) {
	if f.Group != d.group {
		if d.group != "" {
			d.line("")
		}
		d.group = f.Group
		d.line("%s", strings.ToUpper(f.Group[:1])+f.Group[1:])
	}
	mark, colour := "✓", text.FgGreen
	switch f.State {
	case agent.FindingWarning:
		mark, colour = "!", text.FgYellow
	case agent.FindingFailure:
		mark, colour = "✗", text.FgRed
	case agent.FindingNotChecked:
		mark, colour = "–", text.Faint
	}
	if d.o.Terminal {
		mark = colour.Sprint(mark)
	}
	found := f.Found
	if f.State == agent.FindingNotChecked {
		found = "not checked: " + found
	}
	indent := strings.Repeat(" ", doctorName+5)
	lines := wrap(found, doctorWidth-len(indent))
	d.line("  %s %-*s %s", mark, doctorName, f.Name, lines[0])
	for _, l := range lines[1:] {
		d.line("%s%s", indent, l)
	}
	if f.Do == "" {
		return
	}
	for i, l := range wrap(f.Do, doctorWidth-6) {
		arrow := "→"
		if i > 0 {
			arrow = " "
		}
		d.line("    %s %s", arrow, l)
	}
}

// Summary is the last line.
func (d *Doctor) Summary(findings []agent.Finding) {
	n := make(map[any]int64)
	for _, f := range findings {
		n[f.State]++
	}
	verdict := "nothing would stop a sync"
	if n[agent.FindingFailure] > 0 {
		verdict = "a sync would stop"
	}
	d.line("")
	d.line("%s: %s, %s, %s, %d not checked: %s", plural(int64(len(findings)), "check"), count(n[agent.FindingOK], "good"),
		plural(n[agent.FindingWarning], "warning"), plural(n[agent.FindingFailure], "failure"), n[agent.FindingNotChecked], verdict)
}

func count(n int64, what string) string { return number(n) + " " + what }

func (d *Doctor) line(format string, args ...any) {
	_, _ = fmt.Fprintln(d.out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// wrap breaks a text into lines of at most width columns, between its words: a
// word that is longer stands alone.
func wrap(s string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
