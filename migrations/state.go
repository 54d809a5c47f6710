package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// tableState is what agent_table keeps of a record table.
type tableState struct {
	// Columns are the typed columns that are right in every row, with their types. A
	// column of the layout that is not among them is still to be filled.
	Columns map[string]string `json:"columns"`
	// Indexes are those that were made, with their definitions.
	Indexes map[string]string `json:"indexes"`
	Fill    *fillState        `json:"fill,omitempty"`
}

// fillState is a fill under way. One for other columns than are wanted by now
// begins again.
type fillState struct {
	Columns map[string]string `json:"columns"`
	After   []string          `json:"after"` // key of the last row that is done
}

// lacks are the columns of the layout that are not right in every row.
func (s tableState) lacks(t Table) (columns []Column) {
	for _, c := range t.Columns {
		if s.Columns[c.Name] != c.kept() {
			columns = append(columns, c)
		}
	}
	return columns
}

// keeps drops what the layout does not have, or has as another type: rows that an
// agent of this layout writes do not have it right.
func (s tableState) keeps(t Table) map[string]string {
	right := map[string]string{}
	for _, c := range t.Columns {
		if s.Columns[c.Name] == c.kept() {
			right[c.Name] = c.kept()
		}
	}
	return right
}

// viewState is what agent_view keeps of a view: what it was made from.
type viewState struct {
	Table string `json:"table,omitempty"` // that a plain view shows
	Query string `json:"query"`
	// Barrier: as View has it.
	Barrier bool `json:"barrier,omitempty"`
}

// tableStates reads agent_table, by names in lower case; nothing where there is no
// such table yet.
func tableStates(ctx context.Context, tx *sql.Tx, d Dialect) (map[string]tableState, error) {
	return states[tableState](ctx, tx, d, "agent_table", "table_name, state")
}

func viewStates(ctx context.Context, tx *sql.Tx, d Dialect) (map[string]viewState, error) {
	return states[viewState](ctx, tx, d, "agent_view", "view_name, definition")
}

func states[T any](ctx context.Context, tx *sql.Tx, d Dialect, table, columns string) (map[string]T, error) {
	out := map[string]T{}
	there, err := exists(ctx, tx, d, table)
	if err != nil || !there {
		return out, err
	}
	rows, err := pairs(ctx, tx, `SELECT `+columns+` FROM `+table)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var state T
		if err := json.Unmarshal([]byte(row[1]), &state); err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", table, row[0], err)
		}
		out[row[0]] = state
	}
	return out, nil
}

// pairs reads rows of two texts.
func pairs(ctx context.Context, q querier, query string, args ...any) (out [][2]string, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look at tables: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var pair [2]string
		if err := rows.Scan(&pair[0], &pair[1]); err != nil {
			return nil, fmt.Errorf("look at tables: %w", err)
		}
		out = append(out, pair)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look at tables: %w", err)
	}
	return out, nil
}

// encode writes a state; the same states are the same text.
func encode(state any) (string, error) {
	text, err := json.Marshal(state, json.Deterministic(true))
	return string(text), err
}

// step is a statement of a change.
type step struct {
	query string
	args  []any
}

func run(ctx context.Context, tx *sql.Tx, steps []step) error {
	for _, s := range steps {
		if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
			return fmt.Errorf("%s: %w", headline(s.query), err)
		}
	}
	return nil
}

// headline is a statement as far as its first parenthesis or line.
func headline(query string) string {
	if i := strings.IndexAny(query, "(\n"); i > 0 {
		query = query[:i]
	}
	return strings.TrimSpace(query)
}

// keepTable is the step that writes a table's state.
func keepTable(name string, s tableState) (step, error) {
	text, err := encode(s)
	if err != nil {
		return step{}, fmt.Errorf("write state of %s: %w", name, err)
	}
	return step{`INSERT INTO agent_table (table_name, state) VALUES ($1, $2)
		ON CONFLICT (table_name) DO UPDATE SET state = excluded.state`, []any{strings.ToLower(name), text}}, nil
}

func keepView(name string, s viewState) (step, error) {
	text, err := encode(s)
	if err != nil {
		return step{}, fmt.Errorf("write definition of %s: %w", name, err)
	}
	return step{`INSERT INTO agent_view (view_name, definition) VALUES ($1, $2)
		ON CONFLICT (view_name) DO UPDATE SET definition = excluded.definition`, []any{strings.ToLower(name), text}}, nil
}

// relation is a table or view as it is: its columns in their order, with types as
// the database names them.
type relation []Column

func (r relation) has(name string) bool {
	return slices.ContainsFunc(r, func(c Column) bool { return strings.EqualFold(c.Name, name) })
}

// typeOf is "" where there is no such column.
func (r relation) typeOf(name string) string {
	for _, c := range r {
		if strings.EqualFold(c.Name, name) {
			return c.Type
		}
	}
	return ""
}

// look reads a relation's columns; nil where there is none.
func lookAt(ctx context.Context, tx *sql.Tx, d Dialect, name string) (relation, error) {
	query := `SELECT a.attname::text, format_type(a.atttypid, NULL) FROM pg_attribute a
		WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`
	if d == SQLite {
		query = `SELECT lower(name), type FROM pragma_table_info($1) ORDER BY cid`
	}
	found, err := pairs(ctx, tx, query, name)
	if err != nil {
		return nil, err
	}
	var r relation
	for _, c := range found {
		r = append(r, Column{Name: c[0], Type: c[1]})
	}
	return r, nil
}
