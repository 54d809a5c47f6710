package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
	"resoagent/internal/catalog"
)

type syncCommand struct {
	*root
	settings
	streams map[string]*bool // by stream
	force   bool
	accept  bool
	dryRun  bool
}

func newSync(r *root) *ffcli.Command {
	c := &syncCommand{root: r}
	fs := r.flags("agent sync")
	c.register(fs, r.env)
	only(fs, sourceGroup, databaseGroup, filesGroup, outputGroup, paceGroup, faultsGroup)
	c.streams = registerStreams(fs, "sync ")
	r.examples(fs, "agent sync --dry-run # how many records, from where, and about how much disk",
		"agent sync --config agent.conf # whatever has changed, of all streams",
		"agent sync --media --rooms # photos and rooms of listings that are there",
		"agent sync --media --force # fetch all photos again")
	fs.BoolVar(&c.force, "force", false, "fetch everything again and rewrite what differs")
	registerAccept(fs, &c.accept)
	fs.BoolVar(&c.dryRun, "dry-run", false, "only show what would be fetched, and about how much disk it takes")
	return &ffcli.Command{
		Name: "sync", ShortUsage: "agent sync " + streamFlags("[--%s] ") + "[--force] [--accept-source] [--dry-run] [flags]",
		ShortHelp: "fetch what has changed into the database; goes on where it was stopped",
		LongHelp: "No stream named: all of them. Listings come first, then what belongs to listings that are there (" + belongings() + `).
A run that was stopped, by whatever, goes on where it stood when the command is given again.

Exit code 3: done, but some records were rejected; 4: another agent is at work;
5: done, but the source counts more than it sent; 130: interrupted.`,
		FlagSet: fs, Options: options(), Exec: c.exec,
	}
}

// registerStreams makes a flag for each stream; verb is what it is named for.
func registerStreams(set *flag.FlagSet, verb string) map[string]*bool {
	fs := &grouped{FlagSet: set, title: "Streams"}
	streams := make(map[string]*bool)
	for _, s := range catalog.All() {
		streams[s.Name] = fs.Bool(s.Flag, false, verb+s.Help)
	}
	return streams
}

// streamFlags are the flags of all streams, each by the format.
func streamFlags(format string) string {
	var all strings.Builder
	for _, s := range catalog.All() {
		fmt.Fprintf(&all, format, s.Flag)
	}
	return all.String()
}

// listingFlags are those of the streams of listings.
func listingFlags() string {
	var all []string
	for _, s := range catalog.All().Listings() {
		all = append(all, "--"+s.Flag)
	}
	return strings.Join(all, " ")
}

// belongings names what belongs to listings.
func belongings() string {
	var all []string
	for _, s := range catalog.All() {
		if s.Child() {
			all = append(all, s.Help)
		}
	}
	return strings.Join(all, ", ")
}

// registerAccept adds the flag by which a source is known again.
func registerAccept(fs *flag.FlagSet, accept *bool) {
	fs.BoolVar(accept, "accept-source", false, "the source has another address and is the same: go on where the streams stand")
}

// selected are the streams whose flags are set, in their order; none: all.
func selected(flags map[string]*bool) (names []string) {
	for _, name := range agent.Streams() {
		if *flags[name] {
			names = append(names, name)
		}
	}
	return names
}

func (c *syncCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	sel := agent.Selection{Streams: selected(c.streams), Force: c.force, AcceptSource: c.accept}
	if c.dryRun {
		items, left, err := agent.Plan(ctx, c.config, sel)
		if err != nil {
			return err
		}
		console.Plan(c.stdout, items, left)
		return nil
	}
	if err := c.memory.apply(c.env); err != nil {
		return err
	}
	observe, done := c.observer(c.stdout)
	defer done()
	c.config.Observe = observe
	return syncOnce(ctx, c.config, sel)
}

// syncOnce runs an agent once. Rejects of this run are an error of their own.
func syncOnce(ctx context.Context, config agent.Config, sel agent.Selection) (err error) {
	a, err := agent.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	report, err := a.Sync(ctx, sel)
	if err != nil {
		return err
	}
	if len(report.LeftOut) > 0 && len(sel.Streams) > 0 {
		return errLeftOut
	}
	if report.Missing() > 0 {
		return errGap
	}
	if report.Totals.Failed > 0 {
		return errRejects
	}
	return nil
}

// observer is what shows the run, and what ends it.
func (s *settings) observer(w io.Writer) (observe func(agent.Event), done func()) {
	o := consoleOptions(w)
	o.Quiet, o.Level = s.quiet, s.least
	if s.format == "json" {
		return console.JSON(w, o), func() {}
	}
	t := console.NewText(w, o)
	return t.Observe, t.Close
}

// logger is for what is no event of the agent: a fault of an HTTP connection.
func (s *settings) logger(w io.Writer) *slog.Logger {
	if s.format == "json" {
		return console.NewLogger(w, console.Options{Level: s.least})
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: s.least}))
}

// consoleOptions finds out whether w is a terminal that can show a bar.
func consoleOptions(w io.Writer) console.Options {
	o := console.Options{Width: 80}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return o
	}
	if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		o.Width, o.Height = width, height
	}
	o.Terminal = true
	return o
}
