// Package migrations creates and upgrades the agent's tables in PostgreSQL and
// SQLite: its own by numbered files, record tables and views as a layout says.
// Versions go forward only: a database that a newer agent has upgraded is refused,
// and so are tables of the same names that the agent did not make.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"
)

//go:embed postgres/*.sql postgres/views/*.sql sqlite/*.sql sqlite/views/*.sql
var files embed.FS

// Errors that a caller decides on.
var (
	// ErrNewer: a newer agent has upgraded the database.
	ErrNewer = errors.New("the database was upgraded by a newer agent")
	// ErrSyncLog: the table that was named as SyncLog is not there or is another.
	ErrSyncLog = errors.New("not a SyncLog table")
	// ErrForeign: tables or views of the agent's names exist that it did not make.
	ErrForeign = errors.New("tables or views of these names exist that the agent did not make")
	// ErrGone: record tables that the agent made are not there any more. Empty ones
	// in their place would pass for a copy.
	ErrGone = errors.New("tables that the agent made are gone")
	// ErrClaimLost: another agent has claimed the database since.
	ErrClaimLost = errors.New("another agent has claimed this database")
)

// Dialect is the kind of database.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// Names say where the tables are.
type Names struct {
	Schema  string // of the agent's tables; SQLite: ""
	SyncLog string // an existing table of an older program, as ParseSyncLog takes it; "" for the schema's own
	// Room tells how many bytes can still be written where the tables are, and where
	// that is. nil or !ok: it is not known.
	Room func(ctx context.Context) (free int64, place string, ok bool)
	// Tell is told of what will take a while, before it begins. nil: nobody is.
	Tell func(text string)
}

// Owned is a database's row of its owner.
type Owned struct {
	StateID     string
	Host        string
	StateDir    string
	Incarnation int64
}

// Claim decides whether tables that are there may be changed: row is their owner's,
// leased what is left of its lease. Its error is given back as it is. It is asked in
// each transaction that changes them, in which nobody can claim them.
type Claim func(row Owned, leased time.Duration) error

// Result says what Up did.
type Result struct {
	From, To int64 // schema versions; From is 0 for a new database
	Changed  bool  // tables, columns, indexes or views of the layout were missing
	SyncLog  string
	Created  bool // the SyncLog table was created
	// OtherSyncLogs are those of an older program that are not used, since they are
	// in other schemas.
	OtherSyncLogs []string
}

// Up brings the tables to this agent's version, record tables and views to what the
// layout says, and creates SyncLog if there is none. Several agents may call it at
// once: the first migrates, the others wait. Each version is one transaction, and
// so is what the layout adds but for each index: a crash leaves what is complete,
// and the next Up goes on there. Where nothing is to be done, nothing is locked and
// claim is not asked.
func Up(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, claim Claim) (Result, error) {
	if d == Postgres {
		unlock, err := lock(ctx, db, names.Schema)
		if err != nil {
			return Result{}, err
		}
		defer unlock()
		if err := createSchema(ctx, db, names.Schema); err != nil {
			return Result{}, err
		}
	}
	// A refusal comes back through goose, which puts words around it.
	var refused error
	asked := claim
	if claim != nil {
		asked = func(row Owned, leased time.Duration) error {
			refused = claim(row, leased)
			return refused
		}
	}
	result, err := up(ctx, db, d, names, layout, asked)
	if refused != nil {
		return Result{}, refused
	}
	return result, err
}

func up(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, claim Claim) (Result, error) {
	from, err := version(ctx, db, d, names.Schema)
	if err != nil {
		return Result{}, err
	}
	result := Result{From: from, To: latest(d)}
	switch {
	case from > result.To:
		return Result{}, fmt.Errorf("open database: it has schema version %d, this agent knows %d: %w; upgrade the agent",
			from, result.To, ErrNewer)
	case from == 0:
		err = create(ctx, db, d, names.Schema, layout)
	case from < result.To:
		err = upgrade(ctx, db, d, names, layout, from, claim)
	}
	if err != nil {
		return Result{}, err
	}
	if result.Changed, err = apply(ctx, db, d, names.Schema, layout, claim); err != nil {
		return Result{}, err
	}
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
	_, err = tx.ExecContext(ctx, `SELECT set_config(n, '0', true)
		FROM (VALUES ('statement_timeout'), ('lock_timeout'), ('idle_in_transaction_session_timeout')) s(n)`)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock migrations: %w", err), tx.Rollback())
	}
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext($1))`, "resoagent migrations of "+schema); err != nil {
		return nil, errors.Join(fmt.Errorf("lock migrations: %w", err), tx.Rollback())
	}
	return func() { _ = tx.Rollback() }, nil // the end of the connection unlocks as well
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
