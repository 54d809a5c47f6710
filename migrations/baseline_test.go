package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/migrations"
)

// structure tells what tables, columns and indexes there are: of each column type,
// whether it may be null, and its default.
func structure(t *testing.T, p *harness.Database) string {
	t.Helper()
	query := `SELECT 'table ' || m.name || CASE WHEN m.sql LIKE '%) STRICT, WITHOUT ROWID' THEN ' strict, without rowid' WHEN m.sql LIKE '%) STRICT' THEN ' strict' ELSE '' END
			FROM sqlite_master m WHERE type = 'table' AND name NOT LIKE 'sqlite%'
		UNION ALL SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || coalesce(c.dflt_value, '') || ' ' || c.pk
			FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'
		UNION ALL SELECT 'index ' || m.name || ' ' || i.origin || i."unique" || i.partial || ' '
			|| (SELECT group_concat(coalesce(x.name, ''), ',') FROM pragma_index_info(i.name) x) || ' ' || CASE i.origin WHEN 'c' THEN i.name ELSE '' END
			FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table'`
	if p.Postgres {
		schema := "'" + p.Schema + "'::regnamespace"
		query = `SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' '
				|| coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || a.attcompression::text || a.attidentity::text
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relnamespace = ` + schema + ` AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
			UNION ALL SELECT pg_get_indexdef(i.indexrelid) || ' ' || i.indisprimary FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = ` + schema + `
			UNION ALL SELECT conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE connamespace = ` + schema + `
			UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = ` + schema + `
			UNION ALL SELECT 'sequence ' || relname FROM pg_class WHERE relkind = 'S' AND relnamespace = ` + schema
	}
	var lines []string
	for _, row := range p.Strings(t, query) {
		lines = append(lines, strings.ToLower(strings.ReplaceAll(row[0], p.Schema+".", "")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// another is a second destination of the same kind.
func another(t *testing.T, h *harness.Database) *harness.Database {
	t.Helper()
	if h.Postgres {
		return harness.NewPostgres(t)
	}
	return harness.NewSQLite(t)
}

// A new database has what one has that was upgraded from the first version, and the
// same versions.
func TestNewDatabaseIsAsAnUpgradedOne(t *testing.T) {
	t.Parallel()
	layout := catalog.All().Layout()
	harness.Each(t, func(t *testing.T, fresh *harness.Database) {
		db, d := openFor(t, fresh)
		if _, err := migrations.Up(t.Context(), db, d, migrations.Names{Schema: fresh.Schema}, layout, nil); err != nil {
			t.Fatal(err)
		}
		old := another(t, fresh)
		db, d = openFor(t, old)
		if err := migrations.UpTo(t.Context(), db, d, migrations.Names{Schema: old.Schema}, layout, 5); err != nil {
			t.Fatal(err)
		}
		if _, err := migrations.Up(t.Context(), db, d, migrations.Names{Schema: old.Schema}, layout, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(structure(t, old), structure(t, fresh)); diff != "" {
			t.Errorf("upgraded and new: %s", diff)
		}
		versions := func(h *harness.Database) [][]string {
			return h.Strings(t, "SELECT version_id, is_applied FROM "+h.Table(migrations.VersionTable)+" ORDER BY id")
		}
		if diff := cmp.Diff(versions(old), versions(fresh)); diff != "" {
			t.Errorf("versions, upgraded and new: %s", diff)
		}
	})
}
