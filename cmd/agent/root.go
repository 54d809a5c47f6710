package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// root is the command line.
type root struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            environment
	help           *bytes.Buffer // what the flag package writes while it parses
}

func newRoot(stdin io.Reader, stdout, stderr io.Writer, env environment) *root {
	return &root{stdin: stdin, stdout: stdout, stderr: stderr, env: env, help: &bytes.Buffer{}}
}

// execute parses the arguments and runs the command they name.
func (r *root) execute(ctx context.Context, args []string) error {
	commands := []*ffcli.Command{
		newSync(r), newStatus(r), newReset(r), newRejects(r), newRepair(r), newDoctor(r), newMigrate(r), newSimulate(r), newDemo(r), newVersion(r),
	}
	top := &ffcli.Command{
		Name: "agent", ShortUsage: "agent COMMAND [flags]", FlagSet: r.flags("agent"), Subcommands: commands,
		UsageFunc: r.overview,
		Exec: func(_ context.Context, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: there is no command %q; 'agent --help' lists them", errUsage, args[0])
			}
			_, _ = fmt.Fprint(r.stderr, r.overview(nil))
			return fmt.Errorf("%w: name a command", errUsage)
		},
	}
	err := top.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = r.stdout.Write(r.help.Bytes())
		return err
	case err != nil:
		return fmt.Errorf("%w: %s; see 'agent --help'", errUsage, withoutValues(err.Error()))
	}
	return top.Run(ctx)
}

// flags makes a flag set that neither writes nor exits by itself.
func (r *root) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(r.help)
	return fs
}

// options are how settings are read: a flag first, then the environment, then
// the file that --config names.
func options() []ff.Option {
	return []ff.Option{
		ff.WithEnvVarPrefix("AGENT"), ff.WithConfigFileFlag("config"), ff.WithConfigFileParser(ff.PlainParser),
	}
}

// withoutValues cuts the value off a line of the settings file that was meant as
// name=value: it may be a token.
func withoutValues(text string) string {
	return regexp.MustCompile(`(config file flag "[^"=]*=)[^"]*`).ReplaceAllString(text, "${1}...")
}

// noArguments refuses what is left behind the flags.
func noArguments(args []string) error {
	if len(args) > 0 {
		// It is not shown: it may be a token behind a flag that takes none.
		return fmt.Errorf("%w: an argument belongs to no flag; flags begin with --, and --idx and --vow take no value", errUsage)
	}
	return nil
}

func (r *root) overview(*ffcli.Command) string {
	return `agent keeps a complete, current copy of a RESO Web API feed in a database.

USAGE
  agent COMMAND [flags]

COMMANDS
  sync      fetch what has changed into the database; goes on where it was stopped
  status    show where each stream stands, also while a sync runs
  rejects   list the records that could not be stored; 'rejects retry' fetches them again
  reset     send streams back to the beginning
  repair    check the state file and make a damaged one anew
  doctor    check settings, state directory, source and database, and say what to do
  migrate   create or upgrade the database's tables
  simulate  serve a simulated RESO Web API
  demo      simulator, sync and status in one process; needs nothing else
  version   print the version

EXAMPLES
  agent demo
  agent sync --source-url https://query.ampre.ca/odata --vow-token-file vow.token --database-url postgres://...
  agent sync --media --rooms
  agent status --json

'agent COMMAND --help' shows a command's flags. Every flag is also an environment variable
(--source-url is AGENT_SOURCE_URL) and a line in the file that --config names (source-url VALUE).
A flag beats the environment, the environment beats the file.

` + exitText
}

// usage is the help of one command, with each flag, its default and its
// environment variable.
func usage(c *ffcli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUSAGE\n  %s\n", c.ShortHelp, c.ShortUsage)
	if c.LongHelp != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.LongHelp))
	}
	any := false
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		if !any {
			b.WriteString("\nFLAGS\n")
			any = true
		}
		value, text := flag.UnquoteUsage(f)
		name := "--" + f.Name
		if value != "" {
			name += " " + strings.ToUpper(value)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(&b, "  %-34s %s\n", name, text)
	})
	b.WriteString("\n" + exitText)
	return b.String()
}
