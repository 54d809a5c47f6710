package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

// examined is a doctor's setup and what it found.
type examined struct {
	*setup
	env  []string
	args []string
	self string              // the program, if it is not this one
	as   *syscall.Credential // the user, if it is not this one

	code     int
	findings map[string]agent.Finding // by group and name
	stderr   string
}

func newExamined(tb testing.TB, db *harness.Database) *examined {
	tb.Helper()
	return &examined{setup: newSetup(tb, harness.Small(), db), self: os.Args[0]}
}

// doctor runs the program; more arguments come behind all others.
func (x *examined) doctor(tb testing.TB, more ...string) {
	tb.Helper()
	args := append(x.setup.args(), x.args...)
	args[0] = "doctor"
	c := exec.CommandContext(tb.Context(), x.self, append(append(args, "--json"), more...)...)
	c.Env = append(append(os.Environ(), asCommand+"=1"), x.env...)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: x.as}
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // exec's own, as documented
		tb.Fatal(err)
	}
	x.code, x.stderr = c.ProcessState.ExitCode(), stderr.String()
	var document struct {
		Findings []agent.Finding `json:"findings"`
	}
	if err := json.Unmarshal(out, &document); err != nil {
		tb.Fatalf("%v:\n%s\n%s", err, out, x.stderr)
	}
	x.findings = make(map[string]agent.Finding)
	for _, f := range document.Findings {
		id := f.Group + "/" + f.Name
		if _, twice := x.findings[id]; twice {
			tb.Errorf("%s was reported twice", id)
		}
		x.findings[id] = f
		if f.Found == "" || f.Do == "" && f.State == agent.FindingFailure {
			tb.Errorf("%s says nothing of what was found, or what to do: %+v", id, f)
		}
	}
}

// expect compares some findings, "group/name": "state: text in it".
func (x *examined) expect(tb testing.TB, want map[string]string) {
	tb.Helper()
	failures := 0
	for id, w := range want {
		state, part, _ := strings.Cut(w, ": ")
		f, ok := x.findings[id]
		if !ok || string(f.State) != state || !strings.Contains(f.Found+" → "+f.Do, part) {
			tb.Errorf("%s: %+v, want %s", id, f, w)
		}
	}
	for id, f := range x.findings {
		if f.State == agent.FindingFailure {
			failures++
			if _, ok := want[id]; !ok {
				tb.Errorf("an unexpected failure: %s: %+v", id, f)
			}
		}
	}
	code := 0
	if failures > 0 {
		code = 1
	}
	if x.code != code {
		tb.Errorf("exit %d, want %d: %s", x.code, code, x.stderr)
	}
}

// Each way in which a source can be wrong is told apart, and all that can still
// be checked is.
func TestDoctorSource(t *testing.T) {
	t.Parallel()
	all := func(f simulator.Fault) func(*simulator.Faults) {
		return func(now *simulator.Faults) { now.Strike(simulator.Strike{Fault: f}) }
	}
	for name, test := range map[string]struct {
		faults func(*simulator.Faults)
		args   []string
		want   map[string]string
	}{
		"all well": {nil, nil, map[string]string{
			"configuration/feeds":      "ok: IDX and VOW",
			"source/reachable":         "ok: answers",
			"source/idx_token":         "ok: accepted",
			"source/media.page":        "ok: MediaKey and MediaModificationTimestamp",
			"source/media.count":       "ok: records",
			"source/media.keyset":      "ok: accepted",
			"source/media.page_size":   "ok: asked for 100 rows, 100 came",
			"source/media.order":       "ok: MediaModificationTimestamp",
			"source/media.next_link":   "ok: not sent",
			"source/rooms.keyset":      "ok: accepted",
			"source/openhouse.keyset":  "ok: accepted",
			"source/clock":             "ok: agrees",
			"source/rate_limit":        "ok: X-Rate-Limit-Remaining",
			"destination/disk":         "ok: records to come",
			"destination/positions":    "ok: full backfill",
			"source/idx_property.page": "ok: ListingKey",
		}},
		"one feed": {nil, []string{"--vow-token", ""}, map[string]string{
			"configuration/feeds":    "ok: IDX alone: photos, rooms and open houses come with its token",
			"source/media.page":      "ok: MediaKey",
			"source/vow_token":       "",
			"destination/disk":       "ok: records",
			"source/rooms.keyset":    "ok: accepted",
			"source/openhouse.count": "ok: records",
		}},
		"one stream": {nil, []string{"--media"}, map[string]string{"source/media.page": "ok: MediaKey", "source/rooms.page": "", "source/vow_token": "ok: accepted"}},
		"a bad token": {nil, []string{"--idx-token", "wrong"}, map[string]string{
			"source/idx_token":          "failure: HTTP 401",
			"source/idx_property.page":  "not checked: the IDX token is refused",
			"source/idx_property.order": "not checked: the IDX token is refused",
			"source/vow_token":          "ok: accepted",
			"source/media.keyset":       "ok: accepted",
			"destination/disk":          "ok: 1 of 5 streams were not counted",
		}},
		"no token": {nil, []string{"--idx-token", "", "--vow-token", ""}, map[string]string{
			"configuration/feeds": "failure: set --idx-token-file", "source/reachable": "not checked: no token", "destination/disk": "not checked: did not tell",
		}},
		"403 of the source": {all(simulator.Fault{Kind: simulator.Status, Status: 403}), nil, map[string]string{
			"source/reachable": "ok: answers",
			"source/idx_token": "failure: may not read Property",
			"source/vow_token": "failure: may not read Property",
		}},
		"403 of the edge": {all(simulator.Fault{Kind: simulator.StatusHTML}), nil, map[string]string{
			"source/reachable": "failure: edge refuses this host", "source/idx_token": "not checked: edge", "source/media.page": "not checked: edge",
		}},
		"media forbidden": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.Status, Status: 403}})
		}, nil, map[string]string{
			"source/vow_token": "ok: accepted", "source/media.page": "failure: the right to read Media",
			"source/media.keyset": "not checked: the first page failed", "source/rooms.page": "ok: RoomKey",
		}},
		"no source there": {all(simulator.Fault{Kind: simulator.Status, Status: 404}), nil, map[string]string{
			"source/reachable": "ok: answers", "source/idx_token": "not checked: another reason",
			"source/idx_property.page": "failure: check the path of --source-url", "source/vow_property.page": "failure: HTTP 404",
			"source/media.page": "failure: HTTP 404", "source/rooms.page": "failure: HTTP 404", "source/openhouse.page": "failure: HTTP 404",
		}},
		"HTML": {all(simulator.Fault{Kind: simulator.HTMLBody}), []string{"--vow"}, map[string]string{
			"source/vow_property.page": "failure: not JSON",
		}},
		"a redirect": {all(simulator.Fault{Kind: simulator.Redirect, Target: "https://elsewhere.example"}), []string{"--vow"}, map[string]string{
			"source/vow_property.page": "failure: elsewhere.example",
		}},
		"no count": {func(f *simulator.Faults) { f.CountRefused = 501 }, nil, map[string]string{
			"source/media.count": "warning: does not count", "source/media.page_size": "ok: 100 came", "destination/disk": "not checked: did not tell",
		}},
		"count absent": {func(f *simulator.Faults) { f.CountAbsent = true }, nil, map[string]string{"source/media.count": "warning: does not count"}},
		"a wrong count": {func(f *simulator.Faults) { f.CountDelta = 7 }, nil, map[string]string{
			"source/openhouse.page_size": "warning: nothing lies behind, but the source counts",
		}},
		"a page cap": {func(f *simulator.Faults) { f.PageCap = 40 }, nil, map[string]string{
			"source/media.page_size": "warning: set --media-batch-size 40", "source/vow_property.page_size": "warning: set --property-batch-size 40",
		}},
		"a page cap and no count": {func(f *simulator.Faults) { f.PageCap, f.CountRefused = 40, 400 }, nil, map[string]string{
			"source/media.page_size": "warning: 40 came: a silent cap",
		}},
		"no $select": {func(f *simulator.Faults) { f.SelectRefused = 400 }, []string{"--rooms-batch-size", "1000"}, map[string]string{
			"source/media.page_size": "ok: asked for 100 rows, 100 came", "source/rooms.page_size": "ok: asked for 500 rows",
		}},
		"the filter is refused": {func(f *simulator.Faults) { f.Precision, f.RejectFractions = simulator.Microseconds, true }, []string{"--media"}, map[string]string{
			"source/media.keyset": "failure: the filter by timestamp and key is refused: HTTP 400", "source/media.order": "ok: in the order",
		}},
		"hidden digits": {func(f *simulator.Faults) { f.Precision = simulator.HiddenMicroseconds }, nil, map[string]string{
			"source/media.keyset": "ok: finer timestamps than it prints", "source/media.order": "ok: in the order",
		}},
		"the same page for ever": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.SamePage}})
		}, []string{"--media"}, map[string]string{"source/media.keyset": "failure: the same record comes again"}},
		"400 for the filter": {func(f *simulator.Faults) {
			strike := simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.Status, Status: 400}}
			strike.Match = func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "top=50") }
			f.Strike(strike)
		}, []string{"--media"}, map[string]string{"source/media.keyset": "failure: filter by timestamp and key is refused"}},
		"disorder": {all(simulator.Fault{Kind: simulator.Disorder}), []string{"--rooms"}, map[string]string{
			"source/rooms.order": "failure: goes backwards inside pages", "source/rooms.keyset": "ok: accepted",
		}},
		"disorder once": {func(f *simulator.Faults) {
			seen := 0
			f.Strike(simulator.Strike{Resource: "PropertyRooms", Fault: simulator.Fault{Kind: simulator.Disorder}, Match: func(r *http.Request) bool {
				if strings.Contains(r.URL.RawQuery, "top=50") {
					seen++
				}
				return seen == 1
			}})
		}, []string{"--rooms"}, map[string]string{"source/rooms.order": "warning: went backwards inside one page"}},
		"a clock that is off": {func(f *simulator.Faults) { f.ClockOffset = 5 * time.Minute }, nil, map[string]string{
			"source/clock": "warning: behind the source's",
		}},
		"a clock of another day": {func(f *simulator.Faults) { f.ClockOffset = -30 * time.Hour }, nil, map[string]string{
			"source/clock": "failure: ahead of the source's",
		}},
		"next links": {func(f *simulator.Faults) { f.NextLink = simulator.NextLinkAfter }, nil, map[string]string{"source/media.next_link": "ok: sent"}},
		"429 for a moment": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Next: 1, Fault: simulator.Fault{Kind: simulator.Throttled, Wait: time.Second, Hint: simulator.HintSeconds}})
		}, nil, map[string]string{"source/idx_token": "ok: accepted", "source/rate_limit": "ok: X-Rate-Limit"}},
		"429 for long": {all(simulator.Fault{Kind: simulator.Throttled, Wait: time.Hour}), nil, map[string]string{
			"source/reachable": "ok: answers", "source/idx_token": "not checked: HTTP 429", "source/media.page": "not checked: HTTP 429",
			"source/rate_limit": "warning: asks to wait for 15m", "destination/connection": "", "destination/disk": "not checked: did not tell",
		}},
		"429 without a word": {all(simulator.Fault{Kind: simulator.Throttled, Hint: simulator.HintNone}), nil, map[string]string{
			"source/rate_limit": "warning: HTTP 429", "source/media.page": "not checked: HTTP 429",
		}},
		"429 until a date": {all(simulator.Fault{Kind: simulator.Throttled, Wait: 10 * time.Minute, Hint: simulator.HintDate}), nil, map[string]string{
			"source/rate_limit": "warning: asks to wait for", "source/media.page": "not checked: HTTP 429",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewSQLite(t))
			if test.faults != nil {
				x.source.Set(test.faults)
			}
			x.args = test.args
			x.doctor(t)
			for id, w := range test.want {
				if _, there := x.findings[id]; w == "" && there {
					t.Errorf("%s was checked: %+v", id, x.findings[id])
				}
				if w == "" {
					delete(test.want, id)
				}
			}
			x.expect(t, test.want)
			if n := x.source.Counters().Requests; strings.HasPrefix(name, "429 for long") && n > 1 {
				t.Errorf("%d requests, although the source asks for none", n)
			}
		})
	}
}

// A source that cannot be reached is told apart by how, and in time.
func TestDoctorUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	for name, test := range map[string]struct {
		url  string
		env  []string
		want string
	}{
		"no port":      {"http://127.0.0.1:1/odata", nil, "failure: nothing listens there"},
		"no host":      {"https://no-such-host.invalid/odata", nil, "failure: DNS"},
		"no answer":    {"http://" + listener.Addr().String() + "/odata", nil, "failure: takes the connection, but does not answer"},
		"no TLS there": {"", nil, "failure: does not speak TLS"},
		"a proxy":      {"https://source.example/odata", []string{"HTTPS_PROXY=http://127.0.0.1:1", "https_proxy="}, "failure: check HTTPS_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewSQLite(t))
			if test.url == "" {
				test.url = strings.Replace(x.source.URL, "http:", "https:", 1)
			}
			x.env = test.env
			x.args = []string{"--source-url", test.url}
			begun := time.Now()
			x.doctor(t)
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			x.expect(t, map[string]string{
				"source/reachable": test.want, "source/idx_token": "not checked: not reached", "source/openhouse.next_link": "not checked: not reached",
				"source/clock": "not checked: not reached", "destination/disk": "not checked: did not tell", "state/directory": "ok: ",
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		s := newSetup(t, harness.Small(), harness.NewSQLite(t))
		args := s.args("--source-url", "http://"+listener.Addr().String()+"/odata")
		args[0] = "doctor"
		c := start(t, args...)
		c.until(t, "State\n")
		begun := time.Now()
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := c.wait(t); code != exitInterrupted || time.Since(begun) > 5*time.Second {
			t.Errorf("exit %d after %s:\n%s", code, time.Since(begun), c.output())
		}
	})
}

// role makes a user who may do nothing but connect, and gives the address for it.
func role(tb testing.TB, db *harness.Database) (name, address string) {
	tb.Helper()
	name = "r_" + db.Schema
	db.Exec(tb, "CREATE ROLE "+name+" LOGIN")
	tb.Cleanup(func() {
		other := harness.OpenPostgres(tb, db.URL, db.Schema)
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
			"destination/temporary": "ok: ", "destination/synclog": "ok: none yet", "destination/owner": "ok: nobody yet", "destination/clock": "ok: agrees",
			"destination/disk": "ok: free at /", "destination/positions": "ok: full backfill",
		}},
		"synced": {sync, map[string]string{
			"destination/tables": "ok: version ", "destination/rights": "ok: ", "destination/synclog": "ok: .synclog", "destination/owner": "ok: of this state directory",
			"destination/positions": "ok: 5 of 5 streams", "state/file": "ok: is good", "state/write": "ok: ",
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
		}, map[string]string{"destination/rights": "ok: ", "destination/synclog": "ok: ", "destination/positions": "ok: 5 of 5"}},
		"an older schema of another's": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "UPDATE "+x.db.Table("agent_schema_version")+" SET version_id = 0 WHERE version_id > 0")
			as(t, x, "GRANT USAGE, CREATE ON SCHEMA TO ROLE", "GRANT SELECT ON TABLES TO ROLE")
		}, map[string]string{"destination/tables": "failure: run 'agent migrate' once as their owner", "destination/synclog": "failure: may not write"}},
		"a foreign table": {func(t *testing.T, x *examined) { x.db.Exec(t, `CREATE TABLE `+x.db.Table(`"Media"`)+` (id int)`) }, map[string]string{
			"destination/tables": "failure: --schema NAME",
		}},
		"a newer schema": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "INSERT INTO "+x.db.Table("agent_schema_version")+" (version_id, is_applied) VALUES (999, true)")
		}, map[string]string{"destination/tables": "failure: upgrade this agent", "destination/positions": "ok: 5 of 5"}},
		"a table that is gone": {func(t *testing.T, x *examined) { sync(t, x); x.db.Exec(t, "DROP TABLE "+x.db.Table("media")) }, map[string]string{
			"destination/tables": "failure: media",
		}},
		"another's lease": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "UPDATE "+x.db.Table("agent_owner")+" SET host = 'other-host', lease_until = now() + interval '1 hour'")
		}, map[string]string{"destination/owner": "failure: other-host"}},
		"another's that has run out": {func(t *testing.T, x *examined) {
			sync(t, x)
			x.db.Exec(t, "UPDATE "+x.db.Table("agent_owner")+" SET host = 'other-host', lease_until = now() - interval '1 hour'")
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
		}, map[string]string{"destination/owner": "not checked: in time", "destination/positions": "ok: "}},
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
	tb.Cleanup(func() { _ = os.Chmod(filepath.Join(top, "dir"), 0o700); _ = os.RemoveAll(top) }) //nolint:gosec // to be removed
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
			"destination/disk": "ok: about 0 B for 0 records", "destination/positions": "ok: 5 of 5",
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
			x.dir = filepath.Join(public(t, 0o777), "state")
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
			x.db.Exec(t, "UPDATE agent_owner SET host = 'other-host', lease_until = ?", time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000Z"))
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
