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
	if name := findSyncLog(found, d, schema); name != "" {
		return name, false, nil
	}
	name = schema + ".synclog"
	if d == SQLite {
		name = "SyncLog"
	}
	return name, true, createSyncLog(ctx, db, d, schema)
}

// findSyncLog is the SyncLog among a schema's tables, "" if there is none.
func findSyncLog(tables []string, d Dialect, schema string) string {
	unquoted, quoted := slices.Contains(tables, "synclog"), slices.Contains(tables, "SyncLog")
	switch {
	case d == SQLite && (unquoted || quoted):
		return "SyncLog"
	case unquoted:
		return schema + ".synclog"
	case quoted:
		return schema + `."SyncLog"`
	}
	return ""
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
