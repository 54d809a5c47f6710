package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// update writes the batch's columns in PostgreSQL, in one statement. A row that
// somebody else is writing is waited for, and then compared as it is by then; one
// that has the values already, such as null where the record has none, is not
// written.
func (b *batch) update(ctx context.Context, tx *sql.Tx) error {
	var arrays, names, match, set, differ []string
	var args []any
	add := func(values any, typ, name string) string {
		args = append(args, values)
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(args), typ))
		names = append(names, name)
		return "u." + name
	}
	for i, k := range b.table.Key {
		match = append(match, "r."+k+" = "+add(column(b.rows, func(r fillRow) string { return r.key[i] }), "text", fmt.Sprint("k", i)))
	}
	match = append(match, "r.record_hash = "+add(column(b.rows, func(r fillRow) int64 { return r.hash }), "bigint", "h"))
	for i, c := range b.columns {
		value := add(column(b.rows, func(r fillRow) *string { return r.values[i] }), "text", fmt.Sprint("v", i)) + "::" + c.Type
		set = append(set, c.Name+" = "+value)
		differ = append(differ, "r."+c.Name+" IS DISTINCT FROM "+value)
	}
	_, err := tx.ExecContext(ctx, "UPDATE "+b.table.Name+" AS r SET "+strings.Join(set, ", ")+
		" FROM unnest("+strings.Join(arrays, ", ")+") AS u("+strings.Join(names, ", ")+")"+
		" WHERE "+strings.Join(match, " AND ")+" AND ("+strings.Join(differ, " OR ")+")", args...)
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

func column[T any](rows []fillRow, value func(fillRow) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = value(r)
	}
	return out
}

// updateEach writes them in SQLite, where nobody else writes until the end of the
// transaction.
func (b *batch) updateEach(ctx context.Context, tx *sql.Tx) error {
	var set, match, differ []string
	for i, c := range b.columns {
		set = append(set, fmt.Sprintf("%s = ?%d", c.Name, i+1))
		differ = append(differ, fmt.Sprintf("%s IS NOT ?%d", c.Name, i+1))
	}
	for i, k := range append(b.table.Key[:len(b.table.Key):len(b.table.Key)], "record_hash") {
		match = append(match, fmt.Sprintf("%s = ?%d", k, len(b.columns)+i+1))
	}
	update, err := tx.PrepareContext(ctx, "UPDATE "+b.table.Name+" SET "+strings.Join(set, ", ")+
		" WHERE "+strings.Join(match, " AND ")+" AND ("+strings.Join(differ, " OR ")+")")
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	defer func() { _ = update.Close() }()
	for _, r := range b.rows {
		var args []any
		for _, v := range r.values {
			args = append(args, v)
		}
		if _, err := update.ExecContext(ctx, append(append(args, texts(r.key)...), r.hash)...); err != nil {
			return fmt.Errorf("write row %s: %w", strings.Join(r.key, "/"), err)
		}
	}
	return nil
}

// parameters are $1, $2 and so on.
func parameters(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("$%d", i+1)
	}
	return strings.Join(names, ", ")
}

func texts(list []string) (out []any) {
	for _, text := range list {
		out = append(out, text)
	}
	return out
}
