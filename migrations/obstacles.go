package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrObstacles: something of the user's on a table of the agent's would not
// outlive an upgrade.
var ErrObstacles = errors.New("what was added to the agent's tables is in the way of the upgrade")

// Obstacle is something of the user's that an upgrade would lose, or break over.
type Obstacle struct {
	What  string
	Move  []string // the statements that take it out of the way
	Again []string // those that make it again after the upgrade, as far as can be told
}

// refuseObstacles is the error of an upgrade that meets obstacles; nil where there
// are none.
func refuseObstacles(found []Obstacle) error {
	if len(found) == 0 {
		return nil
	}
	var b strings.Builder
	for _, o := range found {
		fmt.Fprintf(&b, "\n-- %s\n%s", o.What, statementsText(o.Move))
	}
	b.WriteString("\n-- Then run the agent again. After the upgrade:")
	for _, o := range slices.Backward(found) { // what others depend on comes first
		if len(o.Again) > 0 {
			fmt.Fprintf(&b, "\n-- %s\n%s", o.What, statementsText(o.Again))
		}
	}
	b.WriteString("\n-- There idx and vow are the column record of the tables idx_property and vow_property," +
		" and Property is a view of one of them.")
	return fmt.Errorf("move the listings to a table for each feed: %w: %s; these statements move it:%s", ErrObstacles, namesOf(found), b.String())
}

func statementsText(statements []string) string { return strings.Join(statements, ";\n") + ";" }

func namesOf(found []Obstacle) string {
	var names []string
	for _, o := range found {
		names = append(names, o.What)
	}
	return strings.Join(names, ", ")
}

// InTheWay says what the obstacles are, and what to do about them.
func (s Standing) InTheWay() (what, do string) {
	var moves []string
	for _, o := range s.Obstacles {
		moves = append(moves, o.Move...)
	}
	return fmt.Sprintf("version %d of %d; in the way of the upgrade: %s", s.Version, s.Latest, namesOf(s.Obstacles)),
		strings.Join(moves, "; ") + "; 'agent migrate' also tells how to make again what can be"
}

// obstacles are what an upgrade from a version meets.
func obstacles(ctx context.Context, tx *sql.Tx, d Dialect, schema string, version int64) (found []Obstacle, err error) {
	if version == 0 || version >= moveVersion {
		return nil, nil
	}
	if there, err := exists(ctx, tx, d, "property"); err != nil || !there {
		return nil, err
	}
	if d == SQLite {
		return sqliteObstacles(ctx, tx)
	}
	found, err = postgresObstacles(ctx, tx, schema)
	if err != nil {
		return nil, err
	}
	return found, settle(ctx, tx, d, schema)
}

// readObstacles reads rows of a description, the statements that move it and those
// that make it again. Several statements of one cell are divided by \x01.
func readObstacles(ctx context.Context, q querier, query string, args ...any) (found []Obstacle, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look for obstacles: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var what, move string
		var again sql.NullString
		if err := rows.Scan(&what, &move, &again); err != nil {
			return nil, fmt.Errorf("look for obstacles: %w", err)
		}
		o := Obstacle{What: what, Move: strings.Split(move, "\x01")}
		if again.Valid {
			o.Again = strings.Split(again.String, "\x01")
		}
		found = append(found, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for obstacles: %w", err)
	}
	return found, nil
}
