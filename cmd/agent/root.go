package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/cmd/agent/manual"
	"resoagent/internal/catalog"
)

// root is the command line.
type root struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            environment
	// By the name of a flag set, which is the command as it is typed:
	shown     map[string][]string // its examples
	variables map[string]string   // what its environment variables begin with, where it is not AGENT
	groups    map[string]string   // where the overview lists it
}

func newRoot(stdin io.Reader, stdout, stderr io.Writer, env environment) *root {
	return &root{
		stdin: stdin, stdout: stdout, stderr: stderr, env: env,
		shown: make(map[string][]string), variables: make(map[string]string), groups: make(map[string]string),
	}
}

// tree is all commands, in the order of the overview.
func (r *root) tree() *ffcli.Command {
	fs := r.flags("agent")
	version := fs.Bool("version", false, "print the version, as 'agent version' does")
	r.examples(fs,
		"agent demo # see it work; needs nothing else",
		"agent sync --source-url https://query.ampre.ca/odata --vow-token-file vow.token",
		"agent sync --config agent.conf --media --rooms",
		"agent run --config agent.conf --every 15m --listen 127.0.0.1:9464",
		"agent status --watch",
	)
	top := &ffcli.Command{
		Name: "agent", ShortUsage: "agent COMMAND [flags]", FlagSet: fs,
		ShortHelp: "agent keeps a complete, current copy of a RESO Web API feed in a database.",
		Exec: func(ctx context.Context, args []string) error {
			if *version {
				return newVersion(r).Exec(ctx, args)
			}
			book := r.book()
			_, _ = io.WriteString(r.stderr, book.Help(book.Root, r.width(r.stderr)))
			return fmt.Errorf("%w: name a command, such as 'agent demo' or 'agent sync'", errUsage)
		},
	}
	group := func(title string, commands ...*ffcli.Command) {
		for _, c := range commands {
			r.groups[c.FlagSet.Name()] = title
		}
		top.Subcommands = append(top.Subcommands, commands...)
	}
	group("Daily use", newSync(r), newRun(r), newStatus(r), newHistory(r), newRejects(r))
	group("Upkeep", newDoctor(r), newHealth(r), newReset(r), newRepair(r), newMigrate(r))
	group("Try it out", newDemo(r), newSimulate(r))
	group("Shell", newCompletion(r), newMan(r), newVersion(r))
	return top
}

// execute parses the arguments and runs the command they name.
func (r *root) execute(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "help" { // 'agent help sync' is 'agent sync --help'
		args = append(args[1:len(args):len(args)], "--help")
	}
	top := r.tree()
	line, err := readLine(top, args)
	if err != nil {
		return err
	}
	if line.help {
		book := r.book()
		_, err := io.WriteString(r.stdout, book.Help(find(book.Root, line.command.FlagSet.Name()), r.width(r.stdout)))
		return err
	}
	r.warnOfVariables(top, line.command)
	if err := top.Parse(args); err != nil {
		return r.misread(line, err)
	}
	if err := line.checkChoices(); err != nil {
		return err
	}
	return top.Run(ctx)
}

// flags makes a flag set that neither writes nor exits by itself. Its name is
// the command as it is typed.
func (r *root) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// examples gives the help of a flag set's command its examples, each a command
// line with an optional ' # remark'.
func (r *root) examples(fs *flag.FlagSet, lines ...string) { r.shown[fs.Name()] = lines }

// width is how long lines of help may be.
func (r *root) width(w io.Writer) int {
	if n, err := strconv.Atoi(r.env.get("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if o := consoleOptions(w); o.Terminal {
		return o.Width
	}
	return manual.MostWidth
}

// noArguments refuses what is left behind the flags.
func noArguments(args []string) error {
	if len(args) > 0 {
		// It is not shown: it may be a token behind a flag that takes none.
		for _, s := range catalog.All() {
			if args[0] == s.Flag {
				return fmt.Errorf("%w: did you mean --%s? Flags begin with --", errUsage, s.Flag)
			}
		}
		return fmt.Errorf("%w: an argument belongs to no flag; flags begin with --, and those of streams (%s) take no value",
			errUsage, strings.TrimSpace(streamFlags("--%s ")))
	}
	return nil
}

// book is all that is written about the commands.
func (r *root) book() *manual.Book {
	return &manual.Book{
		Root: r.described(r.tree()), Version: programVersion(), Main: "agent run",
		Date: day(date, r.env.now()),
		Settings: "'agent COMMAND --help' shows a command's flags. Each of them is also an environment variable (--source-url is " +
			"AGENT_SOURCE_URL) and a line in the file that --config names (source-url VALUE). A flag beats the environment, " +
			"the environment beats the file.",
		Exits: exitCodes(),
		Files: []manual.Entry{
			{Name: "agent.conf", Text: "any file that --config names: a line is a flag's name without --, a space and the value; # begins a remark"},
			{Name: "~/.local/state/resoagent", Text: "the state directory, or $XDG_STATE_HOME/resoagent; --state-dir names another"},
			{Name: "state.db", Text: "in it: where each stream stands. 'agent repair' makes a lost or damaged one anew"},
			{Name: "agent.sock", Text: "in it: the socket by which 'agent status' asks a sync that is running"},
			{Name: "listings.sqlite", Text: "in it: the database, where --database-url names no other"},
		},
	}
}

// described turns a command and those below it into what is written about them.
func (r *root) described(c *ffcli.Command) *manual.Command {
	path := c.FlagSet.Name()
	d := &manual.Command{
		Path: path, Group: r.groups[path], Short: c.ShortHelp, Long: c.LongHelp, Examples: r.shown[path],
	}
	for line := range strings.SplitSeq(c.ShortUsage, "\n") {
		d.Usage = append(d.Usage, strings.TrimSpace(line))
	}
	d.Variable = r.prefix(c)
	d.Groups, d.Aside = described(c.FlagSet, r.env.get("HOME"))
	for _, sub := range c.Subcommands {
		d.Commands = append(d.Commands, r.described(sub))
	}
	return d
}

// find gives the command of a path.
func find(c *manual.Command, path string) *manual.Command {
	for _, c := range c.All() {
		if c.Path == path {
			return c
		}
	}
	return c
}

// misread says which value could not be read, never the value: it may be a token.
func (r *root) misread(line commandLine, err error) error {
	var bad *lineError
	if errors.As(err, &bad) {
		return bad.explain(line.command.FlagSet)
	}
	var refused *flag.Flag
	line.command.FlagSet.VisitAll(func(f *flag.Flag) {
		if label(f).refused {
			refused = f
		}
	})
	see := fmt.Sprintf("see '%s --help'", line.command.FlagSet.Name())
	var file *os.PathError
	switch {
	case refused != nil && refused.Name == "config":
		return fmt.Errorf("%w: --config: %w; name a file with settings", errUsage, label(refused).why)
	case refused != nil:
		name := "--" + refused.Name
		if !line.given[refused.Name] {
			name = "the environment variable " + manual.Variable(r.prefix(line.command), refused.Name)
		}
		return fmt.Errorf("%w: %s takes %s; %s", errUsage, name, orOther(kindOf(label(refused))), see)
	case errors.As(err, &file):
		return fmt.Errorf("%w: read --config: %w; name a file that can be read", errUsage, file)
	}
	return fmt.Errorf("%w: the arguments cannot be read; %s", errUsage, see)
}

func orOther(kind string) string {
	if kind == "" {
		return "another kind of value"
	}
	return kind
}
