package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/internal/catalog"
)

type repairCommand struct {
	*root
	settings
	check bool
	json  bool
}

func newRepair(r *root) *ffcli.Command {
	c := &repairCommand{root: r}
	fs := r.flags("agent repair")
	c.register(fs, r.env)
	only(fs, databaseGroup, filesGroup, outputGroup)
	r.examples(fs, "agent repair --check # only look", "agent repair --config agent.conf")
	fs.BoolVar(&c.check, "check", false, "only look at the state file; needs neither source nor database")
	fs.BoolVar(&c.json, "json", false, "with --check: one JSON document")
	return &ffcli.Command{
		Name: "repair", ShortUsage: "agent repair [--check [--json]] [flags]",
		ShortHelp: "check the state file and make a damaged one anew",
		LongHelp: `A damaged state file is set aside under another name, and a new one is made from the database. A good one
is left alone. The check happens in a process of its own, since a damaged file can end the one that looks at it.`,
		FlagSet: fs, Options: options(), Exec: c.exec,
	}
}

func (c *repairCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	c.withoutSource = c.check
	if err := c.complete(); err != nil {
		return err
	}
	if c.check {
		return c.checkOnly()
	}
	observe, finish := c.observer(c.stderr)
	defer finish()
	c.config.Observe = observe
	done, err := agent.Repair(ctx, c.config, c.checkApart)
	c.tell(done, err)
	return err
}

// checkOnly is what the process of the check does.
func (c *repairCommand) checkOnly() error {
	report := agent.CheckState(c.config.StateDir)
	if c.json {
		out, err := json.Marshal(report)
		if err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
		_, err = fmt.Fprintf(c.stdout, "%s\n", out)
		return err
	}
	if report.State == agent.StateGood || report.State == agent.StateNone {
		_, err := fmt.Fprintf(c.stdout, "The state file: %s.\n", report.State)
		return err
	}
	return report.Err()
}

// checkApart has the state file looked at by another process.
func (r *root) checkApart(ctx context.Context, dir string) (report agent.StateReport, err error) {
	var out, complaint bytes.Buffer
	child := exec.CommandContext(ctx, r.env.executable, "repair", "--check", "--json", "--state-dir", dir) //nolint:gosec // this program
	// All it needs stands in its arguments. Without the settings of the environment
	// none of them can be what it complains of.
	for _, entry := range r.env.list() {
		if !strings.HasPrefix(entry, variablePrefix+"_") {
			child.Env = append(child.Env, entry)
		}
	}
	child.Stdout, child.Stderr = &out, &complaint
	ran := child.Run()
	if ctx.Err() != nil {
		return report, fmt.Errorf("check state file: %w", ctx.Err())
	}
	if err := json.Unmarshal(out.Bytes(), &report); err == nil && ran == nil {
		return report, nil
	}
	var exit *exec.ExitError
	if !errors.As(ran, &exit) || exit.ExitCode() == exitUsage {
		return report, fmt.Errorf("check state file in another process: %w", ran)
	}
	first, _, _ := strings.Cut(complaint.String(), "\n")
	return agent.StateReport{
		State: agent.StateDamaged, Reason: fmt.Sprintf("it ended the process that looked at it (%v: %s)", exit, first),
	}, nil
}

// tell says what was done, also when not all of it was.
func (c *repairCommand) tell(done agent.Repaired, err error) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c.stdout, format+"\n", args...) }
	switch done.Found.State {
	case agent.StateGood:
		say("The state file is good; nothing was changed.")
		return
	case agent.StateNone:
		say("There is no state file; the next sync makes one from the database.")
		return
	}
	if done.Aside == "" {
		return
	}
	say("What was found: %s.", done.Found.Reason)
	say("Set aside as %s.", done.Aside)
	if done.Waiting > 0 {
		say("Finished runs in it that were not seen to be in SyncLog: %d; they are in the new one.", done.Waiting)
	}
	if err != nil {
		say("The new one is not complete; the next sync completes it.")
		return
	}
	say("A new one is made from the database, with %s parent keys. The streams stand at:", humanize.Comma(int64(done.Keys))) //nolint:gosec // far below the limit
	for _, s := range catalog.All() {
		at := done.Positions[s.Name]
		if at == "" {
			at = "the beginning"
		}
		say("  %-14s %s", s.Title, at)
	}
	say("Run 'agent sync' to go on; remove the old file when you do not need it.")
}
