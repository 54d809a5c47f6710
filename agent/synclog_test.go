package agent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
	"resoagent/migrations"
)

// oldSyncLog is the table as the service that the agent replaces made it.
func oldSyncLog(name string) string {
	return `CREATE TABLE ` + name + ` (
  id SERIAL PRIMARY KEY,
  timestamp TIMESTAMPTZ NOT NULL,
  idx_property_timestamp TIMESTAMPTZ,
  vow_property_timestamp TIMESTAMPTZ,
  media_timestamp TIMESTAMPTZ,
  rooms_timestamp TIMESTAMPTZ,
  openhouse_timestamp TIMESTAMPTZ,
  total_processed INTEGER,
  total_successful INTEGER,
  total_failed INTEGER,
  created_at TIMESTAMPTZ DEFAULT NOW()
)`
}

func TestSyncLogRow(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		report := s.mustSync(t)
		n := report.Totals
		want := fmt.Sprintf("total_processed = %d AND total_successful = %d AND total_failed = 0 AND created_at IS NOT NULL", n.Processed(), n.Successful())
		for _, stream := range agent.Streams() {
			want += fmt.Sprintf(" AND %s_timestamp IS NOT NULL", stream)
		}
		if db.Count(t, "SyncLog", want) != 1 || db.Count(t, "SyncLog", "") != 1 {
			t.Errorf("SyncLog: %v, want the report's %+v", db.Strings(t, "SELECT * FROM "+db.Table("SyncLog")), n)
		}
		// A run of one stream has the positions of all.
		s.mustSync(t, catalog.Media)
		all := want[strings.Index(want, "created_at"):]
		if n := db.Count(t, "SyncLog", "total_processed = 0 AND "+all); n != 1 {
			t.Error("the row of a media run is not as it should be")
		}
		row := db.Strings(t, "SELECT position_timestamp FROM "+db.Table("agent_position")+" WHERE stream = 'media'")[0][0]
		at, err := time.Parse(time.RFC3339, row)
		if err != nil {
			t.Fatal(err)
		}
		same := "media_timestamp = '" + at.Format("2006-01-02T15:04:05.000Z") + "'"
		if n := db.Count(t, "SyncLog", same); n != 2 {
			t.Errorf("media_timestamp is not the position's %s in both rows", row)
		}
		if n := db.Count(t, "agent_run", ""); n != 2 {
			t.Errorf("agent_run has %d rows, want 2", n)
		}
	})
}

// A run that dies has no row; the next one that finishes accounts for its
// finished passes too.
func TestSyncLogAccountsForRunsThatDied(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.log.on = func(e agent.Event) {
			if p, ok := e.(agent.PassStarted); ok && p.Stream == catalog.Media {
				cancel()
			}
		}
		if _, err := s.syncWith(t, ctx, agent.Selection{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if n := db.Count(t, "SyncLog", ""); n != 0 {
			t.Fatalf("SyncLog has %d rows of a run that died", n)
		}
		s.log.on = nil
		s.mustSync(t, catalog.Media)
		all := int64(s.source.Count(simulator.IDX, simulator.Property)+s.source.Count(simulator.VOW, simulator.Property)) + db.Count(t, "media", "")
		where := fmt.Sprintf("total_processed = %d AND vow_property_timestamp IS NOT NULL AND media_timestamp IS NOT NULL AND rooms_timestamp IS NULL", all)
		if n := db.Count(t, "SyncLog", where); n != 1 {
			t.Errorf("SyncLog: %v, want one row with %d", db.Strings(t, "SELECT * FROM "+db.Table("SyncLog")), all)
		}
		s.mustSync(t, catalog.Media)
		if n := db.Count(t, "SyncLog", "total_processed > 0"); n != 1 {
			t.Error("the passes were accounted for twice")
		}
	})
}

// PostgreSQL is away when the run ends: the row waits in the journal and is
// written at the next start, once.
func TestSyncLogWaits(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	proxy := pgtest.NewProxy(t, db.URL)
	s.config.DatabaseURL, s.config.RetryFor = proxy.URL(), time.Second
	s.log.on = func(e agent.Event) {
		if p, ok := e.(agent.PassFinished); ok && p.Stream == catalog.VOWProperty {
			proxy.Refuse(true)
			proxy.Cut()
		}
	}
	report, err := s.sync(t, catalog.VOWProperty)
	if err != nil || report.Mirrored {
		t.Fatalf("error %v, mirrored %t; want a run that is done and waits", err, report.Mirrored)
	}
	status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
	if err != nil || status.PendingSyncLog != 1 {
		t.Errorf("pending %d, %v", status.PendingSyncLog, err)
	}
	if db.Count(t, "SyncLog", "") != 0 {
		t.Error("SyncLog has a row already")
	}
	proxy.Refuse(false)
	s.log.on = nil
	s.mustSync(t, catalog.IDXProperty)
	s.mustSync(t, catalog.IDXProperty)
	if n := db.Count(t, "SyncLog", "vow_property_timestamp IS NOT NULL AND idx_property_timestamp IS NULL"); n != 1 {
		t.Errorf("%d rows of the run that waited, want 1", n)
	}
	if n := db.Count(t, "SyncLog", ""); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// An old service's table is used as it is, whether its name was quoted or not;
// its timestamps are those of runs over its own tables, and say nothing of these.
func TestOldSyncLog(t *testing.T) {
	t.Parallel()
	for _, quoted := range []bool{false, true} {
		t.Run(fmt.Sprintf("quoted=%t", quoted), func(t *testing.T) {
			t.Parallel()
			db := harness.NewPostgres(t)
			table := db.Table("SyncLog")
			if quoted {
				table = db.Table(`"SyncLog"`)
			}
			db.Exec(t, oldSyncLog(table))
			db.Exec(t, "INSERT INTO "+table+` (timestamp, vow_property_timestamp, media_timestamp) VALUES
				('2026-05-01', '2024-01-01', '2024-01-01'), ('2026-05-02', '2025-06-15T12:00:00.25Z', NULL), ('2026-05-03', 'infinity', NULL)`)
			s := newSetup(t, harness.NewSource(t, harness.Small()), db)
			s.mustSync(t, catalog.VOWProperty)
			if started := of[agent.PassStarted](s.log)[0]; started.From != "" || !started.Full {
				t.Errorf("the pass began at %q, want a full backfill", started.From)
			}
			if !strings.Contains(noticesOf(s), "2025-06-15T12:00:00Z") || !strings.Contains(noticesOf(s), "full backfill") {
				t.Errorf("it was not said: %s", noticesOf(s))
			}
			harness.Compare(t, s.source, db, harness.Feeds{VOW: true})
			if n := db.Int(t, "SELECT count(*) FROM "+table); n != 4 {
				t.Errorf("the old table has %d rows, want its 3 and the run's", n)
			}
			tables := db.Int(t, "SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND lower(tablename) = 'synclog'", db.Schema)
			if tables != 1 {
				t.Errorf("%d tables of that name, want the old one alone", tables)
			}
		})
	}
}

// Without any position, but with rows and SyncLog of the agent's own, the sync
// goes on from there. Listings that have come since bring their children all the
// same, also if a run of listings alone brings them.
func TestOwnSyncLogGivesPositions(t *testing.T) {
	t.Parallel()
	for name, first := range map[string][]string{"one run": nil, "a run of listings first": {catalog.IDXProperty, catalog.VOWProperty}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := newSetup(t, harness.NewSource(t, harness.Small()), db)
				s.mustSync(t)
				db.Exec(t, "DELETE FROM "+db.Table("agent_position"))
				s.config.StateDir = t.TempDir()
				s.arrive(t, "NEW", 3)
				if first != nil {
					s.mustSync(t, first...)
				}
				report := s.mustSync(t)
				if n := pass(t, report, catalog.Media).Counters.Written; n != 0 {
					t.Errorf("%d photos were written again", n)
				}
				for _, p := range of[agent.PassStarted](s.log)[5:] {
					if p.Full {
						t.Errorf("a full backfill of %s was made", p.Stream)
					}
				}
				s.compare(t)
			})
		})
	}
}

func TestForeignTablesAreRefused(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		db.Exec(t, `CREATE TABLE `+db.Table(`"Media"`)+` (id text)`)
		_, err := s.sync(t)
		if !errors.Is(err, agent.ErrConfig) || !errors.Is(err, migrations.ErrForeign) {
			t.Fatalf("error %v, want ErrForeign", err)
		}
		if db.Postgres && !strings.Contains(err.Error(), "--schema") {
			t.Errorf("error %q does not name --schema", err)
		}
		if len(s.source.Requests()) != 0 {
			t.Error("the source was asked all the same")
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		if _, err := agent.Migrate(t.Context(), s.config); err != nil {
			t.Fatal(err)
		}
		yes := "true"
		if !db.Postgres {
			yes = "1"
		}
		db.Exec(t, "INSERT INTO "+db.Table("agent_schema_version")+" (version_id, is_applied) VALUES (999, "+yes+")")
		if _, err := s.sync(t); !errors.Is(err, migrations.ErrNewer) {
			t.Errorf("error %v, want ErrNewer", err)
		}
	})
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewPostgres(t))
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			_, err := agent.Migrate(t.Context(), s.config)
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("four agents migrate at once: %v", err)
		}
	}
}

// Behind a real PgBouncer in transaction mode: found out by itself, and nothing
// is lost or left behind.
func TestBehindPgBouncer(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.config.DatabaseURL = pgtest.Pooler(t, db.URL)
	s.mustSync(t)
	s.compare(t)
	db.Exec(t, "ALTER TABLE "+db.Table("media")+" ADD CHECK (right(media_key, 1) <> '7') NOT VALID")
	db.Exec(t, "UPDATE "+db.Table("media")+" SET record_hash = 0 WHERE right(media_key, 1) <> '7'")
	if _, err := s.syncWith(t, t.Context(), agent.Selection{Force: true}); err != nil {
		t.Fatal(err)
	}
	s.compare(t)
}

// A crash behind the SyncLog row and before the journal's note of it: the next
// start mirrors the run again, which changes nothing.
func TestSyncLogOnce(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.VOWProperty)
		file, err := checkpoint.Open(s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		err = file.Update(func(tx *checkpoint.Tx) error {
			var runs []checkpoint.Run
			err := tx.Runs(func(r checkpoint.Run) error {
				r.Mirrored = false
				runs = append(runs, r)
				return nil
			})
			for _, r := range runs {
				err = errors.Join(err, tx.PutRun(r))
			}
			return err
		})
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		s.mustSync(t, catalog.VOWProperty)
		if rows, runs := db.Count(t, "SyncLog", ""), db.Count(t, "agent_run", ""); rows != 2 || runs != 2 {
			t.Errorf("%d rows in SyncLog of %d runs, want 2 of 2", rows, runs)
		}
	})
}

// Each row has the newest known position of every stream, also where an old
// service's timestamp is all that is known.
func TestSyncLogRowsAreComplete(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		if _, err := agent.Migrate(t.Context(), s.config); err != nil {
			t.Fatal(err)
		}
		db.Exec(t, "INSERT INTO "+db.Table("SyncLog")+` (timestamp, media_timestamp, rooms_timestamp) VALUES
			('2020-05-01T00:00:00.000Z', '2020-04-01T00:00:00.000Z', '2020-04-02T00:00:00.000Z'), ('2020-05-02T00:00:00.000Z', '2020-04-03T00:00:00.000Z', NULL)`)
		s.mustSync(t, catalog.VOWProperty)
		s.mustSync(t, catalog.IDXProperty)
		for i, want := range []string{"idx_property_timestamp IS NULL", "idx_property_timestamp IS NOT NULL"} {
			want += " AND vow_property_timestamp IS NOT NULL AND media_timestamp = '2020-04-03T00:00:00.000Z'" +
				" AND rooms_timestamp = '2020-04-02T00:00:00.000Z' AND openhouse_timestamp IS NULL"
			if n := db.Count(t, "SyncLog", want); n != 1 {
				t.Errorf("run %d: no such row: %s; %v", i, want, db.Strings(t, "SELECT * FROM "+db.Table("SyncLog")))
			}
		}
		if text := noticesOf(s); strings.Contains(text, "media") || strings.Contains(text, "rooms") {
			t.Errorf("streams that were not selected are spoken of: %s", text)
		}
	})
}

// An old SyncLog in another schema is said, and taken only if it is named.
func TestSyncLogElsewhere(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"synclog", `"SyncLog"`} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			db, old := harness.NewPostgres(t), harness.NewPostgres(t)
			name := old.Schema + "." + table
			old.Exec(t, oldSyncLog(name))
			old.Exec(t, "INSERT INTO "+name+" (timestamp, vow_property_timestamp) VALUES ('2026-05-02', '2025-06-15T12:00:00Z')")
			s := newSetup(t, harness.NewSource(t, harness.Small()), db)
			s.mustSync(t, catalog.IDXProperty)
			if text := noticesOf(s); !strings.Contains(text, name) || !strings.Contains(text, "--synclog ") {
				t.Errorf("%s is not named: %s", name, text)
			}
			s.config.SyncLog = name
			s.mustSync(t, catalog.VOWProperty)
			if !strings.Contains(noticesOf(s), "2025-06-15T12:00:00Z") {
				t.Errorf("the old SyncLog's timestamp was not looked at: %s", noticesOf(s))
			}
			if n := old.Int(t, "SELECT count(*) FROM "+name+" WHERE idx_property_timestamp IS NOT NULL"); n != 1 {
				t.Errorf("the old SyncLog has %d rows of the agent, want 1", n)
			}
			if n := db.Count(t, "SyncLog", ""); n != 1 {
				t.Errorf("the agent's own SyncLog has %d rows, want that of the first run", n)
			}
			s.config.SyncLog = old.Schema + ".not_there"
			if _, err := s.sync(t, catalog.VOWProperty); !errors.Is(err, migrations.ErrSyncLog) || !errors.Is(err, agent.ErrConfig) {
				t.Errorf("a table that is not there: %v, want ErrSyncLog", err)
			}
		})
	}
}
