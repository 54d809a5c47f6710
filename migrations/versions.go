package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// versionTable holds the versions that have been applied; that it exists is how
// the agent knows its own tables.
const versionTable = "agent_schema_version"

const (
	viewsVersion = 2 // the first one with views
	moveVersion  = 6 // has a table for each feed; from here on there is agent_table
)

// version is that of the database; 0 where there is none.
func version(ctx context.Context, db *sql.DB, d Dialect, schema string) (int64, error) {
	found, err := tables(ctx, db, d, schema)
	if err != nil || !slices.Contains(found, versionTable) {
		return 0, err
	}
	store, err := versionStore(d, schema)
	if err != nil {
		return 0, err
	}
	v, err := store.GetLatestVersion(ctx, db)
	if err != nil && !errors.Is(err, database.ErrVersionNotFound) {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return v, nil
}

// create makes the agent's own tables in a database that has none: as they are by
// now, and with the rows of all versions, in one transaction. A version table
// without a version, which older agents left where they were refused, is used.
func create(ctx context.Context, db *sql.DB, d Dialect, schema string, layout Layout) error {
	if err := refuseForeign(ctx, db, d, schema, 0, layout); err != nil {
		return err
	}
	body, err := files.ReadFile(string(d) + "/baseline.sql")
	if err != nil {
		return fmt.Errorf("read tables: %w", err)
	}
	store, err := versionStore(d, schema)
	if err != nil {
		return err
	}
	err = within(ctx, db, d, schema, func(tx *sql.Tx) error {
		first, err := firstVersion(ctx, tx, d, store)
		if err != nil || first > 1 {
			return err
		}
		if err := execute(ctx, tx, string(body)); err != nil {
			return err
		}
		for v := first; v <= latest(d); v++ {
			if err := store.Insert(ctx, tx, database.InsertRequest{Version: v}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	return nil
}

// firstVersion is the first one that has no row in the version table, which is made
// where there is none. 0 is goose's own; beyond 1 somebody was faster, which only
// SQLite, where nothing is locked before, lets happen.
func firstVersion(ctx context.Context, tx *sql.Tx, d Dialect, store database.Store) (int64, error) {
	there, err := exists(ctx, tx, d, versionTable)
	if err != nil {
		return 0, err
	}
	if !there {
		return 0, store.CreateVersionTable(ctx, tx)
	}
	v, err := store.GetLatestVersion(ctx, tx)
	if errors.Is(err, database.ErrVersionNotFound) {
		return 0, nil
	}
	return v + 1, err
}

// upgrade walks through the versions that are missing. What would stop any of them
// is looked for before the first.
func upgrade(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, from int64, claim Claim) error {
	p, err := provider(ctx, db, d, names, layout, claim)
	if err != nil {
		return err
	}
	err = reading(ctx, db, d, names.Schema, func(tx *sql.Tx) error {
		found, err := obstacles(ctx, tx, d, names.Schema, from)
		if err != nil {
			return err
		}
		return refuseObstacles(found)
	})
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		var partial *goose.PartialError // says in its own words what there is to say
		if errors.As(err, &partial) {
			return fmt.Errorf("migrate to version %d: %w", partial.Failed.Source.Version, partial.Err)
		}
		return fmt.Errorf("migrate to version %d: %w", latest(d), err)
	}
	return nil
}

func provider(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, claim Claim) (*goose.Provider, error) {
	v, err := version(ctx, db, d, names.Schema)
	if err != nil {
		return nil, err
	}
	if err := refuseForeign(ctx, db, d, names.Schema, v, layout); err != nil {
		return nil, err
	}
	store, err := versionStore(d, names.Schema)
	if err != nil {
		return nil, err
	}
	steps, err := migrationSteps(d, names, layout, claim)
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(database.DialectCustom, db, nil,
		goose.WithStore(store), goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("set up migrations: %w", err)
	}
	return p, nil
}

// versionStore is goose's access to the version table.
func versionStore(d Dialect, schema string) (database.Store, error) {
	table, dialect := schema+"."+versionTable, database.DialectPostgres
	if d == SQLite {
		table, dialect = versionTable, database.DialectSQLite3
	}
	store, err := database.NewStore(dialect, table)
	if err != nil {
		return nil, fmt.Errorf("set up migrations: %w", err)
	}
	return store, nil
}

// numbered are the files of the versions.
func numbered(d Dialect) (map[int64]string, error) {
	found, err := fs.Glob(files, string(d)+"/[0-9]*_*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	out := map[int64]string{}
	for _, name := range found {
		number, _, _ := strings.Cut(path.Base(name), "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list migrations: %w", err)
		}
		out[v] = name
	}
	return out, nil
}

// latest is the version that this agent knows.
func latest(d Dialect) (v int64) {
	found, _ := numbered(d) // of files that are part of the program
	for n := range found {
		v = max(v, n)
	}
	return v
}

// migrationSteps makes a migration of each numbered file. They are Go migrations
// around the files because the schema is a setting, and the owner is asked in each.
func migrationSteps(d Dialect, names Names, layout Layout, claim Claim) ([]*goose.Migration, error) {
	found, err := numbered(d)
	if err != nil {
		return nil, err
	}
	var out []*goose.Migration
	for v, name := range found {
		body, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		out = append(out, goose.NewGoMigration(v, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			if err := settle(ctx, tx, d, names.Schema); err != nil {
				return err
			}
			if v == moveVersion {
				return move(ctx, tx, d, names, layout, claim)
			}
			if err := ask(ctx, tx, d, claim); err != nil {
				return err
			}
			return execute(ctx, tx, string(body))
		}}, nil))
	}
	return out, nil
}
