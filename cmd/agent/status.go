package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
)

type statusCommand struct {
	*root
	settings
	json bool
}

func newStatus(r *root) *ffcli.Command {
	c := &statusCommand{root: r}
	fs := r.flags("agent status")
	c.register(fs, r.env)
	only(fs, filesGroup)
	r.examples(fs, "agent status", "agent status --json # the same for programs")
	fs.BoolVar(&c.json, "json", false, "one JSON document")
	return &ffcli.Command{
		Name: "status", ShortUsage: "agent status [--json] [flags]",
		ShortHelp: "show where each stream stands, also while a sync runs",
		LongHelp:  "Needs neither source nor database, and works while a sync runs.",
		FlagSet:   fs, Options: options(), Exec: c.exec,
	}
}

func (c *statusCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	s, err := agent.ReadStatus(ctx, c.config.StateDir)
	if err != nil {
		return err
	}
	if !c.json {
		console.Status(c.stdout, s, c.env.now())
		return nil
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	_, err = fmt.Fprintf(c.stdout, "%s\n", out)
	return err
}
