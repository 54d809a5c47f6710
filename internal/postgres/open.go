package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"resoagent/migrations"
)

// Options are the settings of a destination.
type Options struct {
	URL    string
	Schema string // lower-case identifier
	// SyncLog is a table SCHEMA.TABLE of an older program in place of the schema's
	// own; "" for that.
	SyncLog string
	Pooler  bool // a pooler in transaction mode is between; detected where false

	// Connections is how many there may be at least: one for each group that is
	// committed at a time, and two for the lease and for looking after a group
	// whose acknowledgement was lost.
	Connections int
}

// Destination is a PostgreSQL destination. Its methods may be called
// concurrently; groups of one stream take turns at the end of their commit.
type Destination struct {
	config *pgxpool.Config

	connecting sync.Mutex
	pool       *pgxpool.Pool // nil before connect

	schema  string
	pooler  bool
	synclog string // SyncLog's name as written in SQL, known after Migrate
	named   string // the SyncLog of the options
	owner   string // the state that claimed the destination
	// temporary: this user may make temporary tables; known after Migrate.
	temporary bool

	incarnation int64 // of the claim; 0 before it
}

// Open checks the settings; nothing is connected before Migrate or Marks.
func Open(o Options) (*Destination, error) {
	if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(o.Schema) {
		return nil, fmt.Errorf("open destination: schema %q is not a plain lower-case name (a-z, 0-9, _)", o.Schema)
	}
	if o.SyncLog != "" {
		if _, _, err := migrations.ParseSyncLog(o.SyncLog); err != nil {
			return nil, fmt.Errorf("open destination: --synclog: %w", err)
		}
	}
	if err := checkFiles(o.URL); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("open destination: the database URL cannot be read: %w", redacted(err))
	}
	config.MaxConns = max(config.MaxConns, 4, int32(o.Connections)) //nolint:gosec // a handful
	config.ConnConfig.ConnectTimeout = 15 * time.Second
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "resoagent"
	}
	return &Destination{config: config, schema: o.Schema, named: o.SyncLog, pooler: o.Pooler}, nil
}

// connect makes the pool at the first use. Whether a pooler is between must be
// known before, and is asked of the server: so a server that is away is an
// error here, to be tried again, and not a wrong guess.
func (d *Destination) connect(ctx context.Context) error {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	if d.pool != nil {
		return nil
	}
	pooler := d.pooler
	if !pooler {
		var err error
		if pooler, err = detectPooler(ctx, d.config.ConnConfig); err != nil {
			return wrap("connect to destination", err)
		}
	}
	if pooler {
		// One round trip with an unnamed statement: nothing that the next
		// server connection would have to know.
		d.config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	pool, err := pgxpool.NewWithConfig(ctx, d.config)
	if err != nil {
		return wrap("connect to destination", err)
	}
	d.pool, d.pooler = pool, pooler
	return nil
}

// redacted drops the parser's copy of the URL, which may hold a password.
func redacted(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		return fmt.Errorf("%s", text[i+3:])
	}
	return fmt.Errorf("not a PostgreSQL URL")
}

// detectPooler finds out whether the process that answers SQL is the one that
// the connection was made to: a pooler makes up the process number that it
// gives its clients.
func detectPooler(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx)
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil {
		return false, err
	}
	return pid != conn.PgConn().PID(), nil
}

// Pooler reports whether a pooler in transaction mode is between; known after
// Migrate.
func (d *Destination) Pooler() bool { return d.pooler }

// Migrate creates or upgrades the tables.
func (d *Destination) Migrate(ctx context.Context) (migrations.Result, error) {
	if err := d.connect(ctx); err != nil {
		return migrations.Result{}, err
	}
	db := stdlib.OpenDBFromPool(d.pool)
	defer db.Close()
	result, err := migrations.Up(ctx, db, migrations.Postgres, d.names())
	if err != nil {
		return result, wrap("migrate", err)
	}
	d.synclog = result.SyncLog
	err = d.pool.QueryRow(ctx, `SELECT has_database_privilege(current_database(), 'TEMPORARY')`).Scan(&d.temporary)
	return result, wrap("migrate", err)
}

// Close closes all connections.
func (d *Destination) Close() error {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	if d.pool != nil {
		d.pool.Close()
	}
	return nil
}

// table is a table's qualified name.
func (d *Destination) table(name string) string { return d.schema + "." + name }

// names say where the tables are.
func (d *Destination) names() migrations.Names {
	return migrations.Names{Schema: d.schema, SyncLog: d.named}
}
