package agent_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// user makes a role that owns the schema, with settings of its own, and gives
// the address for it.
func user(tb testing.TB, db *harness.Database, settings ...string) string {
	tb.Helper()
	name := "u_" + db.Schema
	db.Exec(tb, "CREATE ROLE "+name+" LOGIN")
	tb.Cleanup(func() {
		other := harness.OpenPostgres(tb, db.URL, db.Schema)
		other.ExecAfter(tb, "REASSIGN OWNED BY "+name+" TO CURRENT_USER")
		other.ExecAfter(tb, "DROP OWNED BY "+name)
		other.ExecAfter(tb, "DROP ROLE "+name)
	})
	db.Exec(tb, "ALTER SCHEMA "+db.Schema+" OWNER TO "+name)
	for _, s := range settings {
		db.Exec(tb, "ALTER ROLE "+name+" SET "+s)
	}
	u, err := url.Parse(db.URL)
	if err != nil {
		tb.Fatal(err)
	}
	u.User = url.User(name)
	return u.String()
}

// An encoding and a way to read literals that role or URL ask for do not reach
// what is stored.
func TestEncodingOfRoleAndURL(t *testing.T) {
	t.Parallel()
	for _, pooled := range []bool{false, true} {
		for _, inURL := range []bool{false, true} {
			db := harness.NewPostgres(t)
			s := newSetup(t, harness.NewSource(t, simulator.Options{Seed: 7, Properties: 3}), db)
			s.config.DatabaseURL = user(t, db, "client_encoding = 'LATIN1'", "standard_conforming_strings = off")
			if pooled {
				s.config.DatabaseURL, s.config.Pooler = pgtest.Pooler(t, s.config.DatabaseURL), true
			}
			if inURL {
				u, err := url.Parse(s.config.DatabaseURL)
				if err != nil {
					t.Fatal(err)
				}
				q := u.Query()
				q.Set("client_encoding", "LATIN1")
				u.RawQuery = q.Encode()
				s.config.DatabaseURL = u.String()
			}
			body := `{"ListingKey":"M","ModificationTimestamp":"2024-01-01T00:00:00Z","City":"Montréal","PublicRemarks":"a\\b \u2603"}`
			if err := s.source.AddRaw(simulator.Property, "M", "2024-01-01T00:00:00Z", "", []byte(body)); err != nil {
				t.Fatal(err)
			}
			s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
			harness.Compare(t, s.source, db, harness.Feeds{IDX: true, VOW: true})
			if n := db.Count(t, "vow_property", "listing_key = 'M' AND city = 'Montréal'"); n != 1 {
				t.Errorf("pooled %t, in URL %t: city is %v", pooled, inURL, db.Strings(t, "SELECT city FROM "+db.Table("vow_property")+" WHERE listing_key = 'M'"))
			}
		}
	}
}

// Time limits of the role are for people's queries, not for a sync.
func TestTimeLimitsOfTheRole(t *testing.T) {
	t.Parallel()
	for _, pooled := range []bool{false, true} {
		db := harness.NewPostgres(t)
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
		// One row takes longer than the limit.
		db.Exec(t, `CREATE FUNCTION `+db.Table("slow")+`() RETURNS trigger LANGUAGE plpgsql AS
			$$BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END$$`)
		db.Exec(t, `CREATE TRIGGER slow AFTER INSERT ON `+db.Table("media")+` FOR EACH STATEMENT EXECUTE FUNCTION `+db.Table("slow")+`()`)
		address := user(t, db, "statement_timeout = '200ms'", "lock_timeout = '200ms'", "idle_in_transaction_session_timeout = '200ms'")
		db.Exec(t, "GRANT ALL ON ALL TABLES IN SCHEMA "+db.Schema+" TO u_"+db.Schema)
		db.Exec(t, "GRANT ALL ON ALL SEQUENCES IN SCHEMA "+db.Schema+" TO u_"+db.Schema)
		s.config.DatabaseURL = address
		if pooled {
			s.config.DatabaseURL, s.config.Pooler = pgtest.Pooler(t, address), true
		}
		s.config.RetryFor = 3 * time.Second
		s.mustSync(t)
		s.compare(t)
		if n := len(of[agent.Retrying](s.log)); n > 0 {
			t.Errorf("pooled %t: %d retries: %v", pooled, n, of[agent.Retrying](s.log)[0].Err)
		}
	}
}

// What a trigger of the user's refuses is a fault of that row.
func TestTriggerRefusesARow(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
	parent := db.Strings(t, "SELECT listing_key FROM "+db.Table("vow_property")+" LIMIT 1")[0][0]
	body := `{"RoomKey":"BAD","ListingKey":"` + parent + `","ModificationTimestamp":"2024-01-01T00:00:00Z"}`
	if err := s.source.AddRaw(simulator.PropertyRooms, "BAD", "2024-01-01T00:00:00Z", parent, []byte(body)); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, `CREATE FUNCTION `+db.Table("refuse")+`() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN IF NEW.room_key = 'BAD' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END$$`)
	db.Exec(t, `CREATE TRIGGER refuse BEFORE INSERT ON `+db.Table("propertyrooms")+` FOR EACH ROW EXECUTE FUNCTION `+db.Table("refuse")+`()`)
	report := s.mustSync(t)
	if report.Totals.Failed != 1 || db.Count(t, "agent_reject", "reason LIKE '%not this one%' AND record_key = 'BAD'") != 1 {
		t.Errorf("%d failed; rejects: %v", report.Totals.Failed, db.Strings(t, "SELECT record_key, reason FROM "+db.Table("agent_reject")))
	}
}

// A database that has lost commits in the middle of a run says so, and nobody
// else is blamed; the next run goes on from what it has.
func TestDatabaseLosesCommits(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]string{
		"of the stream": "UPDATE %s SET sequence = sequence - 1 WHERE stream = 'media'",
		"and the claim": "UPDATE %s SET incarnation = incarnation - 1",
	} {
		t.Run(name, func(t *testing.T) {
			harness.Each(t, func(t *testing.T, db *harness.Database) { losesCommits(t, db, lost) })
		})
	}
}

func losesCommits(t *testing.T, db *harness.Database, lost string) {
	t.Helper()
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.config.Parallel = 1
	s.mustSync(t, catalog.VOWProperty)
	stored := 0
	s.log.on = func(e agent.Event) {
		if g, ok := e.(agent.GroupStored); ok && g.Stream == catalog.Media {
			if stored++; stored == 2 {
				db.ExecAfter(t, fmt.Sprintf(lost, db.Table("agent_position"))) // which does not end this goroutine
			}
		}
	}
	s.source.Set(func(f *simulator.Faults) { f.Latency = 400 * time.Millisecond }) // several groups
	_, err := s.sync(t, catalog.Media)
	if !errors.Is(err, record.ErrRewound) || errors.Is(err, agent.ErrInUse) {
		t.Fatalf("error %v", err)
	}
	s.log.on = nil
	s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	s.mustSync(t)
	s.compare(t)
}

// A statement that takes long is left alone, with and without a pooler: the
// server answers when it is asked. So is a wait for a lock of somebody else's.
func TestSlowStatementsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, pooled := range map[string]bool{"direct": false, "pooled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := harness.NewPostgres(t)
			s := newSetup(t, harness.NewSource(t, harness.Small()), db)
			s.config.Lease = 3 * time.Second // after two seconds of silence it asks
			s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
			db.Exec(t, `CREATE FUNCTION `+db.Table("slow")+`() RETURNS trigger LANGUAGE plpgsql AS
				$$BEGIN IF NOT EXISTS (SELECT 1 FROM `+db.Table("propertyrooms")+`) THEN PERFORM pg_sleep(7); END IF; RETURN NULL; END$$`)
			db.Exec(t, `CREATE TRIGGER slow BEFORE INSERT ON `+db.Table("propertyrooms")+` FOR EACH STATEMENT EXECUTE FUNCTION `+db.Table("slow")+`()`)
			if pooled {
				s.config.DatabaseURL, s.config.Pooler = pgtest.Pooler(t, db.URL), true
			} else {
				s.config.DatabaseURL = pgtest.NewProxy(t, db.URL).URL()
			}
			begun := time.Now()
			s.mustSync(t)
			if took := time.Since(begun); took < 7*time.Second {
				t.Errorf("the run took %s: nothing was slow", took)
			}
			s.compare(t)
			for _, r := range of[agent.Retrying](s.log) {
				t.Errorf("tried again: %v", r.Err)
			}
		})
	}
}

// A claim that somebody's lock is in the way of says whose, and goes on without
// it.
func TestClaimSaysWhomItWaitsFor(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.mustSync(t, catalog.IDXProperty)
	other := harness.OpenPostgres(t, db.URL+"&application_name=theirs", db.Schema)
	other.Hold(t, "SELECT * FROM "+db.Table("agent_owner")+" FOR UPDATE")
	s.config.RetryFor = time.Minute
	s.log.on = func(e agent.Event) {
		if _, ok := e.(agent.Retrying); ok {
			db.ExecAfter(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'theirs' AND query LIKE '%"+db.Schema+"%'")
		}
	}
	s.mustSync(t)
	s.compare(t)
	waits := of[agent.Retrying](s.log)
	if len(waits) == 0 || !strings.Contains(waits[0].Err.Error(), `application "theirs"`) || !strings.Contains(waits[0].Err.Error(), "in a transaction since") {
		t.Errorf("waits: %+v", waits)
	}
}

// The transaction of an owner that says nothing any more ends with its lease,
// also where nobody takes over.
func TestTransactionsEndWithTheLease(t *testing.T) {
	t.Parallel()
	for name, pooled := range map[string]bool{"direct": false, "pooled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := harness.NewPostgres(t)
			s := newSetup(t, harness.NewSource(t, harness.Small()), db)
			s.config.Lease, s.config.RetryFor = 5*time.Second, time.Minute
			s.mustSync(t, catalog.IDXProperty)
			proxy := pgtest.NewProxy(t, db.URL)
			s.config.DatabaseURL = proxy.URL()
			if pooled {
				s.config.DatabaseURL, s.config.Pooler = pgtest.Pooler(t, proxy.URL()), true
			}
			proxy.FreezeAt(pgtest.Commit) // of the claim
			done := make(chan error, 1)
			go func() {
				_, err := s.sync(t)
				done <- err
			}()
			<-proxy.Frozen()
			const held = `SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE n.nspname = $1 AND l.mode = 'RowExclusiveLock'`
			if db.Int(t, held, db.Schema) == 0 {
				t.Error("no transaction is open")
			}
			for begun := time.Now(); db.Int(t, held, db.Schema) > 0; {
				if took := time.Since(begun); took > 20*time.Second {
					t.Fatalf("a transaction is open for %s", took)
				}
				time.Sleep(50 * time.Millisecond)
			}
			proxy.Thaw()
			if err := <-done; err != nil {
				t.Error(err)
			}
			s.compare(t)
		})
	}
}

// A server that is a standby, as behind a failover, is tried again until it takes
// writes.
func TestStandbyIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	db := harness.OpenPostgres(t, server.URL(), "public")
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.config.RetryFor = time.Minute
	s.mustSync(t, catalog.IDXProperty)
	data := db.Strings(t, "SHOW data_directory")[0][0]
	if err := os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	refused := make(chan error, 100)
	s.log.on = func(e agent.Event) {
		if r, ok := e.(agent.Retrying); ok {
			refused <- r.Err
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.sync(t)
		done <- err
	}()
	select {
	case err := <-refused:
		if !strings.Contains(err.Error(), "25006") || !strings.Contains(err.Error(), "standby") {
			t.Errorf("error %v", err)
		}
	case err := <-done:
		t.Fatalf("it ended: %v", err)
	}
	harness.OpenPostgres(t, server.URL(), "public").Exec(t, "SELECT pg_promote()")
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.compare(t)
}
