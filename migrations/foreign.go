package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// refuseForeign keeps the agent's hands off another program's tables and views,
// before anything is changed.
func refuseForeign(ctx context.Context, db *sql.DB, d Dialect, schema string, version int64, l Layout) error {
	return reading(ctx, db, d, schema, func(tx *sql.Tx) error { return refuseForeignIn(ctx, tx, d, schema, version, l) })
}

func refuseForeignIn(ctx context.Context, tx *sql.Tx, d Dialect, schema string, version int64, l Layout) error {
	found, err := foreign(ctx, tx, d, schema, version, l)
	if err != nil || len(found) == 0 {
		return err
	}
	hint := "rename yours, or choose another database file"
	if d == Postgres {
		hint = "rename yours (ALTER ... RENAME TO ...), or choose another schema with --schema NAME"
	}
	return fmt.Errorf("open database: %s: %w; %s", strings.Join(found, ", "), ErrForeign, hint)
}

// foreign are those of a schema's tables and views that have the names of the
// agent's and are not its own. Names are compared without regard to case, because
// programs that quote them write "Property". Where a table or view of the agent's is
// to be made, anything that has the very name, an index too, keeps it from that.
func foreign(ctx context.Context, tx *sql.Tx, d Dialect, schema string, version int64, l Layout) ([]string, error) {
	ours, err := made(ctx, tx, d, version)
	if err != nil {
		return nil, err
	}
	query, args := `SELECT c.relname::text, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1`, []any{schema}
	if d == SQLite {
		query, args = `SELECT name, type FROM sqlite_master`, nil
	}
	there, err := pairs(ctx, tx, query, args...)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range there {
		name, kind := r[0], r[1]
		if !slices.Contains(l.names(), strings.ToLower(name)) || slices.Contains(ours, strings.ToLower(name)) {
			continue
		}
		if d == SQLite || strings.Contains("rpvmf", kind) || name == strings.ToLower(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found, nil
}

// names are those of the layout's tables and views, in lower case.
func (l Layout) names() (out []string) {
	for _, t := range l.Tables {
		out = append(out, strings.ToLower(t.Name))
	}
	for _, v := range l.Views {
		out = append(out, strings.ToLower(v.Name))
	}
	return out
}

// made are the tables and views that the agent made itself, as the version tells
// or, from version 6 on, its own list.
func made(ctx context.Context, tx *sql.Tx, d Dialect, version int64) ([]string, error) {
	old := []string{"property", "media", "propertyrooms", "openhouse"}
	switch {
	case version == 0:
		return nil, nil
	case version < viewsVersion:
		return old, nil
	case version < moveVersion:
		return append(old, "idx_listing", "vow_listing", "listing_photo", "idx_photo"), nil
	}
	tables, err := tableStates(ctx, tx, d)
	if err != nil {
		return nil, err
	}
	views, err := viewStates(ctx, tx, d)
	return slices.Concat(slices.Collect(maps.Keys(tables)), slices.Collect(maps.Keys(views))), err
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
