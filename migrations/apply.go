package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// apply makes record tables, columns, indexes and views as the layout says, and tells
// whether anything was missing. Nothing is locked where nothing is.
//
// All but the indexes is one transaction: a crash leaves nothing of it, or all. An
// index of a table that has rows is one of its own, since it takes long, and a column
// that is added locks readers out until its transaction ends.
func apply(ctx context.Context, db *sql.DB, d Dialect, schema string, layout Layout, claim Claim) (changed bool, err error) {
	var steps []step
	plan := func(tx *sql.Tx) (err error) {
		steps, err = planned(ctx, tx, d, schema, layout)
		return err
	}
	if err := reading(ctx, db, d, schema, plan); err != nil {
		return false, err
	}
	if changed = len(steps) > 0; changed {
		err := within(ctx, db, d, schema, func(tx *sql.Tx) error {
			if err := ask(ctx, tx, d, claim); err != nil {
				return err
			}
			// Another may have begun to fill a column between the two looks.
			if err := plan(tx); err != nil {
				return err
			}
			return run(ctx, tx, steps)
		})
		if err != nil {
			return false, fmt.Errorf("make tables and views: %w", err)
		}
	}
	for i := range layout.Tables {
		for more := true; more; {
			var err error
			if more, err = index(ctx, db, d, schema, layout.Tables[i], claim); err != nil {
				return false, fmt.Errorf("index %s: %w", layout.Tables[i].Name, err)
			}
			changed = changed || more
		}
	}
	return changed, nil
}

// planned is what the database lacks of the layout, but for indexes of tables that
// are there; nothing if it lacks nothing. Tables of somebody else, and those that
// are gone, are errors.
func planned(ctx context.Context, tx *sql.Tx, d Dialect, schema string, layout Layout) ([]step, error) {
	if err := refuseForeignIn(ctx, tx, d, schema, moveVersion, layout); err != nil {
		return nil, err
	}
	states, err := tableStates(ctx, tx, d)
	if err != nil {
		return nil, err
	}
	lz4, err := hasLZ4(ctx, tx, d)
	if err != nil {
		return nil, err
	}
	views := viewPlan{d: d, layout: layout, tables: map[string]relation{}}
	var changes []step
	for _, t := range layout.Tables {
		state, made := states[strings.ToLower(t.Name)]
		if !made {
			steps, err := tableSteps(d, t, lz4)
			if err != nil {
				return nil, err
			}
			changes = append(changes, steps...)
			views.tables[t.Name] = willBe(d, t)
			continue
		}
		a, err := alter(ctx, tx, d, t, state, lz4)
		if err != nil {
			return nil, err
		}
		if a.was == nil {
			return nil, fmt.Errorf("open database: %s: %w; restore them from a backup", t.Name, ErrGone)
		}
		changes = append(changes, a.steps...)
		views.tables[t.Name] = a.is
		views.fresh = views.fresh || a.retyped
	}
	if err := views.make(ctx, tx); err != nil {
		return nil, err
	}
	return append(append(views.down, changes...), views.up...), nil
}

// willBe is a table that is not there yet.
func willBe(d Dialect, t Table) (r relation) {
	for _, k := range t.Key {
		r = append(r, Column{Name: k, Type: columnType(d, "text")})
	}
	for _, c := range t.Columns {
		r = append(r, Column{Name: c.Name, Type: columnType(d, c.Type)})
	}
	return append(r, Column{Name: "record_timestamp", Type: columnType(d, "timestamptz")}, Column{Name: "record_hash", Type: columnType(d, "bigint")},
		Column{Name: "record", Type: columnType(d, "jsonb")})
}

// index makes one index that a table lacks; more: there may be others.
func index(ctx context.Context, db *sql.DB, d Dialect, schema string, t Table, claim Claim) (more bool, err error) {
	var steps []step
	look := func(tx *sql.Tx) error {
		states, err := tableStates(ctx, tx, d)
		if err == nil {
			steps, err = nextIndex(ctx, tx, d, t, states[strings.ToLower(t.Name)])
		}
		return err
	}
	if err := reading(ctx, db, d, schema, look); err != nil || len(steps) == 0 {
		return false, err
	}
	return true, within(ctx, db, d, schema, func(tx *sql.Tx) error {
		if err := ask(ctx, tx, d, claim); err != nil {
			return err
		}
		if err := look(tx); err != nil {
			return err
		}
		return run(ctx, tx, steps)
	})
}

// Show has a view of the layout show another table of the same columns from now on.
// Nothing is locked where it does.
func Show(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, view, table string, claim Claim) error {
	v := layout.view(view)
	if v == nil || !v.Chosen || layout.table(table) == nil {
		return fmt.Errorf("show %s as %s: the layout has no such choice", table, view)
	}
	shows := errors.New("it does")
	look := func(tx *sql.Tx) error {
		views, err := viewStates(ctx, tx, d)
		if err == nil && strings.EqualFold(views[strings.ToLower(view)].Table, table) {
			err = shows
		}
		return err
	}
	err := reading(ctx, db, d, names.Schema, look)
	if err == nil {
		err = within(ctx, db, d, names.Schema, func(tx *sql.Tx) error {
			if err := ask(ctx, tx, d, claim); err != nil {
				return err
			}
			if err := look(tx); err != nil {
				return err
			}
			return replaceViews(ctx, tx, d, layout, map[string]string{v.Name: table})
		})
	}
	if err != nil && !errors.Is(err, shows) {
		return fmt.Errorf("show %s as %s: %w", table, view, err)
	}
	return nil
}
