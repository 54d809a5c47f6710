package migrations_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"resoagent/internal/catalog"
	"resoagent/internal/pgtest"
	"resoagent/migrations"
)

// Look tells how a database stands, in each state it can be in, and changes
// nothing by it.
func TestLook(t *testing.T) {
	t.Parallel()
	layout := catalog.All().Layout()
	file, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "x.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	url, schema := pgtest.Schema(t)
	server, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close(); _ = server.Close() })
	for _, x := range []struct {
		db             *sql.DB
		dialect        migrations.Dialect
		schema, prefix string
	}{{file, migrations.SQLite, "", ""}, {server, migrations.Postgres, schema, schema + "."}} {
		t.Run(string(x.dialect), func(t *testing.T) {
			exec := func(query string) {
				t.Helper()
				if _, err := x.db.ExecContext(t.Context(), query); err != nil {
					t.Fatalf("%s: %v", query, err)
				}
			}
			look := func() migrations.Standing {
				t.Helper()
				var twice [2]migrations.Standing
				for i := range twice {
					s, err := migrations.Look(t.Context(), x.db, x.dialect, migrations.Names{Schema: x.schema}, layout)
					if err != nil {
						t.Fatal(err)
					}
					slices.Sort(s.Tables)
					twice[i] = s
				}
				if !slices.Equal(twice[0].Tables, twice[1].Tables) {
					t.Errorf("looking made tables: %v, then %v", twice[0].Tables, twice[1].Tables)
				}
				return twice[1]
			}
			if s := look(); s.Version != 0 || s.Latest < 1 || s.Foreign != nil || s.SyncLog != "" || len(s.Tables) != 0 {
				t.Errorf("empty: %+v", s)
			}
			exec(`CREATE TABLE ` + x.prefix + `"Media" (id int)`)
			exec(`CREATE TABLE ` + x.prefix + `"SyncLog" (id int)`)
			if s := look(); s.Version != 0 || !slices.Equal(s.Foreign, []string{"Media"}) || s.SyncLog == "" {
				t.Errorf("foreign: %+v", s)
			}
			exec(`DROP TABLE ` + x.prefix + `"Media"`)
			exec(`DROP TABLE ` + x.prefix + `"SyncLog"`)
			result, err := migrations.Up(t.Context(), x.db, x.dialect, migrations.Names{Schema: x.schema}, layout, nil)
			if err != nil {
				t.Fatal(err)
			}
			if s := look(); s.Version != result.To || s.Latest != result.To || s.SyncLog != result.SyncLog || s.Foreign != nil ||
				s.Missing != nil || s.Pending || s.Newer() {
				t.Errorf("migrated: %+v, want %+v", s, result)
			}
			whole := layout
			layout.Tables = slices.Clone(whole.Tables)
			layout.Tables[0].Columns = append(slices.Clone(whole.Tables[0].Columns), migrations.Column{Name: "storeys", Type: "text"})
			if s := look(); !s.Pending || s.Missing != nil {
				t.Errorf("a column more: %+v", s)
			}
			layout.Tables = append(slices.Clone(whole.Tables), migrations.Table{Name: "office", Key: []string{"office_key"}})
			if s := look(); !s.Pending || s.Missing != nil || s.Foreign != nil {
				t.Errorf("a table more: %+v", s)
			}
			exec(`CREATE TABLE ` + x.prefix + `"Office" (id int)`)
			if s := look(); !slices.Equal(s.Foreign, []string{"Office"}) {
				t.Errorf("a table more that somebody has: %+v", s)
			}
			layout = whole
			exec(`DROP TABLE ` + x.prefix + `openhouse`)
			if s := look(); !slices.Equal(s.Missing, []string{"openhouse"}) {
				t.Errorf("a table that is gone: %+v", s)
			}
			_, err = migrations.Up(t.Context(), x.db, x.dialect, migrations.Names{Schema: x.schema}, layout, nil)
			if !errors.Is(err, migrations.ErrGone) {
				t.Errorf("up without a table: %v", err)
			}
			exec(`INSERT INTO ` + x.prefix + `agent_schema_version (version_id, is_applied) VALUES (999, true)`)
			if s := look(); s.Version != 999 || !s.Newer() {
				t.Errorf("newer: %+v", s)
			}
			exec(`DELETE FROM ` + x.prefix + `agent_schema_version WHERE version_id > 0`)
			// Without a version, what there is of these names is somebody else's.
			if s := look(); s.Version != 0 || !slices.Contains(s.Foreign, "idx_listing") || !slices.Contains(s.Foreign, "media") {
				t.Errorf("tables without their version: %+v", s)
			}
		})
	}
	if s, err := migrations.Look(t.Context(), server, migrations.Postgres, migrations.Names{Schema: "not_there"}, layout); err != nil || s.Version != 0 || s.Tables != nil {
		t.Errorf("no schema: %+v, %v", s, err)
	}
}
