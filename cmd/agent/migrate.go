package main

import (
	"context"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"resoagent/agent"
)

type migrateCommand struct {
	*root
	settings
}

func newMigrate(r *root) *ffcli.Command {
	c := &migrateCommand{root: r}
	fs := r.flags("agent migrate")
	c.register(fs, r.env)
	c.withoutSource = true
	only(fs, databaseGroup, filesGroup, outputGroup)
	r.examples(fs, "agent migrate --database-url postgres://resoagent@localhost/listings --schema reso")
	return &ffcli.Command{
		Name: "migrate", ShortUsage: "agent migrate [flags]",
		ShortHelp: "create or upgrade the database's tables",
		LongHelp:  "'agent sync' does the same at its start; this is for those who want to look first.",
		FlagSet:   fs, Options: options(), Exec: c.exec,
	}
}

func (c *migrateCommand) exec(ctx context.Context, args []string) error {
	if err := noArguments(args); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	observe, done := c.observer(c.stderr)
	defer done()
	c.config.Observe = observe
	result, err := agent.Migrate(ctx, c.config)
	if err != nil {
		return err
	}
	switch {
	case result.From == result.To && result.Changed:
		_, err = fmt.Fprintf(c.stdout, "Added to the tables what this version of the agent has more (schema version %d).\n", result.To)
	case result.From == result.To:
		_, err = fmt.Fprintf(c.stdout, "The tables are up to date (schema version %d).\n", result.To)
	case result.From == 0:
		_, err = fmt.Fprintf(c.stdout, "Created the tables (schema version %d).\n", result.To)
	default:
		_, err = fmt.Fprintf(c.stdout, "Upgraded the tables from schema version %d to %d.\n", result.From, result.To)
	}
	if err != nil {
		return err
	}
	verb := "Using the existing"
	if result.Created {
		verb = "Created"
	}
	if _, err = fmt.Fprintf(c.stdout, "%s SyncLog table %s.\n", verb, result.SyncLog); err != nil {
		return err
	}
	for _, other := range result.OtherSyncLogs {
		_, err = fmt.Fprintf(c.stdout, "There is another one, %s, which is not used; --synclog %s takes it.\n", other, other)
	}
	return err
}
