package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
)

type historyCommand struct {
	*root
	settings
	json bool
	last int
}

func newHistory(r *root) *ffcli.Command {
	c := &historyCommand{root: r}
	fs := r.flags("agent history")
	c.register(fs, r.env)
	c.withoutSource = true
	only(fs, filesGroup)
	r.examples(fs, "agent history", "agent history --last 0 --json # all that are kept, for programs")
	fs.BoolVar(&c.json, "json", false, "one JSON array")
	fs.IntVar(&c.last, "last", 20, "show the last `n` runs; 0: all that are kept")
	return &ffcli.Command{
		Name: "history", ShortUsage: "agent history [--last N] [--json] [flags]",
		ShortHelp: "show past runs: when, how long, how many records, and why some failed",
		LongHelp:  "Needs neither source nor database, and works while a sync runs. The last 1,000 runs are kept.",
		FlagSet:   fs, Options: options(), Exec: c.exec,
	}
}

func (c *historyCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if c.last < 0 {
		return fmt.Errorf("%w: --last is %d, must not be negative", errUsage, c.last)
	}
	runs, err := agent.ReadHistory(ctx, c.config.StateDir, c.last)
	if err != nil {
		return err
	}
	if !c.json {
		console.History(c.stdout, runs)
		return nil
	}
	e := json.NewEncoder(c.stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(runs); err != nil {
		return fmt.Errorf("encode history: %w", err)
	}
	return nil
}
