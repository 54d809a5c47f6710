package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// refuseForeign keeps the agent's hands off another program's tables. Names are
// compared without regard to case, because programs that quote them write
// "Property".
func refuseForeign(ctx context.Context, db *sql.DB, d Dialect, schema string) error {
	tables, err := tables(ctx, db, d, schema)
	if err != nil {
		return err
	}
	var foreign []string
	for _, t := range tables {
		if t == versionTable {
			return nil
		}
		for _, ours := range recordTables() {
			if strings.EqualFold(t, ours) {
				foreign = append(foreign, t)
			}
		}
	}
	if foreign == nil {
		return refuseForeignViews(ctx, db, d, schema)
	}
	hint := "choose another database file"
	if d == Postgres {
		hint = "choose another schema with --schema NAME"
	}
	return fmt.Errorf("open database: %s: %w; %s", strings.Join(foreign, ", "), ErrForeign, hint)
}

// refuseForeignViews does the same for views, in a destination that has none of
// the agent's yet. Anything that has a name, an index too, keeps a view from
// having it.
func refuseForeignViews(ctx context.Context, db *sql.DB, d Dialect, schema string) error {
	query, args := `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1`, []any{schema}
	if d == SQLite {
		query, args = `SELECT lower(name) FROM sqlite_master`, nil
	}
	taken, err := names(ctx, db, query, args...)
	if err != nil {
		return err
	}
	taken = slices.DeleteFunc(taken, func(name string) bool { return !slices.Contains(views(), name) })
	if len(taken) == 0 {
		return nil
	}
	slices.Sort(taken)
	hint := "rename yours"
	if d == Postgres {
		hint += " (ALTER ... RENAME TO ...), or choose another schema with --schema NAME"
	}
	return fmt.Errorf("open database: %s: %w; %s", strings.Join(taken, ", "), ErrForeign, hint)
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
