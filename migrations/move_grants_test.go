package migrations_test

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/migrations"
)

// role makes a role of the server and gives its connection.
func (o *older) role(t *testing.T, name string) *sql.DB {
	t.Helper()
	o.Exec(t, `CREATE ROLE `+name+` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() {
		o.ExecAfter(t, `DROP OWNED BY `+name)
		o.ExecAfter(t, `DROP ROLE `+name)
	})
	o.Exec(t, `GRANT USAGE ON SCHEMA `+o.Schema+` TO `+name)
	u, err := url.Parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "secret")
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Who could read or write the tables and views can do it afterwards: a site that
// has one view, another that has a column, an agent that owns nothing. Nobody can
// do more: a right to the IDX copy gives none to VOW.
func TestMoveKeepsGrants(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"idx", "both"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := newOlder(t, harness.NewPostgres(t), 5)
			for _, r := range kinds()[kind][:2] {
				o.put(t, r[0], r[1], r[2])
			}
			site, columns, agent := o.role(t, o.Schema+"_site"), o.role(t, o.Schema+"_columns"), o.role(t, o.Schema+"_agent")
			o.Exec(t, `GRANT SELECT ON `+o.Table("idx_listing")+`, `+o.Table("idx_photo")+` TO `+o.Schema+`_site`)
			o.Exec(t, `GRANT SELECT (listing_key, city, idx) ON `+o.Table("property")+` TO `+o.Schema+`_columns WITH GRANT OPTION`)
			o.Exec(t, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA `+o.Schema+` TO `+o.Schema+`_agent`)
			o.up(t)
			for _, x := range []struct {
				db    *sql.DB
				query string
				may   bool
			}{
				{site, `SELECT * FROM {s}.idx_listing`, true},
				{site, `SELECT * FROM {s}.idx_photo`, true},
				{site, `SELECT listing_key FROM {s}.idx_property`, false},
				{site, `SELECT listing_key FROM {s}.property`, false},
				{site, `SELECT listing_key FROM {s}.vow_listing`, false},
				{columns, `SELECT listing_key, city FROM {s}.property`, true},
				{columns, `SELECT record FROM {s}.property`, false},
				{columns, `SELECT city, record FROM {s}.idx_property`, true},
				{columns, `SELECT list_price FROM {s}.idx_property`, false},
				{columns, `SELECT record FROM {s}.vow_property`, false},
				{columns, `GRANT SELECT (city) ON {s}.idx_property TO {s}_site`, true},
				{agent, `SELECT * FROM {s}.property`, true},
				{agent, `UPDATE {s}.idx_property SET record_hash = record_hash`, true},
				{agent, `DELETE FROM {s}.vow_property WHERE false`, true},
				{agent, `INSERT INTO {s}.agent_table VALUES ('x', '{}')`, true},
				{agent, `UPDATE {s}.agent_view SET view_name = view_name`, true},
			} {
				_, err := x.db.ExecContext(t.Context(), expand(x.query, o.Schema))
				if (err == nil) != x.may {
					t.Errorf("%s: %v, may it: %t", x.query, err, x.may)
				}
			}
		})
	}
}

// What the schema grants on new tables by default is no right that somebody had:
// the table of VOW, or a view that comes to show it, may be new.
func TestMoveGrantsNothingByDefault(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"idx", "both"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := newOlder(t, harness.NewPostgres(t), 5)
			for _, r := range kinds()[kind][:2] {
				o.put(t, r[0], r[1], r[2])
			}
			site := o.role(t, o.Schema+"_site")
			o.Exec(t, `GRANT SELECT ON `+o.Table("idx_listing")+` TO `+o.Schema+`_site`)
			o.Exec(t, `ALTER DEFAULT PRIVILEGES IN SCHEMA `+o.Schema+` GRANT SELECT ON TABLES TO `+o.Schema+`_site`)
			o.up(t)
			for _, table := range []string{"property", "vow_property", "idx_property", "vow_listing", "listing_photo"} {
				if _, err := site.ExecContext(t.Context(), `SELECT listing_key FROM `+o.Table(table)); migrations.SQLState(err) != "42501" {
					t.Errorf("the site reads %s: %v", table, err)
				}
			}
			if _, err := site.ExecContext(t.Context(), `SELECT * FROM `+o.Table("idx_listing")); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever upgrades for somebody else, as an administrator does, makes nothing his
// own: the agent that owned the tables owns the new ones.
func TestMoveLeavesTheOwner(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewPostgres(t), 5)
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	agent := o.role(t, o.Schema+"_agent")
	for _, r := range o.Strings(t, `SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = '`+o.Schema+`'::regnamespace`) {
		o.Exec(t, `ALTER TABLE `+o.Table(r[0])+` OWNER TO `+o.Schema+`_agent`)
	}
	o.up(t)
	for _, query := range []string{
		`ALTER TABLE {s}.idx_property ADD COLUMN mine text`, `DELETE FROM {s}.vow_property`, `SELECT * FROM {s}.property`, `DELETE FROM {s}.agent_table WHERE false`,
	} {
		if _, err := agent.ExecContext(t.Context(), expand(query, o.Schema)); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// Who may not move the tables is told so before the first of them is filled; and who
// does not own them writes on without an index, or lz4, that its owner has taken away.
func TestAnotherUsersTables(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewPostgres(t), 5)
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	agent := o.role(t, o.Schema+"_agent")
	o.Exec(t, `GRANT CREATE ON SCHEMA `+o.Schema+` TO `+o.Schema+`_agent`)
	o.Exec(t, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA `+o.Schema+` TO `+o.Schema+`_agent`)
	o.Exec(t, `GRANT USAGE ON ALL SEQUENCES IN SCHEMA `+o.Schema+` TO `+o.Schema+`_agent`)
	if _, err := migrations.Up(t.Context(), agent, o.d, o.names(), o.layout, nil); err == nil || !strings.Contains(err.Error(), "as its owner") {
		t.Errorf("%v", err)
	}
	o.up(t)
	o.Exec(t, `DROP INDEX `+o.Table("agent_vow_property_search"))
	if lz4, err := migrations.HasLZ4(t.Context(), o.db); err == nil && lz4 {
		o.Exec(t, `ALTER TABLE `+o.Table("vow_property")+` ALTER COLUMN record SET COMPRESSION pglz`)
	}
	if _, err := migrations.Up(t.Context(), agent, o.d, o.names(), o.layout, nil); err != nil {
		t.Error(err)
	}
	o.up(t)
	if n := o.Int(t, `SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname = 'agent_vow_property_search'`, o.Schema); n != 1 {
		t.Error("the owner does not make the index again")
	}
}

// A reader who holds the table is waited for, in pieces, so that others get through;
// who never lets go is no reason to wait for ever, and then nothing has changed.
func TestMoveWaitsForReaders(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewPostgres(t), 5)
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	reader, err := o.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }()
	if _, err := reader.ExecContext(t.Context(), `SELECT 1 FROM `+o.Table("property")); err != nil {
		t.Fatal(err)
	}
	err = migrations.MoveWithin(t.Context(), o.db, o.d, o.names(), o.layout, time.Second)
	if state := migrations.SQLState(err); state != "55P03" {
		t.Fatalf("%v, of state %q", err, state)
	}
	if n := o.Count(t, "idx_listing", "list_price = 1"); n != 1 || o.Count(t, "property", "vow IS NOT NULL") != 1 {
		t.Errorf("%d listings in IDX", n)
	}
	done := make(chan error, 1)
	go func() {
		_, err := migrations.Up(context.WithoutCancel(t.Context()), o.db, o.d, o.names(), o.layout, nil)
		done <- err
	}()
	// Readers get through while the move waits for its turn.
	for waiting := false; !waiting; {
		waiting = o.Int(t, `SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
			WHERE c.relname = 'property' AND c.relnamespace = '`+o.Schema+`'::regnamespace AND l.mode = 'AccessExclusiveLock' AND NOT l.granted`) > 0
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
	}
	if n := o.Count(t, "idx_listing", "list_price = 1"); n != 1 {
		t.Errorf("%d listings in IDX", n)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := o.Count(t, "idx_listing", "list_price = 1"); n != 1 {
		t.Errorf("%d listings in IDX", n)
	}
}

func expand(query, schema string) string { return strings.ReplaceAll(query, "{s}", schema) }
