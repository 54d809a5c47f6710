package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// columnType is a typed column's type as the dialect writes and shows it.
func columnType(d Dialect, t string) string {
	if d == Postgres {
		if t == "timestamptz" {
			return "timestamp with time zone"
		}
		return t
	}
	switch t {
	case "boolean", "bigint":
		return "INTEGER"
	case "numeric":
		return "REAL"
	}
	return "TEXT" // a date or time too; and JSON
}

// createTable makes a record table with its indexes, and puts it into agent_table:
// with no rows, all columns are right.
func createTable(ctx context.Context, tx *sql.Tx, d Dialect, t Table) error {
	lz4, err := hasLZ4(ctx, tx, d)
	if err != nil {
		return err
	}
	steps, err := tableSteps(d, t, lz4)
	if err != nil {
		return err
	}
	return run(ctx, tx, steps)
}

// createIndexes makes a table's indexes, none of which may be there.
func createIndexes(ctx context.Context, tx *sql.Tx, t Table) error {
	return run(ctx, tx, indexSteps(t))
}

// recordTable puts a table into agent_table that has the layout's columns, right in
// every row, and its indexes.
func recordTable(ctx context.Context, tx *sql.Tx, t Table) error {
	s, err := keepTable(t.Name, complete(t))
	if err != nil {
		return err
	}
	return run(ctx, tx, []step{s})
}

// complete is the state of a table that lacks nothing.
func complete(t Table) tableState {
	s := tableState{Columns: map[string]string{}, Indexes: map[string]string{}}
	for _, c := range t.Columns {
		s.Columns[c.Name] = c.kept()
	}
	for _, i := range t.Indexes {
		s.Indexes[i.Name] = definition(t, i)
	}
	return s
}

// tableSteps make a table that is not there.
func tableSteps(d Dialect, t Table, lz4 bool) ([]step, error) {
	var parts []string
	for _, k := range t.Key {
		parts = append(parts, k+" "+columnType(d, "text")+" NOT NULL")
	}
	for _, c := range t.Columns {
		parts = append(parts, c.Name+" "+columnType(d, c.Type))
	}
	parts = append(parts, "record_timestamp "+columnType(d, "timestamptz"), "record_hash "+columnType(d, "bigint")+" NOT NULL",
		"record "+columnType(d, "jsonb")+" NOT NULL", "PRIMARY KEY ("+strings.Join(t.Key, ", ")+")")
	query := "CREATE TABLE " + t.Name + " (\n  " + strings.Join(parts, ",\n  ") + "\n)"
	if d == SQLite {
		query += " STRICT"
	}
	steps := []step{{query: query}}
	if lz4 {
		steps = append(steps, compress(t))
	}
	kept, err := keepTable(t.Name, complete(t))
	return append(append(steps, indexSteps(t)...), kept), err
}

func indexSteps(t Table) (steps []step) {
	for _, i := range t.Indexes {
		steps = append(steps, step{query: definition(t, i)})
	}
	return steps
}

func definition(t Table, i Index) string {
	query := "CREATE INDEX " + i.Name + " ON " + t.Name + " (" + strings.Join(i.Columns, ", ") + ")"
	if i.Where != "" {
		query += " WHERE " + i.Where
	}
	return query
}

// compress has the record of rows written from now on compressed by lz4.
func compress(t Table) step {
	return step{query: "ALTER TABLE " + t.Name + " ALTER COLUMN record SET COMPRESSION lz4"}
}

// hasLZ4 tells whether the server can compress columns by lz4: from PostgreSQL 14
// on, where it was built with it.
func hasLZ4(ctx context.Context, q querier, d Dialect) (has bool, err error) {
	if d != Postgres {
		return false, nil
	}
	err = q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_settings
		WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))`).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for lz4: %w", err)
	}
	return has, nil
}

// isLZ4 tells whether a table's records are compressed by lz4 already.
func isLZ4(ctx context.Context, q querier, t Table) (is bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT COALESCE((SELECT attcompression = 'l' FROM pg_attribute
		WHERE attrelid = to_regclass($1::text) AND attname = 'record'), true)`, t.Name).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", t.Name, err)
	}
	return is, nil
}

// owns tells whether this user may alter a table or view. What rows do without, such
// as an index that its owner has dropped, is no reason to stop an agent that may only
// write.
func owns(ctx context.Context, q querier, d Dialect, name string) (mine bool, err error) {
	if d != Postgres {
		return true, nil
	}
	err = q.QueryRowContext(ctx, `SELECT COALESCE((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass($1::text)), true)`, name).Scan(&mine)
	if err != nil {
		return false, fmt.Errorf("look for the owner of %s: %w", name, err)
	}
	return mine, nil
}

// alteration is what a table that is there lacks of the layout, but for indexes.
type alteration struct {
	steps   []step
	was, is relation // the table before the steps and behind them
	retyped bool     // a column gets another type, which no view on it lets happen
}

// alter compares a table with the layout. A column that is added, or has another
// type now, is null in every row and not among those that are right: Fill does the
// rest, even where there are no rows, since only behind the claim nobody writes rows
// who does not know the column.
func alter(ctx context.Context, tx *sql.Tx, d Dialect, t Table, state tableState, lz4 bool) (a alteration, err error) {
	if a.was, err = lookAt(ctx, tx, d, t.Name); err != nil {
		return a, err
	}
	a.is = slices.Clone(a.was)
	next := tableState{Columns: state.keeps(t), Indexes: state.Indexes, Fill: state.Fill}
	for _, c := range t.Columns {
		typ := columnType(d, c.Type)
		was := a.is.typeOf(c.Name)
		recorded, _, _ := strings.Cut(state.Columns[c.Name], ",")
		if was == typ || was != "" && (recorded == "" || recorded == c.Type) {
			// As it shall be, or as somebody has altered it.
			continue
		}
		if was != "" {
			a.retyped = true
			a.steps = append(a.steps, dropColumn(d, t, c)...)
			a.is = slices.DeleteFunc(a.is, func(o Column) bool { return strings.EqualFold(o.Name, c.Name) })
		}
		delete(next.Columns, c.Name)
		a.steps = append(a.steps, step{query: "ALTER TABLE " + t.Name + " ADD COLUMN " + c.Name + " " + typ})
		a.is = append(a.is, Column{Name: c.Name, Type: typ})
	}
	if lz4 {
		compressed, err := isLZ4(ctx, tx, t)
		if err != nil {
			return a, err
		}
		mine, err := owns(ctx, tx, d, t.Name)
		if err != nil {
			return a, err
		}
		if !compressed && mine {
			a.steps = append(a.steps, compress(t))
		}
	}
	// A fill of columns that the layout does not have would leave out the rows that
	// are written without them behind its place.
	if next.Fill != nil && !next.Fill.of(next.lacks(t)) {
		next.Fill = nil
	}
	if len(a.steps) > 0 || !maps.Equal(next.Columns, state.Columns) || next.Fill != state.Fill {
		kept, err := keepTable(t.Name, next)
		if err != nil {
			return a, err
		}
		a.steps = append(a.steps, kept)
	}
	return a, nil
}

// dropColumn takes a column away with the indexes that it is in, which SQLite does
// not drop by itself. They are made again as any that are missing.
func dropColumn(d Dialect, t Table, c Column) (steps []step) {
	for _, i := range t.Indexes {
		if d == SQLite && (slices.Contains(i.Columns, c.Name) || strings.Contains(i.Where, c.Name)) {
			steps = append(steps, step{query: "DROP INDEX IF EXISTS " + i.Name})
		}
	}
	return append(steps, step{query: "ALTER TABLE " + t.Name + " DROP COLUMN " + c.Name})
}

// nextIndex is the first index of a table that is missing or was made otherwise.
func nextIndex(ctx context.Context, tx *sql.Tx, d Dialect, t Table, state tableState) (steps []step, err error) {
	query := `SELECT c.relname::text, '' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1::text)`
	if d == SQLite {
		query = `SELECT lower(name), '' FROM pragma_index_list($1)`
	}
	found, err := pairs(ctx, tx, query, t.Name)
	if err != nil {
		return nil, err
	}
	for _, i := range t.Indexes {
		there := slices.Contains(found, [2]string{strings.ToLower(i.Name)})
		if there && state.Indexes[i.Name] == definition(t, i) {
			continue
		}
		if mine, err := owns(ctx, tx, d, t.Name); err != nil || !mine {
			return nil, err
		}
		if there {
			steps = append(steps, step{query: "DROP INDEX " + i.Name})
		}
		next := state
		next.Indexes = maps.Clone(state.Indexes)
		if next.Indexes == nil {
			next.Indexes = map[string]string{}
		}
		next.Indexes[i.Name] = definition(t, i)
		kept, err := keepTable(t.Name, next)
		return append(steps, step{query: definition(t, i)}, kept), err
	}
	return nil, nil
}
