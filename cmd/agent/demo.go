package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
	"resoagent/internal/simulator"
)

type demoCommand struct {
	*root
	options simulator.Options
	dir     string
	quiet   bool
}

func newDemo(r *root) *ffcli.Command {
	c := &demoCommand{root: r}
	fs := r.flags("agent demo")
	r.examples(fs, "agent demo", "agent demo --properties 20000 --state-dir ./demo # larger, and kept to look at")
	registerData(fs, &c.options, 3000)
	fs.StringVar(&c.dir, "state-dir", "", "`directory` to keep state and database in; none: a temporary one, removed at the end")
	fs.BoolVar(&c.quiet, "quiet", false, "only phases, problems and the summary")
	return &ffcli.Command{
		Name: "demo", ShortUsage: "agent demo [--properties N] [--state-dir DIRECTORY]",
		ShortHelp: "simulator, sync and status in one process; nothing else needed",
		FlagSet:   fs, Options: r.variablesOnly(fs, "AGENT_DEMO"), Exec: c.exec,
	}
}

func (c *demoCommand) exec(ctx context.Context, args []string) (err error) {
	if err := noArguments(args); err != nil {
		return err
	}
	kept := c.dir != ""
	if !kept {
		if c.dir, err = os.MkdirTemp("", "resoagent-demo-"); err != nil {
			return fmt.Errorf("make demo directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	}
	s, err := startSimulator(ctx, "127.0.0.1:0", c.options)
	if err != nil {
		return err
	}
	defer s.stop()
	say(c.stdout, "A simulated RESO Web API serves %d listings at %s\n", c.options.Properties, s.url)

	config := c.config(s.url)
	o := consoleOptions(c.stdout)
	o.Quiet = c.quiet
	t := console.NewText(c.stdout, o)
	defer t.Close()
	config.Observe = t.Observe
	if err := syncOnce(ctx, config, agent.Selection{}); err != nil {
		return err
	}
	t.Close()

	say(c.stdout, "\n$ agent status")
	status, err := agent.ReadStatus(ctx, c.dir, c.env.now())
	if err != nil {
		return err
	}
	console.Status(c.stdout, status)
	if err := c.queries(ctx); err != nil {
		return err
	}
	if kept {
		say(c.stdout, "\nThe database is %s; 'agent demo --state-dir %s' again shows a run with nothing new.", c.database(), c.dir)
	} else {
		say(c.stdout, "\n'agent demo --state-dir DIRECTORY' keeps the database to look at.")
	}
	return nil
}

func (c *demoCommand) database() string { return filepath.Join(c.dir, "listings.sqlite") }

// config has shorter delays than a real source wants: this one is in the same
// process.
func (c *demoCommand) config(url string) agent.Config {
	config := agent.DefaultConfig()
	config.SourceURL, config.StateDir, config.DatabaseURL = url, c.dir, "sqlite:"+c.database()
	config.IDXToken, config.VOWToken = simulator.DefaultIDXToken, simulator.DefaultVOWToken
	config.Host, config.Now, config.UserAgent = c.env.host, c.env.now, userAgent()
	for _, sizes := range config.Sizes {
		sizes.Page, sizes.Throttle = 1000, 50*time.Millisecond
	}
	return config
}

// queries shows what can be asked once the data is there.
func (c *demoCommand) queries(ctx context.Context) (err error) {
	db, err := sql.Open("sqlite", "file:"+c.database()+"?mode=ro")
	if err != nil {
		return fmt.Errorf("open demo database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, q := range []struct{ title, text string }{
		{
			"Where are the most homes for sale, and what do they cost? (from the IDX feed alone, as on a public page)",
			`SELECT city, count(*) AS listings, CAST(avg(list_price) AS INTEGER) AS average_price
FROM idx_listing WHERE standard_status = 'Active' AND transaction_type = 'For Sale'
GROUP BY city ORDER BY listings DESC, city LIMIT 5`,
		},
		{
			"The listings with the most photos",
			`SELECT l.listing_key, l.unparsed_address, count(*) AS photos
FROM vow_listing l JOIN listing_photo p ON p.listing_key = l.listing_key
GROUP BY l.listing_key, l.unparsed_address ORDER BY photos DESC, l.listing_key LIMIT 5`,
		},
		{
			"What the JSON copy still has, beyond the typed columns",
			`SELECT listing_key, record ->> 'CrossStreet' AS cross_street, record ->> 'TaxYear' AS tax_year,
       record ->> 'HeatType' AS heat_type, length(record) AS bytes
FROM vow_listing WHERE record ->> 'HeatType' IS NOT NULL ORDER BY listing_key LIMIT 5`,
		},
	} {
		say(c.stdout, "\n%s\n\n%s;", q.title, q.text)
		if err := show(ctx, c.stdout, db, q.text); err != nil {
			return err
		}
	}
	return nil
}

func show(ctx context.Context, w io.Writer, db *sql.DB, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("ask demo database: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("ask demo database: %w", err)
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	row := func(n int) table.Row { return make(table.Row, n) }
	header := row(len(names))
	for i, n := range names {
		header[i] = n
	}
	t.AppendHeader(header)
	for rows.Next() {
		values := row(len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("ask demo database: %w", err)
		}
		t.AppendRow(values)
	}
	t.Render()
	return rows.Err()
}

func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
