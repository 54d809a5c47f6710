package manual

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of the width that help is set in: narrower than the least it is not
// readable, wider than the most the eye loses the line.
const (
	LeastWidth = 60
	MostWidth  = 100
)

// widest is how long a flag may be to have its text beside it.
const widest = 27

// page is a help text in the making.
type page struct {
	strings.Builder
	width int
}

// Help is the help of one command; width is how long its lines may be.
func (b *Book) Help(c *Command, width int) string {
	p := &page{width: min(max(width, LeastWidth), MostWidth)}
	if c == b.Root {
		b.overview(p)
	} else {
		b.command(p, c)
	}
	return p.String()
}

func (b *Book) overview(p *page) {
	c := b.Root
	p.paragraph("", c.Short)
	p.title("Usage")
	p.lines(c.Usage)
	column := 0
	for _, sub := range c.Commands {
		column = max(column, len(sub.Name()))
	}
	for _, title := range groupsOf(c) {
		p.title(title)
		for _, sub := range c.Commands {
			if sub.Group == title {
				p.entry(sub.Name(), sub.Short, column)
			}
		}
	}
	p.examples(c.Examples)
	p.title("Flags")
	for _, f := range c.Shown() {
		p.entry(written(f.Name, f), f.Text, column)
	}
	p.entry("--help", "show help; behind a command: that command's", column)
	p.title("Settings")
	p.paragraph("  ", b.Settings)
	p.title("Exit codes")
	for _, e := range b.Exits {
		p.entry(e.Name, e.Text, 3)
	}
}

func (b *Book) command(p *page, c *Command) {
	p.paragraph("", sentence(c.Short))
	p.title("Usage")
	p.lines(c.Usage)
	for paragraph := range strings.SplitSeq(strings.TrimSpace(c.Long), "\n\n") {
		if paragraph != "" {
			p.WriteByte('\n')
			p.paragraph("", paragraph)
		}
	}
	p.examples(c.Examples)
	if len(c.Commands) > 0 {
		p.title("Commands")
		for _, sub := range c.Commands {
			p.entry(sub.Name(), sub.Short, 8)
		}
	}
	column := 0
	for _, g := range c.Groups {
		for _, l := range linesOf(g) {
			if n := utf8.RuneCountInString(l.Name); n <= widest {
				column = max(column, n)
			}
		}
	}
	for _, g := range c.Groups {
		p.title(g.Title)
		for _, l := range linesOf(g) {
			p.entry(l.Name, l.Text, column)
		}
		if note := familyNote(g); note != "" {
			p.hanging("  ", "  ", note)
		}
	}
	p.WriteByte('\n')
	if len(c.Aside) > 0 {
		p.paragraph("", fmt.Sprintf("The other settings are accepted too, so that one file serves all commands: '%s --help'.", b.Main))
	}
	if example := c.example(); example.Name != "" {
		p.paragraph("", fmt.Sprintf("Each flag is an environment variable too (--%s is %s).", example.Name, c.variable(example)))
	}
	p.paragraph("", fmt.Sprintf("Exit codes: '%s --help'.", b.Root.Path))
}

// example is a flag to show its environment variable by; none if it has none.
func (c *Command) example() Flag {
	flags := c.Shown()
	if c.Variable == "" || len(flags) == 0 {
		return Flag{}
	}
	if i := slices.IndexFunc(flags, Flag.Valued); i >= 0 {
		return flags[i]
	}
	return flags[0]
}

// linesOf are the lines of a group: one for each flag, or for each family.
func linesOf(g Group) (lines []Entry) {
	seen := make(map[string]bool)
	for _, f := range g.Flags {
		switch {
		case f.Family == "":
			lines = append(lines, Entry{written(f.Name, f), withDefault(f.Text, f.Default)})
		case !seen[f.Family]:
			seen[f.Family] = true
			lines = append(lines, familyLine(f.Family, g.Flags))
		}
	}
	return lines
}

// written is a flag with what stands for its value.
func written(name string, f Flag) string {
	if f.Value == "" {
		return "--" + name
	}
	return "--" + name + " " + f.placeholder()
}

func withDefault(text, value string) string {
	if value == "" {
		return text
	}
	return fmt.Sprintf("%s (default %s)", text, value)
}

// familyLine is the line of a family: the default that most members have comes
// first, and then those that differ.
func familyLine(family string, flags []Flag) Entry {
	var members []Flag
	count := make(map[string]int)
	for _, f := range flags {
		if f.Family == family {
			members = append(members, f)
			count[f.Default]++
		}
	}
	usual := members[0].Default
	for _, f := range members {
		if count[f.Default] > count[usual] {
			usual = f.Default
		}
	}
	shown := usual
	for _, f := range members {
		if f.Default != usual {
			shown += fmt.Sprintf("; %s %s", f.Member, f.Default)
		}
	}
	return Entry{written(family, members[0]), withDefault(members[0].Text, shown)}
}

// familyNote says what the common word of a group's families stands for.
func familyNote(g Group) string {
	var word string
	var members []string
	for _, f := range g.Flags {
		if f.Family != "" && !slices.Contains(members, f.Member) {
			members = append(members, f.Member)
			word = strings.TrimSuffix(f.Family, strings.TrimPrefix(f.Name, f.Member))
		}
	}
	if len(members) < 2 {
		return ""
	}
	last := len(members) - 1
	return fmt.Sprintf("%s is %s or %s.", word, strings.Join(members[:last], ", "), members[last])
}

// sentence makes a line that begins small one that begins with a capital.
func sentence(text string) string {
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func (p *page) title(text string) { p.WriteString("\n" + strings.ToUpper(text) + "\n") }

func (p *page) lines(lines []string) {
	for _, l := range lines {
		p.hanging("  ", "    ", l)
	}
}

// examples are command lines, as they are typed: never broken. Remarks stand
// below each other, or above where there is no room beside.
func (p *page) examples(examples []string) {
	if len(examples) == 0 {
		return
	}
	p.title("Examples")
	column := 0
	for _, e := range examples {
		if line, remark, ok := strings.Cut(e, " # "); ok && len(line)+len(remark)+6 <= p.width {
			column = max(column, len(line))
		}
	}
	for _, e := range examples {
		line, remark, ok := strings.Cut(e, " # ")
		switch {
		case !ok:
			p.WriteString(fmt.Sprintf("  %s\n", line))
		case len(line) <= column && column+len(remark)+6 <= p.width:
			p.WriteString(fmt.Sprintf("  %-*s  # %s\n", column, line, remark))
		default:
			p.WriteString(fmt.Sprintf("  # %s\n  %s\n", remark, line))
		}
	}
}

// entry is a name with its text beside it, or below it where the name is long.
func (p *page) entry(name, text string, column int) {
	indent := strings.Repeat(" ", column+4)
	if utf8.RuneCountInString(name) > column {
		p.WriteString("  " + name + "\n")
		p.paragraph(indent, text)
		return
	}
	p.hanging(fmt.Sprintf("  %-*s  ", column, name), indent, text)
}

// paragraph breaks text into lines that all begin with indent.
func (p *page) paragraph(indent, text string) { p.hanging(indent, indent, text) }

// hanging breaks text into lines, of which the first begins otherwise.
func (p *page) hanging(first, indent, text string) {
	line, empty := first, true
	for _, word := range words(text) {
		switch {
		case empty:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= p.width:
			line += " " + word
		default:
			p.WriteString(line + "\n")
			line = indent + word
		}
		empty = false
	}
	p.WriteString(strings.TrimRight(line, " ") + "\n")
}

// words are the pieces that lines are made of. What stands between quotes, such
// as a command line, stays together.
func words(text string) (words []string) {
	open := false
	for word := range strings.FieldsSeq(text) {
		if open {
			words[len(words)-1] += " " + word
		} else {
			words = append(words, word)
		}
		last := words[len(words)-1]
		open = strings.HasPrefix(last, "'") && !strings.Contains(last[1:], "'")
	}
	return words
}
