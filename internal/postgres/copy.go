package postgres

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"resoagent/internal/record"
)

// copy writes records that are not there, the fastest way there is.
func (w *writer) copy(ctx context.Context, tx pgx.Tx, entries []record.Entry) error {
	columns, rows := CopyRows(w.s.shape, entries)
	return copyFrom(ctx, tx, pgx.Identifier{w.d.schema, w.s.shape.Table}, columns, rows)
}

// copyFrom is CopyFrom, whose binary form is made on this side: a value that does
// not fit the column as somebody has altered it is no error of the server, but
// the breaking off of the COPY (57014), which the server reports.
func copyFrom(ctx context.Context, tx pgx.Tx, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) error {
	_, err := tx.CopyFrom(ctx, table, columns, rows)
	if sqlstate(err) == "57014" && ctx.Err() == nil {
		return brokenOff{err}
	}
	return err
}

// brokenOff is a COPY that ended before its last row. Whether a row is at fault
// shows when they are written in the next manner.
type brokenOff struct{ error }

func (e brokenOff) Unwrap() error { return e.error }

// CopyRows gives records in the form of pgx's CopyFrom, with the columns that
// they fill.
func CopyRows(shape *record.Shape, entries []record.Entry) (columns []string, rows pgx.CopyFromSource) {
	columns = shape.KeyColumns()
	for _, c := range shape.Columns {
		columns = append(columns, c.Name)
	}
	columns = append(columns, "record_timestamp", "record", "record_hash")
	return columns, &copyRows{
		shape: shape, entries: entries, row: make([]any, len(columns)), numbers: make([]pgtype.Numeric, len(shape.Columns)),
	}
}

// copyRows gives records to pgx, which wants each value in its type: the wire
// format is a binary one. The row is the same slice each time.
type copyRows struct {
	shape   *record.Shape
	entries []record.Entry
	at      int // of the next record
	row     []any
	numbers []pgtype.Numeric
}

func (c *copyRows) Next() bool {
	c.at++
	return c.at <= len(c.entries)
}

func (c *copyRows) Err() error { return nil }

func (c *copyRows) Values() ([]any, error) {
	e := c.entries[c.at-1]
	row := c.row[:0]
	if c.shape.Parent != "" {
		row = append(row, &e.Parent)
	}
	row = append(row, &e.Key)
	for i := range c.shape.Columns {
		v, err := c.value(c.shape.Columns[i].Kind, &e.Values[i], &c.numbers[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.shape.Columns[i].Name, err)
		}
		row = append(row, v)
	}
	var at any = e.Time
	if e.Time.IsZero() {
		at = nil
	}
	return append(row, at, e.JSON, e.Hash), nil
}

// value is a typed column's value in Go's type.
func (c *copyRows) value(kind record.Kind, v *record.Value, number *pgtype.Numeric) (any, error) {
	if !v.Valid {
		return nil, nil //nolint:nilnil // NULL
	}
	switch kind {
	case record.Integer:
		return strconv.ParseInt(v.Text, 10, 64)
	case record.Number:
		err := parseNumber(v.Text, number)
		return number, err
	case record.Boolean:
		return v.Text == "true", nil
	case record.Date:
		return time.Parse(time.DateOnly, v.Text)
	case record.Timestamp:
		return time.Parse(time.RFC3339Nano, v.Text)
	default:
		return &v.Text, nil
	}
}

// parseNumber reads a decimal with all its digits: 149900.0 keeps its fraction,
// and 2.0E7 is twenty million.
func parseNumber(text string, n *pgtype.Numeric) error {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	exp := 0
	if exponent != "" {
		var err error
		if exp, err = strconv.Atoi(exponent); err != nil {
			return fmt.Errorf("read number: %w", err)
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if n.Int == nil {
		n.Int = new(big.Int)
	}
	if small, err := strconv.ParseInt(digits, 10, 64); err == nil {
		n.Int.SetInt64(small)
	} else if _, ok := n.Int.SetString(digits, 10); !ok {
		return fmt.Errorf("read number %.40q: %w", text, strconv.ErrSyntax)
	}
	n.Exp, n.Valid = int32(exp-len(fraction)), true //nolint:gosec // a record has no such many digits
	return nil
}
