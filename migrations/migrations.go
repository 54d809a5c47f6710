// Package migrations creates and upgrades the agent's tables in PostgreSQL and
// SQLite. Migrations go forward only: a database that a newer agent has
// upgraded is refused, and so are tables of the same names that the agent did
// not make.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Errors that a caller decides on.
var (
	// ErrNewer: a newer agent has upgraded the database.
	ErrNewer = errors.New("the database was upgraded by a newer agent")
	// ErrSyncLog: the table that was named as SyncLog is not there or is another.
	ErrSyncLog = errors.New("not a SyncLog table")
	// ErrForeign: tables or views of the agent's names exist that it did not make.
	ErrForeign = errors.New("tables or views of these names exist that the agent did not make")
)

// Dialect is the kind of database.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// versionTable holds the versions that have been applied; that it exists is how
// the agent knows its own tables.
const versionTable = "agent_schema_version"

// recordTables are the names that an older program may have used for its own
// tables.
func recordTables() []string { return []string{"property", "media", "propertyrooms", "openhouse"} }

// views are the names of the agent's views, which came with viewsVersion: until
// then somebody else may have used them.
func views() []string { return []string{"idx_listing", "vow_listing", "listing_photo", "idx_photo"} }

const viewsVersion = 2

// Names say where the tables are.
type Names struct {
	Schema  string // of the agent's tables; SQLite: ""
	SyncLog string // an existing table of an older program, as ParseSyncLog takes it; "" for the schema's own
}

// Result says what Up did.
type Result struct {
	From, To int64 // schema versions; From is 0 for a new database
	SyncLog  string
	Created  bool // the SyncLog table was created
	// OtherSyncLogs are those of an older program that are not used, since they are
	// in other schemas.
	OtherSyncLogs []string
}

// Up brings the tables to this agent's version and creates SyncLog if there is
// none. Several agents may call it at once: the
// first migrates, the others wait. Each version is one transaction, so a crash
// leaves the last complete one.
func Up(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, claim Claim) (Result, error) {
	schema := names.Schema
	if d == Postgres {
		unlock, err := lock(ctx, db, schema)
		if err != nil {
			return Result{}, err
		}
		defer unlock()
		if err := createSchema(ctx, db, schema); err != nil {
			return Result{}, err
		}
	}
	p, err := provider(ctx, db, d, schema)
	if err != nil {
		return Result{}, err
	}
	from, to, err := versions(ctx, p)
	if err != nil {
		return Result{}, err
	}
	if from < viewsVersion {
		if err := refuseForeignViews(ctx, db, d, schema); err != nil {
			return Result{}, err
		}
	}
	if from < to {
		if _, err := p.Up(ctx); err != nil {
			return Result{}, fmt.Errorf("migrate from version %d to %d: %w", from, to, err)
		}
	}
	result := Result{From: from, To: to}
	if result.SyncLog, result.Created, err = ensureSyncLog(ctx, db, d, names); err != nil {
		return Result{}, err
	}
	result.OtherSyncLogs, err = otherSyncLogs(ctx, db, d, names)
	return result, err
}

// lock keeps two agents from migrating at once. It is an advisory lock held by a
// transaction of its own, not by a session, since a pooler in transaction mode
// hands sessions about; goose's own locks are of sessions, or need a table, and
// do not cover the making of its version table. It takes one more connection
// for the time of the migration.
func lock(ctx context.Context, db *sql.DB, schema string) (unlock func(), err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("lock migrations: %w", err)
	}
	// It says nothing while another connection migrates, however long that takes;
	// and whoever migrates already may take long.
	if _, err := tx.ExecContext(ctx, unlimited+`; SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return nil, errors.Join(fmt.Errorf("lock migrations: %w", err), tx.Rollback())
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext($1))`, "resoagent migrations of "+schema); err != nil {
		return nil, errors.Join(fmt.Errorf("lock migrations: %w", err), tx.Rollback())
	}
	return func() { _ = tx.Rollback() }, nil // the end of the connection unlocks as well
}

// unlimited sets the time limits aside that role or database may have: an index
// takes as long as it takes.
const unlimited = `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0`

func versions(ctx context.Context, p *goose.Provider) (current, target int64, err error) {
	current, target, err = p.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	if current > target {
		return current, target, fmt.Errorf("open database: it has schema version %d, this agent knows %d: %w; upgrade the agent",
			current, target, ErrNewer)
	}
	return current, target, nil
}

func provider(ctx context.Context, db *sql.DB, d Dialect, schema string) (*goose.Provider, error) {
	if err := refuseForeign(ctx, db, d, schema); err != nil {
		return nil, err
	}
	store, err := versionStore(d, schema)
	if err != nil {
		return nil, err
	}
	steps, err := steps(d, schema)
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(database.DialectCustom, db, nil,
		goose.WithStore(store), goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("set up migrations: %w", err)
	}
	return p, nil
}

// versionStore is goose's access to the version table.
func versionStore(d Dialect, schema string) (database.Store, error) {
	table, dialect := schema+"."+versionTable, database.DialectPostgres
	if d == SQLite {
		table, dialect = versionTable, database.DialectSQLite3
	}
	store, err := database.NewStore(dialect, table)
	if err != nil {
		return nil, fmt.Errorf("set up migrations: %w", err)
	}
	return store, nil
}

// steps makes a migration of each numbered file. They are Go migrations around
// the files because the schema is a setting: search_path is set for the
// transaction alone, which also works behind a pooler.
func steps(d Dialect, schema string) ([]*goose.Migration, error) {
	names, err := fs.Glob(files, string(d)+"/[0-9]*_*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var out []*goose.Migration
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list migrations: %w", err)
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		out = append(out, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			return execute(ctx, tx, d, schema, string(body))
		}}, nil))
	}
	return out, nil
}

func execute(ctx context.Context, tx *sql.Tx, d Dialect, schema, body string) error {
	if d == Postgres {
		if _, err := tx.ExecContext(ctx, unlimited+"; SET LOCAL search_path TO "+schema); err != nil {
			return fmt.Errorf("set search_path: %w", err)
		}
	}
	_, err := tx.ExecContext(ctx, body)
	return err
}

func createSchema(ctx context.Context, db *sql.DB, schema string) error {
	var exists bool
	err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, schema).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for schema %s: %w", schema, err)
	}
	if exists {
		return nil
	}
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+schema); err != nil {
		return fmt.Errorf("create schema %s: %w", schema, err)
	}
	return nil
}
