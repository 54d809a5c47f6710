package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/cmd/agent/manual"
)

// commandLine is what the arguments name, before anything is set.
type commandLine struct {
	command *ffcli.Command
	given   map[string]bool // the command's flags that stand there
	help    bool            // --help stands there
}

// readLine goes through the arguments as the flag package does, and says what is
// wrong with the names in them and what was meant. No complaint shows a value: it
// may be a token.
func readLine(top *ffcli.Command, args []string) (commandLine, error) {
	c := top
	for {
		line := commandLine{command: c, given: make(map[string]bool)}
		rest, err := line.readFlags(top, args)
		if err != nil || line.help {
			return line, err
		}
		i := -1
		if len(rest) > 0 {
			i = slices.IndexFunc(c.Subcommands, func(sub *ffcli.Command) bool { return strings.EqualFold(sub.Name, rest[0]) })
		}
		if i < 0 {
			return line, line.checkRest(top, rest)
		}
		c, args = c.Subcommands[i], rest[1:]
	}
}

// readFlags takes the flags at the front off.
func (l *commandLine) readFlags(top *ffcli.Command, args []string) (rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		if len(word) < 2 || word[0] != '-' {
			return args, nil
		}
		args = args[1:]
		if word == "--" {
			return args, nil
		}
		name, _, valued := strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
		f := l.command.FlagSet.Lookup(name)
		switch {
		case f != nil:
		case name == "h" || name == "help":
			l.help = true
			return nil, nil
		default:
			return nil, l.unknownFlag(top, name)
		}
		l.given[name] = true
		if valued || label(f).IsBoolFlag() {
			continue
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("%w: --%s needs a value behind it; see '%s --help'", errUsage, name, l.command.FlagSet.Name())
		}
		args = args[1:]
	}
	return nil, nil
}

// unknownFlag says what was meant by a flag that the command does not have.
func (l *commandLine) unknownFlag(top *ffcli.Command, name string) error {
	path := l.command.FlagSet.Name()
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || name[0] == '-' {
		return fmt.Errorf("%w: a flag is written --name, --name VALUE or --name=VALUE, in small letters; see '%s --help'", errUsage, path)
	}
	if why := gone(name); why != "" {
		return fmt.Errorf("%w: %s", errUsage, why)
	}
	if near := nearest(name, flagNames(l.command.FlagSet)); near != "" {
		return fmt.Errorf("%w: '%s' has no flag --%s; did you mean --%s?", errUsage, path, name, near)
	}
	var has string
	for _, c := range top.Subcommands {
		if has == "" && c != l.command && c.FlagSet.Lookup(name) != nil {
			has = c.FlagSet.Name()
		}
	}
	switch {
	case has != "" && l.command == top:
		return fmt.Errorf("%w: flags stand behind the command: %s --%s; see '%s --help'", errUsage, has, name, has)
	case has != "":
		return fmt.Errorf("%w: '%s' has no flag --%s, but '%s' has; see '%s --help'", errUsage, path, name, has, path)
	}
	return fmt.Errorf("%w: '%s' has no flag --%s; see '%s --help'", errUsage, path, name, path)
}

// checkRest looks at what stands behind the flags: a command that was meant to
// be another.
func (l *commandLine) checkRest(top *ffcli.Command, rest []string) error {
	if len(rest) == 0 || len(l.command.Subcommands) == 0 {
		return nil
	}
	path := l.command.FlagSet.Name()
	var names []string
	for _, sub := range l.command.Subcommands {
		names = append(names, sub.Name)
	}
	near := nearest(rest[0], names)
	switch {
	case near != "" && l.command == top:
		return fmt.Errorf("%w: there is no command %q; did you mean '%s %s'?", errUsage, rest[0], path, near)
	case near != "":
		return fmt.Errorf("%w: '%s' has no such command; did you mean '%s %s'?", errUsage, path, path, near)
	case l.command == top:
		return fmt.Errorf("%w: there is no such command; '%s --help' lists them", errUsage, path)
	}
	return fmt.Errorf("%w: what stands behind '%s' is neither a flag nor one of its commands: %s", errUsage, path, strings.Join(names, ", "))
}

// checkChoices names the choice that was meant, where a flag's value is near to
// one. Whatever is not near, the command itself refuses.
func (l *commandLine) checkChoices() (err error) {
	l.command.FlagSet.VisitAll(func(f *flag.Flag) {
		choices := describedFlag(f, "").Choices()
		value := f.Value.String()
		if err != nil || value == "" || choices == nil || slices.Contains(choices, value) {
			return
		}
		if near := nearest(value, choices); near != "" {
			err = fmt.Errorf("%w: --%s is none of %s; did you mean %s?", errUsage, f.Name, strings.Join(choices, ", "), near)
		}
	})
	return err
}

func flagNames(fs *flag.FlagSet) (names []string) {
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}

// prefix is what the environment variables of a command's flags begin with; "":
// it has none.
func (r *root) prefix(c *ffcli.Command) string {
	if c.Options == nil {
		return ""
	}
	if prefix, ok := r.variables[c.FlagSet.Name()]; ok {
		return prefix
	}
	return variablePrefix
}

// warnOfVariables names environment variables that look like a setting and are
// none. Those of other programs that also begin with AGENT_ are left alone: only
// what is near to a setting is named.
func (r *root) warnOfVariables(top, selected *ffcli.Command) {
	if r.prefix(selected) == "" {
		return
	}
	known := make(map[string]bool)
	var names []string
	for _, c := range withAll(top) {
		if prefix := r.prefix(c); prefix != "" {
			for _, name := range flagNames(c.FlagSet) {
				variable := manual.Variable(prefix, name)
				if !known[variable] {
					known[variable] = true
					names = append(names, strings.TrimPrefix(variable, variablePrefix+"_"))
				}
			}
		}
	}
	for _, entry := range r.env.list() {
		variable, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(variable, variablePrefix+"_")
		if !ours || known[variable] || len(rest) < 5 {
			continue
		}
		if why := gone(rest); why != "" {
			_, _ = fmt.Fprintf(r.stderr, "agent: warning: the environment variable %s: %s\n", variable, why)
			continue
		}
		if near := nearestSpelling(rest, names); near != "" {
			_, _ = fmt.Fprintf(r.stderr, "agent: warning: the environment variable %s is no setting; did you mean %s_%s?\n",
				variable, variablePrefix, near)
		}
	}
}

func withAll(c *ffcli.Command) []*ffcli.Command {
	all := []*ffcli.Command{c}
	for _, sub := range c.Subcommands {
		all = append(all, withAll(sub)...)
	}
	return all
}
