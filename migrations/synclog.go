package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ensureSyncLog finds the SyncLog table or creates it, and gives its name as it
// must be written in SQL. An existing one belongs to an older program and is
// never altered. It may have been made with a quoted name; where both
// spellings exist, the unquoted one is used, since that is what the documented
// CREATE TABLE makes. One that was named must be there: a slip of the pen must
// not make a table in a place where nobody looks.
func ensureSyncLog(ctx context.Context, db *sql.DB, d Dialect, names Names) (name string, created bool, err error) {
	found, err := tables(ctx, db, d, names.Schema)
	if err != nil {
		return "", false, err
	}
	name, err = lookForSyncLog(ctx, db, d, names, found)
	switch {
	case err != nil:
		return "", false, err
	case name != "":
		return name, false, nil
	case names.SyncLog != "":
		return "", false, fmt.Errorf("open database: there is no table %s: %w; correct --synclog", names.SyncLog, ErrSyncLog)
	}
	name = names.Schema + ".synclog"
	if d == SQLite {
		name = "SyncLog"
	}
	return name, true, createSyncLog(ctx, db, d, names.Schema)
}

// lookForSyncLog gives the name of the SyncLog to use, "" if there is none.
func lookForSyncLog(ctx context.Context, db *sql.DB, d Dialect, names Names, found []string) (string, error) {
	if names.SyncLog == "" {
		return findSyncLog(found, d, names.Schema), nil
	}
	schema, table, err := ParseSyncLog(names.SyncLog)
	if err != nil {
		return "", err
	}
	var kind, name string
	err = db.QueryRowContext(ctx, `SELECT c.relkind::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, schema, table).Scan(&kind, &name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for %s: %w", names.SyncLog, err)
	case kind != "r" && kind != "p":
		return "", fmt.Errorf("open database: %s: %w; correct --synclog", name, ErrSyncLog)
	}
	return name, nil
}

// ParseSyncLog reads SCHEMA.TABLE as SQL does: what is not quoted is in lower case.
func ParseSyncLog(text string) (schema, table string, err error) {
	parts := regexp.MustCompile(`^(?:"([^"]+)"|([A-Za-z_][A-Za-z0-9_$]*))\.(?:"([^"]+)"|([A-Za-z_][A-Za-z0-9_$]*))$`).FindStringSubmatch(text)
	if parts == nil {
		return "", "", fmt.Errorf("%q is not SCHEMA.TABLE, as in SQL: a name with capital letters in quotes, public.\"SyncLog\"", text)
	}
	return parts[1] + strings.ToLower(parts[2]), parts[3] + strings.ToLower(parts[4]), nil
}

// otherSyncLogs are the tables of an older program that are SyncLogs by name and
// columns and are not used, as they are written in SQL. What lies beside the
// version table of an agent is that agent's.
func otherSyncLogs(ctx context.Context, db *sql.DB, d Dialect, n Names) ([]string, error) {
	if d == SQLite || n.SyncLog != "" {
		return nil, nil
	}
	return names(ctx, db, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE lower(c.relname) = 'synclog' AND c.relkind IN ('r', 'p') AND n.nspname <> $1 AND n.nspname !~ '^pg_'
		AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname::text = ANY ($2::text[])) = $3
		AND NOT EXISTS (SELECT 1 FROM pg_class v WHERE v.relnamespace = n.oid AND v.relname = $4)
		ORDER BY 1`, n.Schema, oldColumns(), len(oldColumns()), versionTable)
}

// oldColumns are enough of SyncLog's columns to know it by.
func oldColumns() []string {
	return []string{"id", "timestamp", "total_processed", "total_successful", "total_failed"}
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
	err = within(ctx, db, d, schema, func(tx *sql.Tx) error { return execute(ctx, tx, string(body)) })
	if err != nil {
		return fmt.Errorf("create SyncLog: %w", err)
	}
	return nil
}
