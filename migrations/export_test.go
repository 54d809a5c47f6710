package migrations

import (
	"context"
	"database/sql"
)

// UpTo makes the database of an older agent.
func UpTo(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, version int64) error {
	p, err := provider(ctx, db, d, names, layout, nil)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}
