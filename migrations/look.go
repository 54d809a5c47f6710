package migrations

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
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
	// Missing are tables that the agent made and that are gone. Up would not make
	// them again.
	Missing []string
	Pending bool // Up would make or change tables or views by the layout
	// Obstacles are what others have put on the tables and an upgrade would break: Up
	// would refuse.
	Obstacles []Obstacle
}

// Newer reports whether a newer agent has upgraded the database.
func (s Standing) Newer() bool { return s.Version > s.Latest }

// Look tells what Up would find, and changes nothing: neither goose's version
// table nor a schema is made. A schema that does not exist has no tables.
func Look(ctx context.Context, db *sql.DB, d Dialect, named Names, layout Layout) (Standing, error) {
	var s Standing
	schema := named.Schema
	s.Latest = latest(d)
	var err error
	if s.Tables, err = tables(ctx, db, d, schema); err != nil {
		return s, err
	}
	if s.SyncLog, err = lookForSyncLog(ctx, db, d, named, s.Tables); err != nil {
		return s, err
	}
	if s.OtherSyncLogs, err = otherSyncLogs(ctx, db, d, named); err != nil {
		return s, err
	}
	if s.Version, err = version(ctx, db, d, schema); err != nil || s.Newer() {
		return s, err
	}
	err = reading(ctx, db, d, schema, func(tx *sql.Tx) error { return s.compare(ctx, tx, d, schema, layout) })
	return s, err
}

// compare tells what is in the way of the layout, and what is missing of what was
// there.
func (s *Standing) compare(ctx context.Context, tx *sql.Tx, d Dialect, schema string, l Layout) (err error) {
	if s.Foreign, err = foreign(ctx, tx, d, schema, s.Version, l); err != nil || s.Version == 0 {
		return err
	}
	want := []string{"agent_owner", "agent_position", "agent_run", "agent_orphan", "agent_reject"}
	if s.Version < moveVersion {
		want = append(want, "property", "media", "propertyrooms", "openhouse")
	} else {
		want = append(want, "agent_table", "agent_view")
	}
	if s.Obstacles, err = obstacles(ctx, tx, d, schema, s.Version); err != nil {
		return err
	}
	states, err := tableStates(ctx, tx, d)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if l.table(name) != nil {
			want = append(want, name)
		}
	}
	for _, name := range want {
		if !slices.ContainsFunc(s.Tables, func(t string) bool { return strings.EqualFold(t, name) }) {
			s.Missing = append(s.Missing, name)
		}
	}
	if len(s.Missing) > 0 || len(s.Foreign) > 0 || s.Version < s.Latest {
		return nil
	}
	steps, err := planned(ctx, tx, d, schema, l)
	s.Pending = len(steps) > 0
	return err
}
