package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
)

type healthCommand struct {
	*root
	settings
	ready bool
}

// errNoAgent: there is no agent that could be well.
var errNoAgent = errors.New("no agent runs on this state directory; start it with 'agent run'")

func newHealth(r *root) *ffcli.Command {
	c := &healthCommand{root: r}
	fs := r.flags("agent health")
	c.register(fs, r.env)
	c.withoutSource = true
	only(fs, filesGroup)
	r.examples(fs, "agent health", "agent health --ready --state-dir /var/lib/resoagent")
	fs.BoolVar(&c.ready, "ready", false, "also ask whether the last success is no older than twice the interval")
	return &ffcli.Command{
		Name: "health", ShortUsage: "agent health [--ready] [flags]",
		ShortHelp: "exit with 0 if an agent runs and answers, else with 1; for containers and monitoring",
		LongHelp:  "Asks the agent over its socket in the state directory, so it needs no --listen.",
		FlagSet:   fs, Options: options(), Exec: c.exec,
	}
}

func (c *healthCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	s, err := agent.ReadStatus(ctx, c.config.StateDir, c.env.now())
	if err != nil {
		return err
	}
	if s.Agent == nil {
		return errNoAgent
	}
	if c.ready {
		if err := s.Ready(); err != nil {
			return fmt.Errorf("not ready: %w", err)
		}
	}
	_, err = fmt.Fprintln(c.stdout, "ok")
	return err
}
