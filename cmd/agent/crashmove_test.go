package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"resoagent/internal/catalog"
	"resoagent/internal/crashpoint"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// moves shows the upgrade that gives each feed a table of its own: from a filled
// destination of an older agent, killed at each of its steps. Nothing of it is there
// then but the versions before; the next run has all of it, and fetches nothing
// again that it need not.
func moves(t *testing.T, binary string, db *harness.Database, version int) {
	t.Helper()
	s := &crashes{setup: newSetup(t, simulator.Options{
		Seed: 12, Properties: 60, MediaPerListing: 3, RoomsPerListing: 1, OpenHousesPerListing: 0.5,
	}, db), binary: binary}
	s.recover(t)
	s.age(t, version)
	s.news(t)
	for _, point := range crashpoint.MovePoints() {
		s.point = point
		s.crash(t, 1)
		if v := db.Int(t, "SELECT max(version_id) FROM "+db.Table("agent_schema_version")); v >= 6 {
			t.Errorf("killed at %s it is of version %d", point, v)
		}
		if n := db.Count(t, "property", "idx IS NOT NULL AND vow IS NOT NULL"); n == 0 {
			t.Errorf("killed at %s it has no listing of both feeds", point)
		}
	}
	if s.kills != len(crashpoint.MovePoints()) {
		t.Errorf("%d kills, want one at each point", s.kills)
	}
	s.recover(t)

	// Hashes were carried over: nothing differs from what the source sends.
	code := s.start(t, "--force", "--idx", "--vow").wait(t)
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, name := range []string{"idx_property", "vow_property"} {
		if st := s.stream(t, name); st.Processed == 0 || st.Unchanged != st.Processed {
			t.Errorf("%s: %d of %d unchanged", name, st.Unchanged, st.Processed)
		}
	}
}

func (s *crashes) start(tb testing.TB, more ...string) *command {
	tb.Helper()
	return start(tb, s.args(append(more, "--quiet")...)...)
}

// age makes the destination what it would be if an older agent had filled it: the
// tables of its files, with the same rows.
func (s *setup) age(tb testing.TB, version int) {
	tb.Helper()
	db := s.db
	exec := func(query string) { db.Exec(tb, strings.ReplaceAll(query, "{s}", db.Table(""))) }
	for _, view := range []string{"idx_photo", "listing_photo", "property", "vow_listing", "idx_listing"} {
		exec("DROP VIEW {s}" + view)
	}
	children := []string{"media", "propertyrooms", "openhouse"}
	own := []string{"agent_owner", "agent_position", "agent_run", "agent_orphan", "agent_reject"}
	all := append(append([]string{"idx_property", "vow_property"}, children...), own...)
	for _, table := range all {
		exec("ALTER TABLE {s}" + table + " RENAME TO new_" + table)
	}
	exec("DROP TABLE {s}agent_table")
	exec("DROP TABLE {s}agent_view")
	s.olderFiles(tb, version)
	for _, table := range append(children, own...) {
		columns := strings.Join(s.columnsOf(tb, table), ", ")
		exec("INSERT INTO {s}" + table + " (" + columns + ") SELECT " + columns + " FROM {s}new_" + table)
	}
	typed, there := "listing_key", s.columnsOf(tb, "property")
	for _, c := range catalog.All()[0].Columns {
		if slices.Contains(there, c.Name) {
			typed += ", " + c.Name
		}
	}
	const copied = "record_timestamp, record_hash, record"
	exec("INSERT INTO {s}property (" + typed + ", vow_timestamp, vow_hash, vow) SELECT " + typed + ", " + copied + " FROM {s}new_vow_property")
	exec("INSERT INTO {s}property (" + typed + ") SELECT " + typed + " FROM {s}new_idx_property n WHERE NOT EXISTS (SELECT 1 FROM {s}property p WHERE p.listing_key = n.listing_key)")
	exec("UPDATE {s}property SET (idx_timestamp, idx_hash, idx) = (SELECT " + copied + " FROM {s}new_idx_property n WHERE n.listing_key = {s}property.listing_key)")
	for _, table := range all {
		exec("DROP TABLE {s}new_" + table)
	}
	exec(fmt.Sprintf("DELETE FROM {s}agent_schema_version WHERE version_id > %d", version))
}

// olderFiles runs the migration files of the versions up to one.
func (s *setup) olderFiles(tb testing.TB, version int) {
	tb.Helper()
	dialect, path := "sqlite", ""
	if s.db.Postgres {
		dialect, path = "postgres", "SET search_path TO "+s.db.Schema+";\n"
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "migrations", dialect, "0*.sql"))
	if err != nil || len(files) < version {
		tb.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files[:version] {
		text, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		s.db.Exec(tb, path+string(text))
	}
}

func (s *setup) columnsOf(tb testing.TB, table string) (names []string) {
	tb.Helper()
	query, args := "SELECT name FROM pragma_table_info('"+table+"')", []any(nil)
	if s.db.Postgres {
		query = "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
		args = []any{s.db.Table(table)}
	}
	for _, row := range s.db.Strings(tb, query, args...) {
		names = append(names, row[0])
	}
	return names
}

// What others have put on the tables is found by the doctor beforehand, and a sync
// refuses to upgrade with the same statements; once they were run both are content.
func TestDoctorFindsWhatIsInTheWayOfAnUpgrade(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		x := newExamined(t, db)
		run := func() (int, string) {
			c := start(t, x.setup.args("--quiet")...)
			return c.wait(t), c.output()
		}
		if code, output := run(); code != exitDone {
			t.Fatalf("exit %d:\n%s", code, output)
		}
		x.age(t, 5)
		const view = "cheap"
		db.Exec(t, "CREATE VIEW "+db.Table(view)+" AS SELECT listing_key, city FROM "+db.Table("property")+" WHERE list_price < 500000")
		x.doctor(t)
		f := x.findings["destination/tables"]
		if x.code == 0 || f.State != "failure" || !strings.Contains(f.Found, "view ") || !strings.Contains(f.Do, "DROP VIEW ") {
			t.Errorf("doctor: exit %d, %+v", x.code, f)
		}
		code, output := run()
		move, _, _ := strings.Cut(f.Do, ";")
		if code != exitUsage || !strings.Contains(output, move) || !strings.Contains(output, "CREATE VIEW") {
			t.Errorf("sync: exit %d, want %q:\n%s", code, move, output)
		}
		db.Exec(t, move)
		x.doctor(t)
		if f := x.findings["destination/tables"]; x.code != 0 || f.State != "ok" {
			t.Errorf("doctor: exit %d, %+v", x.code, f)
		}
		if code, output := run(); code != exitDone {
			t.Fatalf("exit %d:\n%s", code, output)
		}
		harness.Compare(t, x.source, db, harness.AllFeeds())
	})
}
