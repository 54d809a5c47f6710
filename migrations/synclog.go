package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// ensureSyncLog finds the SyncLog table or creates it, and gives its name as it
// must be written in SQL. An existing one belongs to an older program and is
// never altered. It may have been made with a quoted name; where both
// spellings exist, the unquoted one is used, since that is what the documented
// CREATE TABLE makes.
func ensureSyncLog(ctx context.Context, db *sql.DB, d Dialect, schema string) (name string, created bool, err error) {
	found, err := tables(ctx, db, d, schema)
	if err != nil {
		return "", false, err
	}
	if d == SQLite {
		if slices.Contains(found, "SyncLog") || slices.Contains(found, "synclog") {
			return "SyncLog", false, nil
		}
		return "SyncLog", true, createSyncLog(ctx, db, d, schema)
	}
	switch {
	case slices.Contains(found, "synclog"):
		return schema + ".synclog", false, nil
	case slices.Contains(found, "SyncLog"):
		return schema + `."SyncLog"`, false, nil
	}
	return schema + ".synclog", true, createSyncLog(ctx, db, d, schema)
}

func createSyncLog(ctx context.Context, db *sql.DB, d Dialect, schema string) error {
	body, err := files.ReadFile(string(d) + "/synclog.sql")
	if err != nil {
		return fmt.Errorf("read SyncLog: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("create SyncLog: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := execute(ctx, tx, d, schema, string(body)); err != nil {
		return fmt.Errorf("create SyncLog: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("create SyncLog: %w", err)
	}
	return nil
}
