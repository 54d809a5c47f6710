package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"resoagent/internal/record"
	"resoagent/migrations"
)

// tables looks at the tables as a migration would find them.
func (p *probe) tables(ctx context.Context) error {
	db := stdlib.OpenDBFromPool(p.pool)
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, probeQuestion)
	defer cancel()
	s, err := migrations.Look(ctx, db, migrations.Postgres, p.Destination.names(), p.layout)
	if err != nil {
		return err
	}
	p.standing = s
	switch {
	case len(s.Foreign) > 0:
		p.Failure("tables", "give the agent a schema of its own with --schema NAME",
			"in schema %s there are tables or views of its names that the agent did not make: %s", p.schema, strings.Join(s.Foreign, ", "))
	case s.Newer():
		p.Failure("tables", "upgrade this agent", "made by a newer agent: version %d, this one knows %d", s.Version, s.Latest)
	case len(s.Missing) > 0:
		p.Failure("tables", "restore them from a backup, or use another schema (--schema)",
			"version %d, but these are missing: %s", s.Version, strings.Join(s.Missing, ", "))
	case s.Version == s.Latest && !s.Pending:
		p.OK("tables", "version %d of %d", s.Version, s.Latest)
	case len(s.Obstacles) > 0:
		what, do := s.InTheWay()
		p.Failure("tables", do, "%s", what)
	default:
		return p.upgradable(ctx)
	}
	return nil
}

// upgradable looks whether this user may make, or change, what a migration will.
func (p *probe) upgradable(ctx context.Context) error {
	s, user := p.standing, p.config.ConnConfig.User
	what := "none yet; the first sync creates them"
	switch {
	case s.Pending:
		what = fmt.Sprintf("version %d of %d; the next sync adds to them", s.Version, s.Latest)
	case s.Version > 0:
		what = fmt.Sprintf("version %d of %d; the next sync upgrades them", s.Version, s.Latest)
	}
	var create bool
	err := p.ask(ctx, `SELECT COALESCE((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1),
		has_database_privilege(current_database(), 'CREATE'))`, []any{p.schema}, &create)
	if err != nil {
		return err
	}
	names := p.ownTables()
	for _, v := range p.layout.Views { // of which one was a table before version 6
		names = append(names, strings.ToLower(v.Name))
	}
	others, err := p.names(ctx, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = ANY ($2) AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1`,
		p.schema, names)
	switch {
	case err != nil:
		return err
	case !create:
		p.Failure("tables", fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO %s, or run 'agent migrate' as a user who may", p.schema, user),
			"%s, but user %s may not create tables in schema %s", what, user, p.schema)
	case len(others) > 0:
		p.Failure("tables", "run 'agent migrate' once as their owner", "%s, but user %s does not own %s", what, user, strings.Join(others, ", "))
	default:
		p.OK("tables", "%s", what)
	}
	return nil
}

// ownTables are the tables that a run reads and writes.
func (d *Destination) ownTables() (names []string) {
	for _, s := range d.shapes.All {
		names = append(names, s.Table)
	}
	return append(names, "agent_owner", "agent_position", "agent_run", "agent_orphan", "agent_reject",
		"agent_table", "agent_view")
}

// rights looks whether this user may do to the tables what a run does.
func (p *probe) rights(ctx context.Context) error {
	if p.standing.Version == 0 || len(p.standing.Foreign) > 0 {
		p.NotChecked("rights", "there are no tables of the agent yet")
		return nil
	}
	lacking, err := p.names(ctx, `SELECT r || ' on ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
		unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY r(r, i)
		WHERE n.nspname = $1 AND c.relname = ANY ($2) AND NOT has_table_privilege(c.oid, r) ORDER BY c.relname, i`, p.schema, p.ownTables())
	if err != nil {
		return err
	}
	var hidden []obstacle
	err = p.read(ctx, func(tx pgx.Tx) (err error) {
		hidden, err = p.rowSecurity(ctx, tx, p.standing.SyncLog)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(hidden) > 0:
		p.Failure("rights", hidden[0].do, "%s", hidden[0].what)
	case len(lacking) > 0:
		user := p.config.ConnConfig.User
		p.Failure("rights", fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %s", p.schema, user),
			"user %s lacks %s", user, some(lacking, 4))
	default:
		p.OK("rights", "the tables can be read and written")
	}
	return nil
}

// some shows the first few of a list.
func some(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

func (p *probe) temporaryTables(ctx context.Context) error {
	var may bool
	if err := p.ask(ctx, `SELECT has_database_privilege(current_database(), 'TEMPORARY')`, nil, &may); err != nil {
		return err
	}
	user, database := p.config.ConnConfig.User, p.config.ConnConfig.Database
	if !may {
		p.Warning("temporary", fmt.Sprintf("GRANT TEMPORARY ON DATABASE %s TO %s, for faster writing of large changes", database, user),
			"user %s may not make temporary tables; the agent does without", user)
		return nil
	}
	p.OK("temporary", "temporary tables can be made")
	return nil
}

// syncLog looks whether runs can be written to the SyncLog that is there.
func (p *probe) syncLog(ctx context.Context) error {
	name := p.standing.SyncLog
	switch other := strings.Join(p.standing.OtherSyncLogs, ", "); {
	case name == "" && p.named != "":
		p.Failure("synclog", "correct --synclog", "there is no table %s", p.named)
		return nil
	case name == "" && other != "":
		p.Warning("synclog", "add --synclog "+p.standing.OtherSyncLogs[0]+" if runs are to be written there, and to know its positions",
			"none yet in schema %s; the next sync creates it, and does not use %s", p.schema, other)
		return nil
	case name == "":
		p.OK("synclog", "none yet; the next sync creates it")
		return nil
	}
	columns, err := p.names(ctx, `SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped`, name)
	if err != nil {
		return err
	}
	var missing []string
	for _, c := range append(record.SyncLogColumns(), p.columns...) {
		if !slices.Contains(columns, c) {
			missing = append(missing, c)
		}
	}
	var readable, writable bool
	err = p.ask(ctx, `SELECT has_table_privilege($1::text, 'SELECT'), has_table_privilege($1::text, 'INSERT')
		AND COALESCE(has_sequence_privilege(pg_get_serial_sequence($1, 'id'), 'USAGE'), true)`, []any{name}, &readable, &writable)
	user := p.config.ConnConfig.User
	switch {
	case len(missing) > 0:
		p.Failure("synclog", "add the columns, or give the agent a schema of its own with --schema NAME",
			"%s lacks the columns %s", name, strings.Join(missing, ", "))
	case err != nil:
		return err
	case !readable || !writable:
		p.Failure("synclog", fmt.Sprintf("GRANT SELECT, INSERT ON %s TO %s, and USAGE on its sequence", name, user),
			"user %s may not write to %s", user, name)
	default:
		if strings.Contains(name, `"`) {
			name += ", a quoted name,"
		}
		text := name + " is used as it is"
		if others := strings.Join(p.standing.OtherSyncLogs, ", "); others != "" {
			text += "; " + others + " is not (--synclog)"
		}
		p.OK("synclog", "%s", text)
	}
	return nil
}
