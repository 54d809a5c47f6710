package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"resoagent/internal/record"
	"resoagent/migrations"
)

const (
	probeAll      = 20 * time.Second // for the whole examination
	probeQuestion = 10 * time.Second // for one question; a table may be locked
	oldestVersion = 130000
	skewWarning   = time.Minute
)

// probe is one examination of a destination. It reads in read-only
// transactions: nothing is made, locked or counted up.
type probe struct {
	*Destination
	record.Report
	columns  []string // of SyncLog that streams have
	version  int
	standing migrations.Standing
	found    record.Examined
}

// The checks behind the connection, in their order.
func checks() []string {
	return []string{"version", "pooler", "connections", "encoding", "writable", "schema", "tables", "rights", "temporary", "synclog", "owner", "clock"}
}

// Examine reports how the destination stands for an agent that would be o. It
// goes through everything that can be checked. An error is the context's own.
func (d *Destination) Examine(ctx context.Context, o record.Owner, columns []string, report record.Report) (record.Examined, error) {
	p := &probe{Destination: d, Report: report, columns: columns}
	p.found.Place = "the destination was not reached"
	short, cancel := context.WithTimeout(ctx, probeAll)
	defer cancel()
	if err := p.connection(short); err != nil {
		if ctx.Err() != nil {
			return p.found, ctx.Err()
		}
		for _, name := range checks() {
			p.NotChecked(name, "the destination was not reached")
		}
		return p.found, nil
	}
	p.pooled()
	for _, check := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"connections", p.room},
		{"encoding", p.encoding},
		{"writable", p.writable},
		{"schema", p.schemaRights},
		{"tables", p.tables},
		{"rights", p.rights},
		{"temporary", p.temporaryTables},
		{"synclog", p.syncLog},
		{"owner", func(ctx context.Context) error { return p.ownership(ctx, o) }},
		{"clock", p.clock},
	} {
		err := check.do(short)
		if ctx.Err() != nil {
			return p.found, ctx.Err()
		}
		p.trouble(check.name, err)
	}
	p.marksAndSpace(short)
	return p.found, ctx.Err()
}

// trouble reports a check whose question failed.
func (p *probe) trouble(name string, err error) {
	switch {
	case err == nil:
	case sqlstate(err) == "55P03": // lock_not_available
		p.NotChecked(name, "somebody has a table locked; run this again")
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		p.NotChecked(name, "the server does not answer in time")
	default:
		p.Failure(name, hintOf(err), "%s", plain(err))
	}
}

// ask puts one question in a transaction that can change nothing.
func (p *probe) ask(ctx context.Context, sql string, args []any, into ...any) error {
	return p.read(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(into...) })
}

func (p *probe) read(ctx context.Context, fn func(pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, probeQuestion)
	defer cancel()
	return pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// A lock that is waited for is an error here, and not a broken connection.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '3s'`); err != nil {
			return err
		}
		return fn(tx)
	})
}

// names asks for a list of names.
func (p *probe) names(ctx context.Context, sql string, args ...any) (out []string, err error) {
	err = p.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return out, err
}

func (p *probe) connection(ctx context.Context) error {
	config := p.config.ConnConfig
	host := config.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
	}
	err := p.connect(ctx)
	var version string
	for err == nil {
		err = p.ask(ctx, `SELECT current_setting('server_version'), current_setting('server_version_num')::int`, nil, &version, &p.version)
		if sqlstate(err) != "53300" || !limited(p.obstacles()) || sleep(ctx, 50*time.Millisecond) != nil {
			break
		}
		// The one connection that is allowed may be that of the look, at its end.
		err = nil
	}
	if err != nil {
		do := hintOf(err)
		if sqlstate(err) == "" {
			do = "check host and port in --database-url, that the server runs there, and what is between"
		}
		p.Failure("connection", do, "PostgreSQL at %s: %s", host, plain(err))
		return err
	}
	p.OK("connection", "%s, database %s, as user %s", host, config.Database, config.User)
	if p.version < oldestVersion {
		p.Failure("version", "upgrade the server to PostgreSQL 13 or newer", "PostgreSQL %s is too old", version)
		return nil
	}
	p.OK("version", "PostgreSQL %s", version)
	return nil
}

// limited reports whether connections are among the obstacles.
func limited(found []obstacle) bool {
	return slices.ContainsFunc(found, func(o obstacle) bool { return o.check == "connections" })
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (p *probe) pooled() {
	if p.pooler {
		p.OK("pooler", "a pooler in transaction mode is between; nothing is kept in the session")
		return
	}
	p.OK("pooler", "none in transaction mode is between")
}

// unsuited reports the obstacles of one check, if there are any.
func (p *probe) unsuited(check string) (some bool) {
	for _, o := range p.obstacles() {
		if o.check == check {
			some = true
			p.Failure(check, o.do, "%s", o.what)
		}
	}
	return some
}

func (p *probe) encoding(context.Context) error {
	if !p.unsuited("encoding") {
		p.OK("encoding", "UTF8")
	}
	return nil
}

// room opens as many connections as a run does, at the same time.
func (p *probe) room(ctx context.Context) error {
	if p.unsuited("connections") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeQuestion)
	defer cancel()
	for range p.least {
		tx, err := p.begin(ctx)
		if err == nil {
			defer p.rollback(ctx, tx)
			// A pooler gives one when the first question comes.
			_, err = tx.Exec(ctx, "SELECT 1")
		}
		if ctx.Err() != nil || pgconn.Timeout(err) {
			p.Failure("connections", "let the pooler open more at the server (pool size), or use a smaller --parallel",
				"the %d connections at a time that a run needs are not given", p.least)
			return nil
		}
		if err != nil {
			return err
		}
	}
	p.OK("connections", "%d at a time, as many as a run needs", p.least)
	return nil
}

func (p *probe) writable(context.Context) error {
	switch {
	case p.facts.standby:
		p.Failure("writable", "name the primary server in --database-url", "the server is a standby: it takes no writes")
	case p.unsuited("writable"):
	default:
		p.OK("writable", "the server takes writes")
	}
	return nil
}

// schemaRights looks whether the schema is there, or may be made.
func (p *probe) schemaRights(ctx context.Context) error {
	var exists, usable, creatable bool
	err := p.ask(ctx, `SELECT n.oid IS NOT NULL, COALESCE(has_schema_privilege(n.oid, 'USAGE'), false),
		has_database_privilege(current_database(), 'CREATE')
		FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1`, []any{p.schema}, &exists, &usable, &creatable)
	user, database := p.config.ConnConfig.User, p.config.ConnConfig.Database
	switch {
	case err != nil:
		return err
	case exists && !usable:
		p.Failure("schema", fmt.Sprintf("GRANT USAGE, CREATE ON SCHEMA %s TO %s, or name another with --schema", p.schema, user),
			"user %s may not use schema %s", user, p.schema)
	case exists:
		p.OK("schema", "%s", p.schema)
	case !creatable:
		p.Failure("schema", fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s, as the database's owner; or GRANT CREATE ON DATABASE %s TO %s",
			p.schema, user, database, user), "schema %s does not exist, and user %s may not create it", p.schema, user)
	default:
		p.OK("schema", "%s does not exist yet; the first sync creates it", p.schema)
	}
	return nil
}

// hintOf is what to do about an error of the server.
func hintOf(err error) string {
	if hint := hints(sqlstate(err)); hint != "" {
		return hint
	}
	return "see the server's log; a sync would meet the same"
}

// plain is an error for one line, without the hint that Error adds for logs.
func plain(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	var e *Error
	if errors.As(err, &e) {
		err = e.Cause
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
