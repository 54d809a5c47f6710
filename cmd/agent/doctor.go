package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
)

// errDoctor: a run would stop.
var errDoctor = errors.New("a sync would stop; what to do stands with each ✗")

type doctorCommand struct {
	*root
	settings
	streams map[string]*bool // by stream
	json    bool
}

func newDoctor(r *root) *ffcli.Command {
	c := &doctorCommand{root: r}
	fs := r.flags("agent doctor")
	c.register(fs, r.env)
	only(fs, sourceGroup, databaseGroup, filesGroup)
	r.examples(fs, "agent doctor --config agent.conf", "agent doctor --vow --media --json # of these streams alone, for programs")
	c.streams = registerStreams(fs, "check ")
	fs.BoolVar(&c.json, "json", false, "one JSON document")
	return &ffcli.Command{
		Name: "doctor", ShortUsage: "agent doctor " + streamFlags("[--%s] ") + "[--json] [flags]",
		ShortHelp: "check settings, state directory, source and database, and say what to do",
		LongHelp: `Asks the source and the database what a sync would ask, with the settings of a sync, and prints a line for
each check: ✓ good, ! worth knowing, ✗ a sync would stop, – not checked. It changes nothing and takes a
minute or so at most. No stream named: all that a token is there for.

Exit code 0: nothing would stop a sync; 1: something would, also another agent at work on the database;
2: the command line is wrong.`,
		FlagSet: fs, Options: options(), Exec: c.exec,
	}
}

func (c *doctorCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	var findings []agent.Finding
	screen := console.NewDoctor(c.stdout, consoleOptions(c.stdout))
	observe := func(f agent.Finding) {
		findings = append(findings, f)
		if !c.json {
			screen.Finding(f)
		}
	}
	c.own(observe)
	_ = c.memory.apply(c.env) // what is wrong with it was told
	e := agent.Examination{Streams: selected(c.streams), CheckState: c.checkApart, Observe: observe}
	_, err := agent.Examine(ctx, c.config, e)
	if c.json {
		if err := c.document(findings); err != nil {
			return err
		}
	} else {
		screen.Summary(findings)
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.State == agent.FindingFailure {
			return errDoctor
		}
	}
	return nil
}

// own checks the settings that are the command line's own.
func (c *doctorCommand) own(observe func(agent.Finding)) {
	for _, w := range c.wrong() {
		if w.setting == "state-dir" {
			continue // the agent says so as well
		}
		observe(agent.Finding{
			Group: agent.GroupConfiguration, Name: w.setting, State: agent.FindingFailure,
			Found: strings.TrimPrefix(w.err.Error(), errUsage.Error()+": "), Do: "correct the setting: a flag, a variable or a line of the settings file",
		})
	}
	for _, x := range []struct{ setting, file string }{{"idx-token-file", c.idxFile}, {"vow-token-file", c.vowFile}} {
		if x.file == "" {
			continue
		}
		if info, err := os.Stat(x.file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
			observe(agent.Finding{
				Group: agent.GroupConfiguration, Name: x.setting, State: agent.FindingWarning,
				Found: fmt.Sprintf("every user of this host can read %s", x.file), Do: "chmod 600 " + x.file,
			})
		}
	}
}

func (c *doctorCommand) document(findings []agent.Finding) error {
	out, err := json.MarshalIndent(struct {
		Findings []agent.Finding `json:"findings"`
	}{findings}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode findings: %w", err)
	}
	_, err = fmt.Fprintf(c.stdout, "%s\n", out)
	return err
}
