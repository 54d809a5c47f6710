package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/internal/catalog"
)

type resetCommand struct {
	*root
	settings
	streams map[string]*bool // by stream
	all     bool
	yes     bool
}

// errDeclined: the person said no.
var errDeclined = errors.New("nothing was changed")

func newReset(r *root) *ffcli.Command {
	c := &resetCommand{root: r}
	fs := r.flags("agent reset")
	c.register(fs, r.env)
	only(fs, sourceGroup, databaseGroup, filesGroup, outputGroup)
	r.examples(fs, "agent reset --media # asks first", "agent reset --all --yes # for a new database")
	c.streams = registerStreams(fs, "send back ")
	fs.BoolVar(&c.all, "all", false, "send back all streams")
	fs.BoolVar(&c.yes, "yes", false, "do not ask")
	return &ffcli.Command{
		Name: "reset", ShortUsage: "agent reset " + streamFlags("--%s|") + "--all [--yes] [flags]",
		ShortHelp: "send streams back to the beginning, in the state file and in the database",
		LongHelp: `The next sync reads all of them again, writes what differs and leaves the rest alone; no row is removed.
Needed when the database is a new one and the state is not.`,
		FlagSet: fs, Options: options(), Exec: c.exec,
	}
}

func (c *resetCommand) exec(ctx context.Context, args []string) (err error) {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	var names, titles []string
	for _, s := range catalog.All() {
		if c.all || *c.streams[s.Name] {
			names, titles = append(names, s.Name), append(titles, s.Title)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: name a stream (--media, ...) or --all", errUsage)
	}
	what := strings.Join(titles, ", ")
	if err := c.confirm(what); err != nil {
		return err
	}
	observe, done := c.observer(c.stderr)
	defer done()
	c.config.Observe = observe
	a, err := agent.Open(ctx, c.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.Reset(ctx, names); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "%s: the next sync begins at the beginning.\n", what)
	return err
}

// confirm asks, unless --yes is given.
func (c *resetCommand) confirm(what string) error {
	if c.yes {
		return nil
	}
	_, _ = fmt.Fprintf(c.stdout, "The next sync will read all of %s again. Go on? [y/N] ", what)
	answer, err := bufio.NewReader(c.stdin).ReadString('\n')
	if err != nil && answer == "" {
		_, _ = fmt.Fprintln(c.stdout)
		return fmt.Errorf("%w: there is nobody to ask; give --yes", errUsage)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
