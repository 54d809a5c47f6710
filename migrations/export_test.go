package migrations

import (
	"context"
	"database/sql"
	"time"
)

// What the tests, which cannot be of this package (harness knows the catalogue, and
// that knows it), see of it.
const (
	FillBytes    = fillBytes
	VersionTable = versionTable
)

// UpTo makes the database of an older agent; version 0 is the version table alone.
func UpTo(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, version int64) error {
	p, err := provider(ctx, db, d, names, layout, nil)
	if err != nil {
		return err
	}
	if version == 0 {
		_, err = p.GetDBVersion(ctx)
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// HasLZ4 is hasLZ4.
func HasLZ4(ctx context.Context, db *sql.DB) (bool, error) { return hasLZ4(ctx, db, Postgres) }

// ColumnsOf are the names of a table's or view's columns in their order.
func ColumnsOf(ctx context.Context, db *sql.DB, d Dialect, schema, name string) (out []string, err error) {
	err = reading(ctx, db, d, schema, func(tx *sql.Tx) error {
		r, err := lookAt(ctx, tx, d, name)
		for _, c := range r {
			out = append(out, c.Name)
		}
		return err
	})
	return out, err
}

// MoveWithin moves in a transaction of its own, with less patience.
func MoveWithin(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, patience time.Duration) error {
	return within(ctx, db, d, names.Schema, func(tx *sql.Tx) error {
		m, err := newMover(tx, d, names, layout, nil)
		if err != nil {
			return err
		}
		m.patience = patience
		return m.run(ctx)
	})
}

// SQLState is the server's code of an error.
func SQLState(err error) string { return sqlState(err) }

// MoveAndThen moves, and takes all back with an error.
func MoveAndThen(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, then error) error {
	return within(ctx, db, d, names.Schema, func(tx *sql.Tx) error {
		if err := move(ctx, tx, d, names, layout, nil); err != nil {
			return err
		}
		return then
	})
}

// OldType is oldType.
func OldType(table, column string) string { return oldType(table, column) }
