package main

import (
	"net/url"
	"strings"
	"testing"

	"resoagent/internal/harness"
)

// A database that the agent cannot work with is refused by a sync with the words
// of the doctor, at once, and not after some hours or --retry-for.
func TestDoctorAndSyncAgree(t *testing.T) {
	t.Parallel()
	// as makes the role the owner of the schema, which the sync needs.
	as := func(t *testing.T, x *examined) string {
		t.Helper()
		name, address := role(t, x.db)
		x.args = append(x.args, "--database-url", address)
		x.db.Exec(t, "ALTER SCHEMA "+x.db.Schema+" OWNER TO "+name)
		return name
	}
	synced := func(t *testing.T, x *examined) {
		t.Helper()
		if c := start(t, x.setup.args(append(x.args, "--quiet")...)...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
	}
	for name, test := range map[string]struct {
		prepare func(*testing.T, *examined)
		check   string
		do      string // what both say
	}{
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
		}, "encoding", "TEMPLATE template0 ENCODING 'UTF8'"},
		"a user with one connection": {func(t *testing.T, x *examined) {
			x.db.Exec(t, "ALTER ROLE "+as(t, x)+" CONNECTION LIMIT 1")
		}, "connections", "CONNECTION LIMIT 4"},
		"read-only": {func(t *testing.T, x *examined) {
			x.db.Exec(t, "ALTER ROLE "+as(t, x)+" SET default_transaction_read_only = on")
		}, "writable", "default_transaction_read_only to off"},
		"forced row-level security": {func(t *testing.T, x *examined) {
			as(t, x)
			synced(t, x)
			x.db.Exec(t, "ALTER TABLE "+x.db.Table("media")+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
		}, "rights", "NO FORCE ROW LEVEL SECURITY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewPostgres(t))
			test.prepare(t, x)
			x.doctor(t)
			f := x.findings["destination/"+test.check]
			if x.code == 0 || f.State != "failure" || !strings.Contains(f.Do, test.do) {
				t.Errorf("doctor: exit %d, %+v", x.code, f)
			}
			c := start(t, x.setup.args(x.args...)...)
			if code := c.wait(t); code != exitUsage || !strings.Contains(c.output(), f.Found+"; "+f.Do) {
				t.Errorf("sync: exit %d, want the doctor's %q and %q:\n%s", code, f.Found, f.Do, c.output())
			}
		})
	}
}
