package manual

import (
	"fmt"
	"strings"
)

// roff is a man page in the making, in the macros of man(7).
type roff struct {
	strings.Builder
	headed bool // a heading was the last thing: no space belongs under it
}

// Man is the man page, in section 1.
func (b *Book) Man() string {
	r := &roff{}
	name := b.Root.Path
	r.WriteString(fmt.Sprintf(".TH %s 1 %s %s %s\n", strings.ToUpper(name), `"`+b.Date+`"`, argument("resoagent "+b.Version), argument("User Commands")))
	r.macro("SH", "Name")
	r.text(name + " - " + strings.TrimSuffix(strings.TrimPrefix(b.Root.Short, name+" "), "."))
	r.macro("SH", "Synopsis")
	r.code(b.Root.Usage)
	r.macro("SH", "Description")
	r.text(b.Root.Short)
	r.paragraph()
	r.text(b.Settings)
	r.flags(b.Root, append(b.Root.Shown(), Flag{Name: "help", Text: "show help; behind a command: that command's"}))
	r.macro("SH", "Commands")
	for _, c := range b.Root.All()[1:] {
		b.manCommand(r, c)
	}
	groups, of := b.settings()
	r.macro("SH", "Settings")
	r.text("These flags belong to all commands with settings, so that one file serves them all.")
	for _, g := range groups {
		r.macro("SS", g.Title)
		r.flags(of, g.Flags)
	}
	r.macro("SH", "Environment")
	r.text("Each flag above names its variable. A variable that is empty counts as not set. " +
		"The tokens' variables and the files of --idx-token-file and --vow-token-file are the places for secrets: arguments can be read by every user of the host.")
	for _, e := range []Entry{
		{"HTTPS_PROXY, NO_PROXY", "the proxy on the way to the source"},
		{"XDG_STATE_HOME", "where the state directory lies, if --state-dir names none"},
		{"GOMEMLIMIT", "comes before --memory-limit"},
	} {
		r.entry(bold(e.Name), e.Text)
	}
	r.table("Files", b.Files)
	r.table("Exit status", b.Exits)
	r.macro("SH", "Examples")
	r.code(b.Root.Examples)
	r.macro("SH", "See also")
	r.text("psql(1), sqlite3(1), systemd.timer(5)")
	return r.String()
}

func (b *Book) manCommand(r *roff, c *Command) {
	r.macro("SS", c.Path)
	r.text(sentence(c.Short))
	r.code(c.Usage)
	for paragraph := range strings.SplitSeq(strings.TrimSpace(c.Long), "\n\n") {
		if paragraph != "" {
			r.paragraph()
			r.text(paragraph)
		}
	}
	var shared []string
	for _, g := range c.Groups {
		if g.Shared {
			shared = append(shared, g.Title)
			continue
		}
		r.flags(c, g.Flags)
	}
	if len(shared) > 0 {
		r.paragraph()
		r.text("Settings that matter to it: " + strings.Join(shared, ", ") + ".")
	}
	if len(c.Examples) > 0 {
		r.paragraph()
		r.text("Examples:")
		r.code(c.Examples)
	}
}

func (r *roff) flags(c *Command, flags []Flag) {
	for _, f := range flags {
		tag := bold("--" + f.Name)
		if f.Value != "" {
			tag += " " + italic(f.placeholder())
		}
		text := withDefault(f.Text, f.Default)
		if c.Variable != "" {
			text += " [" + c.variable(f) + "]"
		}
		r.entry(tag, text)
	}
}

func (r *roff) table(title string, entries []Entry) {
	r.macro("SH", title)
	for _, e := range entries {
		r.entry(bold(e.Name), e.Text)
	}
}

// entry is a tag, escaped already, with its text.
func (r *roff) entry(tag, text string) {
	r.WriteString(".TP\n" + tag + "\n")
	r.text(text)
}

func (r *roff) macro(name, title string) {
	if name == "SH" {
		title = strings.ToUpper(title)
	}
	r.WriteString(fmt.Sprintf(".%s %s\n", name, argument(title)))
	r.headed = true
}

// paragraph begins a paragraph.
func (r *roff) paragraph() {
	if !r.headed {
		r.WriteString(".PP\n")
	}
}

// text is filled text, in one line: roff breaks it.
func (r *roff) text(text string) {
	r.WriteString(line(strings.Join(strings.Fields(text), " ")) + "\n")
	r.headed = false
}

// code is lines that stay as they are.
func (r *roff) code(lines []string) {
	if len(lines) == 0 {
		return
	}
	r.paragraph()
	r.headed = false
	r.WriteString(".RS 4\n.nf\n")
	for _, l := range lines {
		r.WriteString(line(l) + "\n")
	}
	r.WriteString(".fi\n.RE\n")
}

func bold(text string) string   { return `\fB` + escape(text) + `\fR` }
func italic(text string) string { return `\fI` + escape(text) + `\fR` }

// escape keeps characters as they are: a hyphen that can be copied to a command
// line, quotes that stay straight, and no escape sequences.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`).Replace(text)
}

// line is a line of text that cannot be taken for a request: those begin with a
// dot or an apostrophe.
func line(text string) string {
	text = escape(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// argument is an argument of a macro.
func argument(text string) string { return `"` + escape(text) + `"` }
