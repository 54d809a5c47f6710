package harness

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/record"
)

// Typed fails the test unless every typed column of the shape's table holds what
// the column's conversion makes of the stored JSON. Values are compared, not their
// spelling: jsonb writes 2.0E7 as 20000000. It gives the number of rows.
func Typed(tb testing.TB, d *Database, shape *record.Shape) (rows int) {
	tb.Helper()
	return typed(tb, d, shape.Table, shape.Columns)
}

func typed(tb testing.TB, d *Database, table string, columns []record.Column) (rows int) {
	tb.Helper()
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	if len(columns) == 0 {
		return 0
	}
	query := "SELECT CAST(record AS text), " + strings.Join(names, ", ") + " FROM " + d.Table(table)
	problems := 0
	d.values(tb, query, func(row []any) {
		rows++
		text := fmt.Sprint(row[0])
		stored, err := read([]byte(text))
		if err != nil {
			tb.Fatalf("%s: %v", table, err)
		}
		for i, c := range columns {
			raw, want := stored[c.Field], record.Value{}
			if raw != nil {
				want, _ = c.Convert(raw)
			}
			if got := row[1+i]; !holds(c.Kind, raw, want, got) {
				if problems++; problems <= 5 {
					tb.Errorf("%s.%s is %v, want %+v of %s, in %.300s", table, c.Name, got, want, raw, text)
				}
			}
		}
	})
	if problems > 5 {
		tb.Errorf("%s: %d typed values differ, in %d rows", table, problems, rows)
	}
	return rows
}

// holds reports whether a column's value is the one that is wanted, which was
// made of raw.
func holds(kind record.Kind, raw jsontext.Value, want record.Value, got any) bool {
	if got == nil || !want.Valid {
		return got == nil && !want.Valid
	}
	switch got := got.(type) {
	case bool:
		return kind == record.Boolean && strconv.FormatBool(got) == want.Text
	case float64: // of SQLite, where a number is one
		f, err := strconv.ParseFloat(want.Text, 64)
		return kind == record.Number && err == nil && f == got
	case int64:
		if kind == record.Boolean { // of SQLite
			return (want.Text == "true") == (got == 1) && (got == 0 || got == 1)
		}
		return kind == record.Integer && strconv.FormatInt(got, 10) == want.Text
	case time.Time: // of PostgreSQL
		if kind == record.Date {
			return got.Format(time.DateOnly) == want.Text
		}
		return kind == record.Timestamp && record.FormatTimestamp(got) == want.Text
	case string:
		if got == want.Text {
			return kind != record.Integer && kind != record.Boolean
		}
		number := kind == record.Number || ((kind == record.Text || kind == record.Word) && raw.Kind() == '0')
		return number && sameNumber(got, want.Text)
	}
	return false
}

func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}
