package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/record"
)

// facts are what the server says of itself on the first connection.
type facts struct {
	pooler   bool // somebody else answers than the connection was made to
	encoding string
	standby  bool
	readOnly bool  // transactions are, by default
	role     int64 // connections that this user may have; -1: any number
	database int64 // likewise, all users of the database together
}

// look asks for the facts, on a connection of its own. A pooler is found by the
// process number: it makes up the one that it gives its clients.
func (d *Destination) look(ctx context.Context) (f facts, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.ConnConfig.ConnectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, d.config.ConnConfig)
	if err != nil {
		return f, err
	}
	defer conn.Close(ctx)
	var pid uint32
	// A superuser is not limited.
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid(), current_setting('server_encoding'), pg_is_in_recovery(),
		current_setting('default_transaction_read_only')::bool,
		COALESCE((SELECT CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END FROM pg_roles WHERE rolname = session_user), -1)::bigint,
		COALESCE((SELECT CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END FROM pg_database d, pg_roles r
			WHERE d.datname = current_database() AND r.rolname = session_user), -1)::bigint`,
		pgx.QueryExecModeSimpleProtocol).Scan(&pid, &f.encoding, &f.standby, &f.readOnly, &f.role, &f.database)
	f.pooler = err == nil && pid != conn.PgConn().PID()
	return f, err
}

// obstacle is a way in which a database is set up that no retry helps against.
// The doctor and a sync find the same.
type obstacle struct {
	check string // of the doctor
	what  string
	do    string
}

// obstacles are what the facts show.
func (d *Destination) obstacles() (found []obstacle) {
	f, user, database := d.facts, d.config.ConnConfig.User, d.config.ConnConfig.Database
	if f.encoding != "UTF8" {
		found = append(found, obstacle{
			"encoding", fmt.Sprintf("the database's encoding is %s, which cannot hold every record", f.encoding),
			"create the database anew: CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'",
		})
	}
	if f.readOnly && !f.standby {
		found = append(found, obstacle{
			"writable", "transactions are read-only by default (default_transaction_read_only)",
			"set default_transaction_read_only to off for this user and database",
		})
	}
	for _, x := range []struct {
		limit     int64
		who, what string
	}{{f.role, "user " + user, "ROLE " + user}, {f.database, "database " + database, "DATABASE " + database}} {
		if x.limit >= 0 && x.limit < int64(d.least) {
			found = append(found, obstacle{
				"connections", fmt.Sprintf("%s is limited to %d connections, and a run needs %d", x.who, x.limit, d.least),
				fmt.Sprintf("ALTER %s CONNECTION LIMIT %d (or -1), or use a smaller --parallel", x.what, d.least),
			})
			break
		}
	}
	return found
}

// rowSecurity finds tables of the agent's that show this user only some of their
// rows: what is hidden would be taken for absent, and COPY is refused.
func (d *Destination) rowSecurity(ctx context.Context, q querier, synclog string) (found []obstacle, err error) {
	rows, err := q.Query(ctx, `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relrowsecurity AND row_security_active(c.oid) AND (n.nspname = $1 AND c.relname = ANY ($2) OR c.oid = to_regclass(NULLIF($3, '')))
		ORDER BY 1`, d.schema, d.ownTables(), synclog)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return nil, err
	}
	user := d.config.ConnConfig.User
	return []obstacle{{
		"rights", fmt.Sprintf("row-level security hides rows of %s from user %s", strings.Join(names, ", "), user),
		fmt.Sprintf("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY if %s owns it, else ALTER ROLE %s BYPASSRLS", names[0], user, user),
	}}, nil
}

// refusal is the error of a sync that meets obstacles; nil where there are none.
func refusal(found []obstacle) error {
	errs := make([]error, len(found))
	for i, o := range found {
		errs[i] = fmt.Errorf("%w: %s; %s", record.ErrUnsuited, o.what, o.do)
	}
	return errors.Join(errs...)
}
