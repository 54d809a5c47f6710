package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// lockWait is how long a change waits for somebody's lock, in PostgreSQL: who asks
// for the table meanwhile waits behind it.
const lockWait = 3 * time.Second

// within does fn in a transaction in which unqualified names are those of the
// schema. Nothing of it is there unless all is.
func within(ctx context.Context, db *sql.DB, d Dialect, schema string, fn func(tx *sql.Tx) error) error {
	return transact(ctx, db, d, schema, nil, fn)
}

// reading is within for questions alone.
func reading(ctx context.Context, db *sql.DB, d Dialect, schema string, fn func(tx *sql.Tx) error) error {
	return transact(ctx, db, d, schema, &sql.TxOptions{ReadOnly: true}, fn)
}

func transact(ctx context.Context, db *sql.DB, d Dialect, schema string, o *sql.TxOptions, fn func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := settle(ctx, tx, d, schema); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	if o != nil && o.ReadOnly {
		return nil // there is nothing to commit
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// settle makes unqualified names those of the schema, and puts limits of its own
// in the place of those that role or database may have: an index takes as long as
// it takes, but a lock that somebody holds is not waited for long. All of it is for
// the transaction alone, which also works behind a pooler.
func settle(ctx context.Context, tx *sql.Tx, d Dialect, schema string) error {
	if d != Postgres {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT set_config('search_path', $1, true), set_config('statement_timeout', '0', true),
		set_config('lock_timeout', $2, true)`, schema, fmt.Sprint(lockWait.Milliseconds()))
	if err != nil {
		return fmt.Errorf("set search_path: %w", err)
	}
	return nil
}

// execute sends the statements of a file, each on its own.
func execute(ctx context.Context, tx *sql.Tx, body string) error {
	for _, s := range statements(body) {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// ask asks claim, if there is one, whether tables may be changed, and keeps the database from being
// claimed until the transaction ends: in PostgreSQL by the lock of the owner's row,
// in SQLite since there is one writer at a time.
func ask(ctx context.Context, tx *sql.Tx, d Dialect, claim Claim) error {
	there, err := exists(ctx, tx, d, "agent_owner")
	if err != nil || !there {
		return err
	}
	row, leased, err := owner(ctx, tx, d, "FOR UPDATE")
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read owner: %w", err)
	case claim == nil:
		return nil
	}
	return claim(row, leased)
}

// owner reads the owner's row, and how long its lease still runs.
func owner(ctx context.Context, tx *sql.Tx, d Dialect, lock string) (row Owned, leased time.Duration, err error) {
	const columns = `SELECT state_id, host, state_dir, incarnation, `
	if d == Postgres {
		var seconds sql.NullFloat64
		err = tx.QueryRowContext(ctx, columns+`extract(epoch FROM lease_until - clock_timestamp())::float8 FROM agent_owner WHERE id = 1 `+lock).
			Scan(&row.StateID, &row.Host, &row.StateDir, &row.Incarnation, &seconds)
		return row, time.Duration(seconds.Float64 * float64(time.Second)), err
	}
	var until sql.NullString
	err = tx.QueryRowContext(ctx, columns+`lease_until FROM agent_owner WHERE id = 1`).
		Scan(&row.StateID, &row.Host, &row.StateDir, &row.Incarnation, &until)
	if end, err := time.Parse("2006-01-02T15:04:05.000Z", until.String); err == nil {
		leased = time.Until(end)
	}
	return row, leased, err
}

// exists tells whether there is a table or view of the name, as SQL takes it
// without quotes.
func exists(ctx context.Context, q querier, d Dialect, name string) (bool, error) {
	query := `SELECT to_regclass($1::text) IS NOT NULL`
	if d == SQLite {
		query = `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE)`
	}
	var there bool
	if err := q.QueryRowContext(ctx, query, name).Scan(&there); err != nil {
		return false, fmt.Errorf("look for %s: %w", name, err)
	}
	return there, nil
}
