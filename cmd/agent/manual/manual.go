// Package manual writes what people and shells read about the command line: the
// help of each command, completion scripts, and the man page. All of them come
// from one description of the commands, so that none can lag behind.
package manual

import (
	"slices"
	"strings"
)

// Command is a command as its readers see it.
type Command struct {
	Path     string   // as it is typed, such as 'agent rejects retry'
	Group    string   // where the overview lists it
	Usage    []string // how it is called, a line each
	Short    string   // what it does, in a line
	Long     string   // and what else to know; an empty line ends a paragraph
	Examples []string // command lines, each with an optional ' # remark'
	Variable string   // what its environment variables begin with; "": it has none
	Groups   []Group  // the flags that its help shows, its own first
	Aside    []Flag   // flags that it accepts too, for the sake of a common settings file
	Commands []*Command
}

// Group is flags that belong together.
type Group struct {
	Title  string
	Shared bool // settings that all commands have in common
	Flags  []Flag
}

// Flag is a flag as its readers see it.
type Flag struct {
	Name    string
	Value   string // what stands for its value: a kind such as 'file', or the choices 'text|json'; "": a switch
	Text    string
	Default string // as it is shown; "": none worth a word
	// Family and Member: flags that differ in one word are shown in one line.
	// --media-throttle is the member media of the family KIND-throttle.
	Family, Member string
}

// Book is all there is to say.
type Book struct {
	Root    *Command // its commands are listed by group, in this order
	Version string
	Date    string // of the version, as 2006-01-02
	// Settings says how flags, environment and settings file go together.
	Settings string
	// Main names the command whose help shows all settings.
	Main string
	// Exits are the exit codes, Files what the program keeps.
	Exits, Files []Entry
}

// Entry is a line of a table of two columns.
type Entry struct{ Name, Text string }

// Name is the last word of the path.
func (c *Command) Name() string { return c.Path[strings.LastIndexByte(c.Path, ' ')+1:] }

// All is the command and those below it, each before its own.
func (c *Command) All() []*Command {
	all := []*Command{c}
	for _, sub := range c.Commands {
		all = append(all, sub.All()...)
	}
	return all
}

// Shown are the flags that the help shows.
func (c *Command) Shown() (shown []Flag) {
	for _, g := range c.Groups {
		shown = append(shown, g.Flags...)
	}
	return shown
}

// Choices are the only values that a flag has, if it is so.
func (f Flag) Choices() []string {
	if !strings.Contains(f.Value, "|") {
		return nil
	}
	return strings.Split(f.Value, "|")
}

// placeholder is what stands for the value: choices as they are typed, anything
// else in capitals.
func (f Flag) placeholder() string {
	if f.Choices() != nil {
		return f.Value
	}
	return strings.ToUpper(f.Value)
}

// variable is the environment variable of a flag.
func (c *Command) variable(f Flag) string {
	return Variable(c.Variable, f.Name)
}

// Variable is the environment variable of the flag name where variables begin
// with prefix.
func Variable(prefix, name string) string {
	return prefix + "_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))
}

// settings are the groups that commands share: each flag once, as the commands
// that show them do.
func (b *Book) settings() (groups []Group, of *Command) {
	for _, c := range b.Root.All() {
		if c.Path != b.Main {
			continue
		}
		for _, g := range c.Groups {
			if g.Shared {
				groups = append(groups, g)
			}
		}
		return groups, c
	}
	return nil, b.Root
}

// groupsOf gives the titles under which the commands below c are listed.
func groupsOf(c *Command) (titles []string) {
	for _, sub := range c.Commands {
		if !slices.Contains(titles, sub.Group) {
			titles = append(titles, sub.Group)
		}
	}
	return titles
}
