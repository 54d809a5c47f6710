package console

import (
	"fmt"
	"io"
	"slices"
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
	// unchecked are findings of one group that could not be made for one reason,
	// one behind the other: they become one line.
	unchecked []agent.Finding
}

// NewDoctor makes a console that writes to w: in colours where it is a terminal.
func NewDoctor(w io.Writer, o Options) *Doctor { return &Doctor{out: w, o: o} }

const (
	doctorName  = 22  // columns of the names
	doctorWidth = 100 // of all
)

// Finding shows one finding, and what to do about it below.
func (d *Doctor) Finding(f agent.Finding) {
	if n := len(d.unchecked); n > 0 && (f.State != agent.FindingNotChecked || f.Group != d.group || f.Found != d.unchecked[n-1].Found) {
		d.flush()
	}
	if f.State == agent.FindingNotChecked {
		d.unchecked = append(d.unchecked, f)
		d.heading(f)
		return
	}
	d.show(f)
}

// flush shows what could not be checked.
func (d *Doctor) flush() {
	if len(d.unchecked) == 0 {
		return
	}
	all := d.unchecked
	d.unchecked = nil
	f := all[0]
	if len(all) > 1 {
		f.Name = plural(int64(len(all)), "check")
		f.Found += " (" + strings.Join(subjects(all), ", ") + ")"
	}
	d.show(f)
}

// subjects are what findings are of: a stream once for all of its checks.
func subjects(findings []agent.Finding) (names []string) {
	for _, f := range findings {
		name, _, _ := strings.Cut(f.Name, ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// heading begins a group.
func (d *Doctor) heading(f agent.Finding) {
	if f.Group != d.group {
		if d.group != "" {
			d.line("")
		}
		d.group = f.Group
		d.line("%s", strings.ToUpper(f.Group[:1])+f.Group[1:])
	}
}

func (d *Doctor) show(f agent.Finding) {
	d.heading(f)
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
	d.flush()
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
