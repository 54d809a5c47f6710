package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3/database"
)

// Standing is how a database stands before a migration.
type Standing struct {
	Version int64    // that it has; 0: Up would make all tables
	Latest  int64    // that this agent knows
	Foreign []string // tables and views of the agent's names that it did not make: Up would refuse
	SyncLog string   // as it is written in SQL; "" where there is none
	// OtherSyncLogs are those of an older program in other schemas.
	OtherSyncLogs []string
	Tables        []string // all of the schema
}

// Newer reports whether a newer agent has upgraded the database.
func (s Standing) Newer() bool { return s.Version > s.Latest }

// Look tells what Up would find, and changes nothing: neither goose's version
// table nor a schema is made. A schema that does not exist has no tables.
func Look(ctx context.Context, db *sql.DB, d Dialect, named Names, layout Layout) (Standing, error) {
	var s Standing
	schema := named.Schema
	steps, err := steps(d, schema)
	if err != nil {
		return s, err
	}
	for _, step := range steps {
		s.Latest = max(s.Latest, step.Version)
	}
	if s.Tables, err = tables(ctx, db, d, schema); err != nil {
		return s, err
	}
	if s.SyncLog, err = lookForSyncLog(ctx, db, d, named, s.Tables); err != nil {
		return s, err
	}
	if s.OtherSyncLogs, err = otherSyncLogs(ctx, db, d, named); err != nil {
		return s, err
	}
	if !slices.Contains(s.Tables, versionTable) {
		if s.Foreign = foreignTables(s.Tables); s.Foreign == nil {
			s.Foreign, err = foreignViews(ctx, db, d, schema)
		}
		return s, err
	}
	store, err := versionStore(d, schema)
	if err != nil {
		return s, err
	}
	s.Version, err = store.GetLatestVersion(ctx, db)
	if err != nil && !errors.Is(err, database.ErrVersionNotFound) {
		return s, fmt.Errorf("read schema version: %w", err)
	}
	if s.Version < viewsVersion {
		s.Foreign, err = foreignViews(ctx, db, d, schema)
		return s, err
	}
	return s, nil
}
