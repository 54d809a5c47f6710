package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"resoagent/internal/record"
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

	// Lease is how long the destination stays owned by an agent that has died.
	// What it leaves open ends about then, and what is silent is asked after within it.
	Lease time.Duration

	// Shapes are those of the streams.
	Shapes record.Shapes
	Layout migrations.Layout
	Tell   func(text string) // of what takes a while; nil: nobody is told

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
	pool       *pgxpool.Pool                // nil before connect
	open       atomic.Pointer[pgxpool.Pool] // the same, for those who must not wait

	life     context.Context // until Close; what is under way ends with it
	end      context.CancelFunc
	watch    *watch
	watching sync.WaitGroup

	schema  string
	shapes  record.Shapes
	layout  migrations.Layout
	tell    func(string)
	pooler  bool
	lease   time.Duration
	least   int    // connections that a run needs
	facts   facts  // known after connect
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
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	parameters := config.ConnConfig.RuntimeParams
	if parameters["application_name"] == "" {
		parameters["application_name"] = "resoagent"
	}
	// Whatever role, database or URL say: text goes over the wire as it is, and a
	// backslash in a literal is one. Poolers pass these two on, and few others.
	parameters["client_encoding"] = "UTF8"
	parameters["standard_conforming_strings"] = "on"
	lease := o.Lease
	if lease <= 0 {
		lease = 30 * time.Second
	}
	d := &Destination{config: config, schema: o.Schema, shapes: o.Shapes, layout: o.Layout, tell: o.Tell, named: o.SyncLog, pooler: o.Pooler, lease: lease, least: max(2, o.Connections)}
	d.life, d.end = context.WithCancel(context.Background())
	d.watch = d.newWatch()
	config.ConnConfig.OnPgError, config.ConnConfig.DialFunc = d.onError, d.dial
	return d, nil
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
	look, err := d.look(ctx)
	if err != nil {
		return wrap("connect to destination", err)
	}
	d.facts = look
	pooler := d.pooler || look.pooler
	if pooler {
		// One round trip with an unnamed statement: nothing that the next
		// server connection would have to know.
		d.config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if !pooler {
		d.config.AfterConnect = d.settle
	}
	d.pooler = pooler
	d.watched(d.config)
	pool, err := pgxpool.NewWithConfig(ctx, d.config)
	if err != nil {
		return wrap("connect to destination", err)
	}
	d.pool = pool
	d.open.Store(pool)
	d.watching.Go(func() { d.watch.run(d.life) })
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

// Pooler reports whether a pooler in transaction mode is between; known after
// Migrate.
func (d *Destination) Pooler() bool { return d.pooler }

// Migrate creates or upgrades the tables, for an agent that would be o.
// record.ErrOwned: another agent's lease still runs.
func (d *Destination) Migrate(ctx context.Context, o record.Owner) (migrations.Result, error) {
	if err := d.connect(ctx); err != nil {
		return migrations.Result{}, err
	}
	if err := refusal(d.obstacles()); err != nil {
		return migrations.Result{}, fmt.Errorf("open destination: %w", err)
	}
	var result migrations.Result
	err := d.pooled("migrate", func(db *sql.DB) (err error) {
		result, err = migrations.Up(ctx, db, migrations.Postgres, d.names(), d.layout, claim(o))
		return err
	})
	if err != nil {
		return result, err
	}
	d.synclog = result.SyncLog
	err = d.pool.QueryRow(ctx, `SELECT has_database_privilege(current_database(), 'TEMPORARY')`).Scan(&d.temporary)
	if err != nil {
		return result, wrap("migrate", err)
	}
	hidden, err := d.rowSecurity(ctx, d.pool, d.synclog)
	if err != nil {
		return result, wrap("migrate", err)
	}
	return result, refusal(hidden)
}

// table is a table's qualified name.
func (d *Destination) table(name string) string { return d.schema + "." + name }

// names say where the tables are.
func (d *Destination) names() migrations.Names {
	return migrations.Names{Schema: d.schema, SyncLog: d.named, Room: d.room, Tell: d.tell}
}
