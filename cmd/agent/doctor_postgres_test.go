package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
)

// role makes a user who may do nothing but connect, and gives the address for it.
func role(tb testing.TB, db *harness.Database) (name, address string) {
	tb.Helper()
	name = "r_" + db.Schema
	db.Exec(tb, "CREATE ROLE "+name+" LOGIN")
	tb.Cleanup(func() {
		other := harness.OpenPostgres(tb, db.URL, db.Schema)
		other.ExecAfter(tb, "REASSIGN OWNED BY "+name+" TO CURRENT_USER")
		other.ExecAfter(tb, "DROP OWNED BY "+name)
		other.ExecAfter(tb, "DROP ROLE "+name)
	})
	u, err := url.Parse(db.URL)
	if err != nil {
		tb.Fatal(err)
	}
	u.User = url.User(name)
	return name, u.String()
}

func TestDoctorPostgres(t *testing.T) {
	t.Parallel()
	sync := func(t *testing.T, x *examined) {
		t.Helper()
		if c := start(t, x.setup.args("--quiet")...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
	}
	as := func(t *testing.T, x *examined, rights ...string) {
		t.Helper()
		name, address := role(t, x.db)
		x.args = append(x.args, "--database-url", address)
		for _, r := range rights {
			x.db.Exec(t, strings.NewReplacer("ROLE", name, "SCHEMA ", "SCHEMA "+x.db.Schema+" ", "TABLES", "ALL TABLES IN SCHEMA "+x.db.Schema).Replace(r))
		}
	}
	for name, test := range map[string]struct {
		prepare func(*testing.T, *examined)
		want    map[string]string
	}{
		"new": {func(*testing.T, *examined) {}, map[string]string{
			"destination/connection": "ok: ", "destination/version": "ok: PostgreSQL", "destination/pooler": "ok: none", "destination/encoding": "ok: UTF8",
			"destination/writable": "ok: ", "destination/schema": "ok: test_", "destination/tables": "ok: none yet", "destination/rights": "not checked: no tables",
			"destination/temporary": "ok: ", "destination/owner": "ok: nobody yet", "destination/clock": "ok: agrees",
			"destination/disk": "ok: free at /", "destination/positions": "ok: full backfill",
		}},
		"synced": {sync, map[string]string{
			"destination/tables": "ok: version ", "destination/rights": "ok: ", "destination/synclog": "ok: .synclog", "destination/owner": "ok: of this state directory",
			"destination/positions": "ok: " + allStreams() + " streams", "state/file": "ok: is good", "state/write": "ok: ",
		}},
		"a schema to be made": {func(_ *testing.T, x *examined) { x.args = []string{"--schema", "not_there"} }, map[string]string{
			"destination/schema": "ok: does not exist yet", "destination/tables": "ok: none yet",
		}},
		"no rights": {func(t *testing.T, x *examined) { as(t, x) }, map[string]string{
			"destination/schema": "failure: GRANT USAGE, CREATE ON SCHEMA", "destination/tables": "failure: may not create tables", "destination/disk": "not checked: does not tell",
		}},
		"no schema and no right to it": {func(t *testing.T, x *examined) { as(t, x); x.args = append(x.args, "--schema", "not_there") }, map[string]string{
			"destination/schema": "failure: may not create it", "destination/tables": "failure: may not create tables",
		}},
		"rights to the tables lack": {func(t *testing.T, x *examined) {
			sync(t, x)
			as(t, x, "GRANT USAGE ON SCHEMA TO ROLE", "GRANT SELECT ON TABLES TO ROLE")
		}, map[string]string{
			"destination/tables": "ok: version", "destination/rights": "failure: lacks INSERT on agent_orphan", "destination/synclog": "failure: may not write",
		}},
		"rights enough": {func(t *testing.T, x *examined) {
			sync(t, x)
			as(t, x, "GRANT USAGE ON SCHEMA TO ROLE", "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ROLE", "GRANT USAGE ON ALL SEQUENCES IN SCHEMA TO ROLE")
		}, map[string]string{"destination/rights": "ok: ", "destination/synclog": "ok: ", "destination/positions": "ok: " + allStreams()}},
		"a schema of another's that lacks something": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "DROP VIEW "+x.db.Table("idx_photo"))
			as(t, x, "GRANT USAGE, CREATE ON SCHEMA TO ROLE", "GRANT SELECT ON TABLES TO ROLE")
		}, map[string]string{"destination/tables": "failure: run 'agent migrate' once as their owner", "destination/rights": "failure: lacks INSERT", "destination/synclog": "failure: may not write"}},
		"a foreign table": {func(t *testing.T, x *examined) { x.db.Exec(t, `CREATE TABLE `+x.db.Table(`"Media"`)+` (id int)`) }, map[string]string{
			"destination/tables": "failure: --schema NAME",
		}},
		"a newer schema": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "INSERT INTO "+x.db.Table("agent_schema_version")+" (version_id, is_applied) VALUES (999, true)")
		}, map[string]string{"destination/tables": "failure: upgrade this agent", "destination/positions": "ok: " + allStreams()}},
		"a table that is gone": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "DROP TABLE "+x.db.Table("media")+" CASCADE")
		}, map[string]string{
			"destination/tables": "failure: media",
		}},
		"another's lease": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "UPDATE "+x.db.Table("agent_owner")+" SET host = 'other-host', state_id = 'other', lease_until = now() + interval '1 hour'")
		}, map[string]string{"destination/owner": "failure: other-host"}},
		"another's that has run out": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "UPDATE "+x.db.Table("agent_owner")+" SET host = 'other-host', state_id = 'other', lease_until = now() - interval '1 hour'")
		}, map[string]string{"destination/owner": "ok: takes it over"}},
		"a pooler": {func(t *testing.T, x *examined) { x.args = []string{"--database-url", pgtest.Pooler(t, x.db.URL)} }, map[string]string{
			"destination/pooler": "ok: a pooler in transaction mode", "destination/tables": "ok: none yet", "destination/disk": "not checked: does not tell",
		}},
		"a quoted SyncLog": {func(t *testing.T, x *examined) {
			x.db.Exec(t, `CREATE TABLE `+x.db.Table(`"SyncLog"`)+` (id serial, timestamp timestamptz, idx_property_timestamp timestamptz,
				vow_property_timestamp timestamptz, media_timestamp timestamptz, rooms_timestamp timestamptz, openhouse_timestamp timestamptz,
				total_processed int, total_successful int, total_failed int)`)
		}, map[string]string{"destination/synclog": "ok: a quoted name"}},
		"a SyncLog that lacks columns": {func(t *testing.T, x *examined) {
			x.db.Exec(t, `CREATE TABLE `+x.db.Table(`SyncLog`)+` (id serial, timestamp timestamptz, total_processed int, total_successful int, total_failed int)`)
		}, map[string]string{"destination/synclog": "failure: lacks the columns idx_property_timestamp"}},
		"read-only": {func(t *testing.T, x *examined) {
			as(t, x, "GRANT USAGE, CREATE ON SCHEMA TO ROLE")
			x.db.Exec(t, "ALTER ROLE r_"+x.db.Schema+" SET default_transaction_read_only = on")
		}, map[string]string{"destination/writable": "failure: read-only", "destination/tables": "ok: none yet"}},
		"another encoding": {func(t *testing.T, x *examined) {
			name := "latin_" + x.db.Schema
			x.db.Exec(t, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
			t.Cleanup(func() {
				harness.OpenPostgres(t, x.db.URL, x.db.Schema).ExecAfter(t, "DROP DATABASE "+name+" WITH (FORCE)")
			})
			u, err := url.Parse(x.db.URL)
			if err != nil {
				t.Fatal(err)
			}
			u.Path = "/" + name
			x.args = []string{"--database-url", u.String()}
		}, map[string]string{"destination/encoding": "failure: LATIN1", "destination/tables": "ok: none yet"}},
		"no temporary tables": {func(t *testing.T, x *examined) {
			address := pgtest.Database(t)
			db := harness.OpenPostgres(t, address, "public")
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			db.Exec(t, "REVOKE TEMPORARY ON DATABASE "+strings.TrimPrefix(u.Path, "/")+" FROM PUBLIC")
			name, _ := role(t, x.db)
			db.Exec(t, "GRANT ALL ON SCHEMA public TO "+name)
			t.Cleanup(func() { harness.OpenPostgres(t, address, "public").ExecAfter(t, "DROP OWNED BY "+name) })
			u.User = url.User(name)
			x.args = []string{"--database-url", u.String(), "--schema", "public"}
		}, map[string]string{"destination/temporary": "warning: GRANT TEMPORARY", "destination/tables": "ok: none yet"}},
		"no server": {func(_ *testing.T, x *examined) {
			x.args = []string{"--database-url", "postgres://u:secret@127.0.0.1:1/x"}
		}, map[string]string{
			"destination/connection": "failure: check host and port", "destination/tables": "not checked: not reached", "destination/disk": "not checked: ",
		}},
		"no answer": {func(t *testing.T, x *examined) {
			x.args = []string{"--database-url", "postgres://u@" + silence(t) + "/x"}
		}, map[string]string{
			"destination/connection": "failure: check host and port", "destination/clock": "not checked: not reached", "source/reachable": "ok: ",
		}},
		"no database": {func(t *testing.T, x *examined) {
			u, err := url.Parse(x.db.URL)
			if err != nil {
				t.Fatal(err)
			}
			u.Path = "/no_such_database"
			x.args = []string{"--database-url", u.String()}
		}, map[string]string{"destination/connection": "failure: create the database first", "destination/owner": "not checked: not reached", "destination/disk": "not checked: "}},
		"a locked table": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Hold(t, "LOCK TABLE "+x.db.Table("agent_owner")+" IN ACCESS EXCLUSIVE MODE")
		}, map[string]string{"destination/owner": "not checked: locked", "destination/clock": "ok: ", "destination/positions": "ok: "}},
		"emptied": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.args = []string{"--schema", "not_there"}
		}, map[string]string{"destination/positions": "failure: the destination is empty"}},
		"another filter": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.args = []string{"--media-filter", "ResourceName eq 'Office'"}
		}, map[string]string{"destination/positions": "failure: agent sync --media --force", "destination/disk": "not checked: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewPostgres(t))
			test.prepare(t, x)
			x.doctor(t)
			x.expect(t, test.want)
		})
	}
}

// A standby takes no writes.
func TestDoctorStandby(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	db := harness.OpenPostgres(t, server.URL(), "public")
	data := db.Strings(t, "SHOW data_directory")[0][0]
	db.Close(t)
	if err := os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	x := newExamined(t, db)
	x.doctor(t)
	x.expect(t, map[string]string{"destination/writable": "failure: name the primary server", "destination/tables": "ok: none yet"})
}

// An old service's SyncLog in another schema is seen, and can be named. In a
// database of its own, since those of other tests are seen too.
func TestDoctorSyncLogElsewhere(t *testing.T) {
	t.Parallel()
	x := newExamined(t, harness.OpenPostgres(t, pgtest.Database(t), "reso"))
	x.doctor(t)
	x.expect(t, map[string]string{"destination/synclog": "ok: none yet"})
	x.db.Exec(t, `CREATE SCHEMA old`)
	x.db.Exec(t, `CREATE TABLE old."SyncLog" (id serial, timestamp timestamptz, idx_property_timestamp timestamptz,
		vow_property_timestamp timestamptz, media_timestamp timestamptz, rooms_timestamp timestamptz, openhouse_timestamp timestamptz,
		total_processed int, total_successful int, total_failed int)`)
	x.doctor(t)
	x.expect(t, map[string]string{"destination/synclog": `warning: --synclog old."SyncLog"`})
	for named, want := range map[string]string{`old."SyncLog"`: `ok: old."SyncLog"`, "old.synclog": "failure: there is no table old.synclog"} {
		x.args = []string{"--synclog", named}
		x.doctor(t)
		x.expect(t, map[string]string{"destination/synclog": want})
	}
}
