package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
)

type statusCommand struct {
	*root
	settings
	json  bool
	watch bool
	each  time.Duration
}

func newStatus(r *root) *ffcli.Command {
	c := &statusCommand{root: r}
	fs := r.flags("agent status")
	c.register(fs, r.env)
	c.withoutSource = true
	only(fs, filesGroup)
	r.examples(fs, "agent status", "agent status --watch # drawn anew each second", "agent status --json # for programs")
	fs.BoolVar(&c.json, "json", false, "one JSON document; with --watch one a line")
	fs.BoolVar(&c.watch, "watch", false, "show it again and again, until Ctrl-C")
	fs.DurationVar(&c.each, "interval", time.Second, "time between two looks with --watch")
	return &ffcli.Command{
		Name: "status", ShortUsage: "agent status [--watch] [--json] [flags]",
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
	if c.each < 100*time.Millisecond {
		return fmt.Errorf("%w: --interval is %s, must be 100ms or more", errUsage, c.each)
	}
	if !c.watch {
		return c.show(ctx)
	}
	tick := time.NewTicker(c.each)
	defer tick.Stop()
	for {
		// An agent that starts or ends at this moment may not answer. Whoever
		// watches wants to go on watching.
		if err := c.show(ctx); err != nil && ctx.Err() == nil {
			_, _ = fmt.Fprintf(c.stderr, "agent: %v\n", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil // told to stop, which is how it ends
		}
	}
}

func (c *statusCommand) show(ctx context.Context) error {
	s, err := agent.ReadStatus(ctx, c.config.StateDir, c.env.now())
	if err != nil {
		return err
	}
	if c.watch && !c.json {
		return console.StatusFrame(c.stdout, s, consoleOptions(c.stdout))
	}
	var out bytes.Buffer
	switch {
	case c.json && c.watch:
		err = json.NewEncoder(&out).Encode(s)
	case c.json:
		e := json.NewEncoder(&out)
		e.SetIndent("", "  ")
		err = e.Encode(s)
	default:
		console.Status(&out, s)
	}
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	_, err = c.stdout.Write(out.Bytes())
	return err
}
