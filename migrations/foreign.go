package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// refuseForeign keeps the agent's hands off another program's tables.
func refuseForeign(ctx context.Context, db *sql.DB, d Dialect, schema string) error {
	tables, err := tables(ctx, db, d, schema)
	if err != nil {
		return err
	}
	if slices.Contains(tables, versionTable) {
		return nil // whether views are in the way is known with the version
	}
	if foreign := foreignTables(tables); foreign != nil {
		hint := "choose another database file"
		if d == Postgres {
			hint = "choose another schema with --schema NAME"
		}
		return fmt.Errorf("open database: %s: %w; %s", strings.Join(foreign, ", "), ErrForeign, hint)
	}
	return refuseForeignViews(ctx, db, d, schema)
}

// foreignTables are those of a schema's tables that have the names of the agent's,
// and are not its own, since there is no version table. Names are compared
// without regard to case, because programs that quote them write "Property".
func foreignTables(tables []string) (foreign []string) {
	for _, t := range tables {
		for _, ours := range recordTables() {
			if strings.EqualFold(t, ours) {
				foreign = append(foreign, t)
			}
		}
	}
	return foreign
}

// refuseForeignViews does the same for views, in a destination that has none of
// the agent's yet.
func refuseForeignViews(ctx context.Context, db *sql.DB, d Dialect, schema string) error {
	taken, err := foreignViews(ctx, db, d, schema)
	if err != nil || len(taken) == 0 {
		return err
	}
	hint := "rename yours"
	if d == Postgres {
		hint += " (ALTER ... RENAME TO ...), or choose another schema with --schema NAME"
	}
	return fmt.Errorf("open database: %s: %w; %s", strings.Join(taken, ", "), ErrForeign, hint)
}

// foreignViews are what has the name of a view of the agent's, in a destination
// that has none of them yet. Anything that has a name, an index too, keeps a view
// from having it.
func foreignViews(ctx context.Context, db *sql.DB, d Dialect, schema string) ([]string, error) {
	query, args := `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1`, []any{schema}
	if d == SQLite {
		query, args = `SELECT lower(name) FROM sqlite_master`, nil
	}
	taken, err := names(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	taken = slices.DeleteFunc(taken, func(name string) bool { return !slices.Contains(views(), name) })
	slices.Sort(taken)
	return taken, nil
}

func tables(ctx context.Context, db *sql.DB, d Dialect, schema string) ([]string, error) {
	query, args := `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, []any{schema}
	if d == SQLite {
		query, args = `SELECT name FROM sqlite_master WHERE type IN ('table', 'view')`, nil
	}
	return names(ctx, db, query, args...)
}

func names(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		out = append(out, name)
	}
	return out, rows.Err()
}
