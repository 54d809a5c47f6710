package harness

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"resoagent/internal/pgtest"
)

// Database is an empty destination and a connection of the test's own to look
// into it.
type Database struct {
	URL      string // as --database-url takes it
	Schema   string // of PostgreSQL
	Postgres bool
	db       *sql.DB
	prefix   string // of table names
}

// NewPostgres makes a destination in a schema of its own.
func NewPostgres(tb testing.TB) *Database {
	tb.Helper()
	url, schema := pgtest.Schema(tb)
	return OpenPostgres(tb, url, schema)
}

// OpenPostgres is a destination in a schema that is there already.
func OpenPostgres(tb testing.TB, url, schema string) *Database {
	tb.Helper()
	d := &Database{URL: url, Schema: schema, Postgres: true, prefix: schema + "."}
	d.open(tb, "pgx", url)
	return d
}

// NewSQLite makes a destination in a file of its own.
func NewSQLite(tb testing.TB) *Database {
	tb.Helper()
	return OpenSQLite(tb, filepath.Join(tb.TempDir(), "listings.sqlite"))
}

// OpenSQLite is a destination in a file that may be there already.
func OpenSQLite(tb testing.TB, path string) *Database {
	tb.Helper()
	d := &Database{URL: "sqlite:" + path, Schema: "public"}
	d.open(tb, "sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	return d
}

func (d *Database) open(tb testing.TB, driver, url string) {
	tb.Helper()
	db, err := sql.Open(driver, url)
	if err != nil {
		tb.Fatalf("open database: %v", err)
	}
	d.db = db
	tb.Cleanup(func() { _ = db.Close() })
}

// Each runs a test against a destination of each kind.
func Each(t *testing.T, test func(*testing.T, *Database)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, NewSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, NewPostgres(t)) })
}

// Table is a table's name as SQL takes it.
func (d *Database) Table(name string) string { return d.prefix + name }

// Exec runs a statement.
func (d *Database) Exec(tb testing.TB, query string, args ...any) {
	tb.Helper()
	if _, err := d.db.ExecContext(tb.Context(), query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// ExecAfter runs a statement in a test's clean-up, when its context is over.
func (d *Database) ExecAfter(tb testing.TB, query string) {
	tb.Helper()
	if _, err := d.db.ExecContext(context.Background(), query); err != nil {
		tb.Errorf("%s: %v", query, err)
	}
}

// Hold runs a statement in a transaction that stays open until the test ends.
func (d *Database) Hold(tb testing.TB, query string) {
	tb.Helper()
	tx, err := d.db.BeginTx(context.Background(), nil)
	if err != nil {
		tb.Fatalf("begin: %v", err)
	}
	tb.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(tb.Context(), query); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// Int asks for one number.
func (d *Database) Int(tb testing.TB, query string, args ...any) (n int64) {
	tb.Helper()
	if err := d.db.QueryRowContext(tb.Context(), query, args...).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return n
}

// Count counts a table's rows; where is a condition or "".
func (d *Database) Count(tb testing.TB, table, where string) int64 {
	tb.Helper()
	query := "SELECT count(*) FROM " + d.Table(table)
	if where != "" {
		query += " WHERE " + where
	}
	return d.Int(tb, query)
}

// Strings asks for rows, each column as text.
func (d *Database) Strings(tb testing.TB, query string, args ...any) (out [][]string) {
	tb.Helper()
	rows, columns := d.query(tb, query, args...)
	defer rows.Close()
	for rows.Next() {
		values := make([]sql.NullString, columns)
		into := make([]any, columns)
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		row := make([]string, columns)
		for i, v := range values {
			row[i] = v.String
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return out
}

// values asks for rows, each column in the driver's own type, and hands them on
// one by one.
func (d *Database) values(tb testing.TB, query string, each func(row []any)) {
	tb.Helper()
	rows, columns := d.query(tb, query)
	defer rows.Close()
	for rows.Next() {
		row, into := make([]any, columns), make([]any, columns)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		each(row)
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// query begins to read rows and gives the number of their columns.
func (d *Database) query(tb testing.TB, query string, args ...any) (rows *sql.Rows, columns int) {
	tb.Helper()
	rows, err := d.db.QueryContext(tb.Context(), query, args...)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	names, err := rows.Columns()
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return rows, len(names)
}

// Close closes the test's own connection, so that the file can be replaced.
func (d *Database) Close(tb testing.TB) {
	tb.Helper()
	if err := d.db.Close(); err != nil {
		tb.Fatalf("close database: %v", err)
	}
}

// Reopen opens a SQLite file again after Close.
func (d *Database) Reopen(tb testing.TB) {
	tb.Helper()
	d.open(tb, "sqlite", "file:"+d.URL[len("sqlite:"):]+"?_pragma=busy_timeout(5000)")
}
