package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// unprivileged makes the program one of a user without rights of its own: the
// test's root may write anywhere.
func (x *examined) unprivileged(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		return
	}
	dir, err := os.MkdirTemp("", "doctor-program-*")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		tb.Fatal(err)
	}
	x.self = filepath.Join(dir, "agent")
	if err := os.WriteFile(x.self, program, 0o700); err != nil {
		tb.Fatal(err)
	}
	for _, path := range []string{dir, x.self} {
		if err := os.Chmod(path, 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	x.as = &syscall.Credential{Uid: 65534, Gid: 65534}
}

// public is a directory that every user can get to.
func public(tb testing.TB, mode os.FileMode) string {
	tb.Helper()
	top, err := os.MkdirTemp("", "doctor-public-*")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.Chmod(filepath.Join(top, "dir"), 0o700); _ = os.RemoveAll(top) })
	dir := filepath.Join(top, "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{top: 0o755, dir: mode} {
		if err := os.Chmod(path, mode); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// allStreams is what the doctor says where each stream goes on.
func allStreams() string { return fmt.Sprintf("%[1]d of %[1]d", len(agent.Streams())) }

func TestDoctorFiles(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sync := func(t *testing.T, x *examined) {
		t.Helper()
		if c := start(t, x.setup.args("--quiet")...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
	}
	for name, test := range map[string]struct {
		prepare func(*testing.T, *examined)
		want    map[string]string
	}{
		"new": {func(_ *testing.T, x *examined) { x.args = []string{"--database-url", ""} }, map[string]string{
			"state/directory": "ok: the first sync makes it", "state/write": "not checked: ", "state/space": "ok: free", "state/file": "ok: none yet",
			"destination/file": "ok: the first sync creates it", "destination/tables": "not checked: no file yet",
		}},
		"synced": {sync, map[string]string{
			"state/directory": "ok: ", "state/write": "ok: ", "state/file": "ok: is good", "destination/file": "ok: can be written",
			"destination/version": "ok: SQLite 3", "destination/tables": "ok: version", "destination/synclog": "ok: ", "destination/owner": "ok: of this state directory",
			"destination/disk": "ok: about 0 B for 0 records", "destination/positions": "ok: " + allStreams(),
		}},
		"others can write": {func(t *testing.T, x *examined) {
			write(t, filepath.Join(x.dir, "x"), "")
			if err := os.Chmod(x.dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, map[string]string{"state/directory": "failure: chmod 700", "state/write": "ok: ", "state/file": "ok: none yet"}},
		"no directory": {func(t *testing.T, x *examined) { write(t, x.dir, "a file") }, map[string]string{
			"state/directory": "failure: not a directory", "state/file": "not checked: ", "state/write": "not checked: ", "destination/disk": "not checked: ",
		}},
		"below a file": {func(t *testing.T, x *examined) { write(t, x.dir, "a file"); x.dir = filepath.Join(x.dir, "state") }, map[string]string{
			"state/directory": "failure: ", "state/file": "not checked: ",
		}},
		"a diary": {func(t *testing.T, x *examined) { write(t, filepath.Join(x.dir, "state.db"), "Dear diary") }, map[string]string{
			"state/file": "failure: agent repair", "destination/positions": "not checked: cannot be read",
		}},
		"damaged": {func(t *testing.T, x *examined) {
			sync(t, x)
			path := filepath.Join(x.dir, "state.db")
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 8192; i < len(body); i++ {
				body[i] ^= 0xff
			}
			write(t, path, string(body))
		}, map[string]string{"state/file": "failure: agent repair"}},
		"a variable that is wrong is no damage": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.env = []string{"AGENT_LOG_FORMAT=xml"}
		}, map[string]string{"state/file": "ok: is good", "configuration/log-format": "failure: must be text or json"}},
		"all settings": {func(t *testing.T, x *examined) {
			file := filepath.Join(t.TempDir(), "token")
			write(t, file, "t\n")
			if err := os.Chmod(file, 0o644); err != nil {
				t.Fatal(err)
			}
			x.args = []string{
				"--media-batch-size", "0", "--parallel", "99", "--retry-for", "-1s", "--lease", "1ms", "--database-url", "mysql://x",
				"--source-url", "http://source.example/odata", "--vow-token", "", "--vow-token-file", file, "--idx-token", "", "--idx-token-file", "missing",
				"--memory-limit", "1",
			}
		}, map[string]string{
			"configuration/media-batch-size": "failure: must be 1 to 10000", "configuration/parallel": "failure: is 99", "configuration/retry-for": "failure: negative",
			"configuration/lease": "failure: a second", "configuration/database-url": "failure: must begin with", "configuration/source-url": "failure: --allow-plaintext",
			"configuration/idx-token-file": "failure: missing", "configuration/vow-token-file": "warning: chmod 600", "configuration/memory-limit": "failure: 24MiB",
			"source/reachable": "not checked: --source-url", "destination/connection": "not checked: --database-url", "state/directory": "ok: ",
		}},
		"a read-only directory": {func(t *testing.T, x *examined) {
			x.unprivileged(t)
			dir := public(t, 0o555)
			x.dir = filepath.Join(public(t, 0o777|os.ModeSticky), "state")
			x.args = []string{"--database-url", "sqlite:" + filepath.Join(dir, "listings.sqlite")}
		}, map[string]string{"destination/file": "failure: permission denied", "destination/tables": "not checked: "}},
		"a state directory that cannot be made": {func(t *testing.T, x *examined) {
			x.unprivileged(t)
			x.dir = filepath.Join(public(t, 0o555), "state")
			x.args = []string{"--database-url", "sqlite:" + filepath.Join(public(t, 0o777), "listings.sqlite")}
		}, map[string]string{"state/directory": "failure: cannot be made", "state/file": "not checked: ", "destination/positions": "not checked: "}},
		"a state directory that cannot be written": {func(t *testing.T, x *examined) {
			x.unprivileged(t)
			x.dir = public(t, 0o555)
			x.args = []string{"--database-url", "sqlite:" + filepath.Join(public(t, 0o777), "listings.sqlite")}
		}, map[string]string{"state/directory": "ok: ", "state/write": "failure: permission denied", "state/file": "ok: none"}},
		"no database": {func(t *testing.T, x *examined) {
			path := filepath.Join(t.TempDir(), "x.sqlite")
			write(t, path, strings.Repeat("Dear diary, ", 1000))
			x.args = []string{"--database-url", "sqlite:" + path}
		}, map[string]string{"destination/version": "failure: check that the file is a SQLite database", "destination/tables": "not checked: ", "destination/file": "ok: "}},
		"a foreign table": {func(t *testing.T, x *examined) { x.db.Exec(t, `CREATE TABLE "Media" (id int)`) }, map[string]string{
			"destination/tables": "failure: choose another database file",
		}},
		"newer": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "INSERT INTO agent_schema_version (version_id, is_applied) VALUES (999, 1)")
		}, map[string]string{"destination/tables": "failure: upgrade this agent"}},
		"another's lease": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "UPDATE agent_owner SET host = 'other-host', state_id = 'other', lease_until = ?", time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000Z"))
		}, map[string]string{"destination/owner": "failure: other-host"}},
		"in use": {func(t *testing.T, x *examined) {
			x.source.Set(func(f *simulator.Faults) {
				f.Strike(simulator.Strike{
					After: 4, Match: func(r *http.Request) bool { return r.UserAgent() != "" && !strings.Contains(r.URL.RawQuery, "top=1") },
					Fault: simulator.Fault{Kind: simulator.Drip, Bytes: 200, Wait: 200 * time.Millisecond},
				})
			})
			c := start(t, x.setup.args("--retry-for", "1m")...)
			t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
			c.until(t, "Fetching")
			until(t, func() bool { _, err := os.Stat(filepath.Join(x.dir, "agent.sock")); return err == nil }, "no socket")
			x.args = []string{"--source-url", "http://127.0.0.1:1/odata"}
		}, map[string]string{
			"state/file": "ok: an agent is at work on it: run ", "destination/owner": "ok: of this state directory", "destination/positions": "not checked: at work",
			"source/reachable": "failure: ", "destination/disk": "not checked: ",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewSQLite(t))
			test.prepare(t, x)
			x.doctor(t)
			x.expect(t, test.want)
		})
	}
}

// snapshot is everything that a doctor could change: the files and, of
// PostgreSQL, tables with their rows' versions, sequences and schemas.
func (x *examined) snapshot(tb testing.TB, dirs ...string) map[string]string {
	tb.Helper()
	out := make(map[string]string)
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				out[path] = "directory"
				return err
			}
			body, err := os.ReadFile(path)
			info, statErr := d.Info()
			if statErr != nil {
				return statErr
			}
			out[path] = fmt.Sprintf("%x %s", sha256.Sum256(body), info.ModTime())
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if !x.db.Postgres {
		return out
	}
	for _, row := range x.db.Strings(tb, "SELECT c.relname, c.relkind, c.relfilenode::text FROM pg_class c WHERE relnamespace = $1::regnamespace", x.db.Schema) {
		out[row[0]] = row[1] + row[2]
		switch row[1] {
		case "r":
			for _, r := range x.db.Strings(tb, "SELECT ctid::text, xmin::text, t::text FROM "+x.db.Table(row[0])+" t") {
				out[row[0]] += strings.Join(r, " ") + "\n"
			}
		case "S":
			out[row[0]] += x.db.Strings(tb, "SELECT last_value::text FROM "+x.db.Table(row[0]))[0][0]
		}
	}
	for _, row := range x.db.Strings(tb, "SELECT nspname FROM pg_namespace WHERE nspname = 'not_there'") {
		out["schema "+row[0]] = "there"
	}
	return out
}

// A doctor changes nothing: neither where there is nothing yet, nor what a sync
// has left, nor what a sync left that was killed.
func TestDoctorChangesNothing(t *testing.T) {
	t.Parallel()
	same := func(t *testing.T, x *examined, dirs ...string) {
		t.Helper()
		before := x.snapshot(t, dirs...)
		x.doctor(t)
		if diff := cmp.Diff(before, x.snapshot(t, dirs...)); diff != "" {
			t.Errorf("changed (-before +after):\n%s", diff)
		}
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		x := newExamined(t, harness.NewPostgres(t))
		same(t, x, filepath.Dir(x.dir))
		x.args = []string{"--schema", "not_there"}
		same(t, x, filepath.Dir(x.dir))
		x.args = nil
		if c := start(t, x.setup.args("--quiet")...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
		before := len(x.snapshot(t))
		same(t, x, x.dir)
		if x.code != 0 || before < 10 {
			t.Errorf("exit %d with %d tables", x.code, before)
		}
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "listings.sqlite")
		x := newExamined(t, &harness.Database{URL: "sqlite:" + path, Schema: "public"})
		same(t, x, filepath.Dir(x.dir), filepath.Dir(path))
		c := start(t, x.setup.args()...)
		c.until(t, "MEDIA SYNC")
		_ = c.Process.Kill()
		_ = c.Wait()
		// The log of a sync that was killed is read, and left as it is; only its
		// index in memory, which SQLite keeps in a file, may be made.
		before := x.snapshot(t, x.dir, filepath.Dir(path))
		x.doctor(t)
		after := x.snapshot(t, x.dir, filepath.Dir(path))
		delete(before, path+"-shm")
		delete(after, path+"-shm")
		if diff := cmp.Diff(before, after); diff != "" || x.code != 0 {
			t.Errorf("exit %d, changed (-before +after):\n%s", x.code, diff)
		}
		if c := start(t, x.setup.args("--quiet")...); c.wait(t) != 0 {
			t.Fatal(c.output())
		}
		same(t, x, x.dir, filepath.Dir(path))
		if x.code != 0 {
			t.Errorf("exit %d", x.code)
		}
	})
}
