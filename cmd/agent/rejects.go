package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/record"
)

type rejectsCommand struct {
	*root
	settings
	stream string
	json   bool
}

func newRejects(r *root) *ffcli.Command {
	c := &rejectsCommand{root: r}
	fs := r.flags("agent rejects")
	c.register(fs, r.env)
	c.withoutSource = true
	only(fs, databaseGroup, filesGroup)
	r.examples(fs, "agent rejects", "agent rejects --stream media --json", "agent rejects retry # ask the source for them again")
	c.registerStream(fs)
	fs.BoolVar(&c.json, "json", false, "one JSON array")
	return &ffcli.Command{
		Name: "rejects", ShortUsage: "agent rejects [--stream NAME] [--json] [flags]\nagent rejects retry [--stream NAME] [flags]",
		ShortHelp: "list what could not be stored, or not as it came; 'rejects retry' fetches it again",
		LongHelp: "Text that no database holds (NUL, bytes that are not UTF-8, halves of surrogate pairs) is repaired, and the record stored; " +
			"the list says what was done. Needs the database alone, and works while a sync runs. The records' bytes are in the table agent_reject.",
		FlagSet: fs, Options: options(), Exec: c.exec,
		Subcommands: []*ffcli.Command{newRejectsRetry(r)},
	}
}

func (c *rejectsCommand) registerStream(fs *flag.FlagSet) {
	fs.StringVar(&c.stream, "stream", "", "`"+strings.Join(agent.Streams(), "|")+"`: only those of this stream")
}

// streams are the streams that --stream names; none: all.
func (c *rejectsCommand) streams() []string {
	if c.stream == "" {
		return nil
	}
	return []string{c.stream}
}

func (c *rejectsCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	observe, finish := c.observer(c.stderr)
	defer finish()
	c.config.Observe = observe
	n, repaired := 0, 0
	err := agent.Rejects(ctx, c.config, c.streams(), func(r record.Reject) error {
		n++
		what := r.Reason
		if r.Repaired != "" {
			what = "stored, but repaired: " + r.Repaired
			repaired++
		}
		if c.json {
			return c.tellJSON(n, r)
		}
		_, err := fmt.Fprintf(c.stdout, "%s %s, %s, %d bytes\n    %s\n", r.Stream, r.Key, seen(r), r.Bytes, what)
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case c.json && n == 0:
		_, err = fmt.Fprintln(c.stdout, "[]")
	case c.json:
		_, err = fmt.Fprintln(c.stdout, "\n]")
	case n == 0:
		_, err = fmt.Fprintln(c.stdout, "There are no rejects.")
	default:
		_, err = fmt.Fprintf(c.stdout, "Rejects: %d%s. A later good version of a record clears its entry; 'agent rejects retry' asks for it now.\n",
			n-repaired, andRepaired(repaired))
	}
	return err
}

func andRepaired(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; stored with their text repaired: %d", n)
}

// tellJSON writes the n-th element of an array, a line each.
func (c *rejectsCommand) tellJSON(n int, r record.Reject) error {
	out, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode reject: %w", err)
	}
	before := ",\n"
	if n == 1 {
		before = "[\n"
	}
	_, err = fmt.Fprintf(c.stdout, "%s  %s", before, out)
	return err
}

func seen(r record.Reject) string {
	first, last := r.FirstSeen.UTC().Format(time.RFC3339), r.LastSeen.UTC().Format(time.RFC3339)
	if first == last {
		return "seen " + first
	}
	return "seen " + first + " to " + last
}

func newRejectsRetry(r *root) *ffcli.Command {
	c := &rejectsCommand{root: r}
	fs := r.flags("agent rejects retry")
	c.register(fs, r.env)
	only(fs, sourceGroup, databaseGroup, filesGroup, outputGroup)
	r.examples(fs, "agent rejects retry", "agent rejects retry --stream media")
	c.registerStream(fs)
	return &ffcli.Command{
		Name: "retry", ShortUsage: "agent rejects retry [--stream NAME] [flags]",
		ShortHelp: "fetch the rejected records again, and clear those that now go in",
		LongHelp:  "No position is moved. Exit code 3: some are still rejected.",
		FlagSet:   fs, Options: options(), Exec: c.retry,
	}
}

func (c *rejectsCommand) retry(ctx context.Context, args []string) (err error) {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	observe, finish := c.observer(c.stderr)
	defer finish()
	c.config.Observe = observe
	a, err := agent.Open(ctx, c.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	done, err := a.RetryRejects(ctx, c.streams())
	left := int64(0)
	for _, r := range done {
		left += r.Left
		if r.Asked+r.Keyless == 0 {
			continue
		}
		_, _ = fmt.Fprintf(c.stdout, "%s: asked for %d, %d are still rejected", catalog.All().Of(r.Stream).Title, r.Asked, r.Left)
		if r.Keyless > 0 {
			_, _ = fmt.Fprintf(c.stdout, " (%d have no key to ask for)", r.Keyless)
		}
		_, _ = fmt.Fprintln(c.stdout, ".")
	}
	switch {
	case err != nil:
		return err
	case left > 0:
		return errRejects
	}
	_, err = fmt.Fprintln(c.stdout, "There are no rejects left.")
	return err
}
