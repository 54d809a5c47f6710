package migrations

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"resoagent/internal/harness"
)

// openFor opens a destination the way the agent does.
func openFor(tb testing.TB, h *harness.Database) (*sql.DB, Dialect) {
	tb.Helper()
	driver, url, d := "sqlite", "file:"+strings.TrimPrefix(h.URL, "sqlite:")+"?_pragma=busy_timeout(5000)", SQLite
	if h.Postgres {
		driver, url, d = "pgx", h.URL, Postgres
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db, d
}

// UpTo makes the database of an older agent.
func UpTo(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, version int64) error {
	p, err := provider(ctx, db, d, names, layout, nil)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}
