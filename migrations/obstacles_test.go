package migrations_test

import (
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/migrations"
)

// inTheWay are things that somebody may have put on Property, each with the names
// under which it is an obstacle; {s} is the schema.
func inTheWay() map[string]struct {
	make  []string
	names []string
} {
	return map[string]struct{ make, names []string }{
		"column": {
			[]string{
				`ALTER TABLE {s}.property ADD COLUMN "My Note" text`, `UPDATE {s}.property SET "My Note" = 'sold'`,
				`ALTER TABLE {s}.property ADD COLUMN twice numeric GENERATED ALWAYS AS (list_price * 2) STORED`,
				`CREATE INDEX on_note ON {s}.property ("My Note")`,
			},
			[]string{`column "My Note"`, "column twice"},
		},
		"constraints": {
			[]string{
				`ALTER TABLE {s}.property ADD CONSTRAINT dear CHECK (list_price > 0)`, `ALTER TABLE {s}.property ADD CONSTRAINT one_id UNIQUE (listing_id)`,
				`CREATE TABLE {s}.favourites (id text REFERENCES {s}.property, listing_id text REFERENCES {s}.property (listing_id))`,
				`CREATE TABLE {s}.cities (city text PRIMARY KEY)`, `INSERT INTO {s}.cities VALUES ('Ajax'), ('Leakville')`,
				`ALTER TABLE {s}.property ADD CONSTRAINT of_city FOREIGN KEY (city) REFERENCES {s}.cities`,
				`ALTER TABLE {s}.property ALTER COLUMN city SET NOT NULL`,
			},
			[]string{"constraint dear", "constraint one_id", "constraint of_city", "foreign key favourites_id_fkey", "foreign key favourites_listing_id_fkey", "NOT NULL of city"},
		},
		"triggers and rules": {
			[]string{
				`CREATE FUNCTION {s}.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
				`CREATE TRIGGER note BEFORE INSERT OR UPDATE ON {s}.property FOR EACH ROW EXECUTE FUNCTION {s}.noted()`,
				`CREATE RULE quiet AS ON DELETE TO {s}.property WHERE old.city = 'Nowhere' DO INSTEAD NOTHING`,
				`CREATE TABLE {s}.log (k text)`, `CREATE RULE elsewhere AS ON INSERT TO {s}.log DO ALSO UPDATE {s}.property SET city = city WHERE listing_key = new.k`,
			},
			[]string{"trigger note", "rule quiet", "rule elsewhere"},
		},
		"policies": {
			[]string{
				`CREATE POLICY a_few ON {s}.property FOR SELECT TO PUBLIC USING (city = 'Ajax')`, `ALTER TABLE {s}.property ENABLE ROW LEVEL SECURITY`,
				`CREATE TABLE {s}.notes (k text)`, `CREATE POLICY listed ON {s}.notes USING (EXISTS (SELECT FROM {s}.property p WHERE p.listing_key = k AND p.idx IS NOT NULL))`,
			},
			[]string{"policy a_few", "policy listed", "row security"},
		},
		"publications": {
			[]string{`CREATE PUBLICATION {s}_one FOR TABLE {s}.property`, `CREATE PUBLICATION {s}_schema FOR TABLES IN SCHEMA {s}`},
			[]string{"publication {s}_one", "publication {s}_schema of the schema"},
		},
		"views": {
			[]string{
				`CREATE VIEW {s}.cheap WITH (security_barrier=true) AS SELECT * FROM {s}.property WHERE list_price < 2`, `CREATE VIEW {s}.cheaper AS SELECT listing_key FROM {s}.cheap`,
				`CREATE MATERIALIZED VIEW {s}.counted AS SELECT city, count(*) FROM {s}.property GROUP BY city`, `CREATE UNIQUE INDEX on_counted ON {s}.counted (city)`,
				`GRANT SELECT ON {s}.counted TO PUBLIC`,
				`CREATE FUNCTION {s}.first_one() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT min(listing_key) FROM {s}.cheaper; END`,
				`CREATE FUNCTION {s}.of_row(p {s}.property) RETURNS text LANGUAGE sql AS 'SELECT p.city'`,
				`CREATE VIEW {s}.harmless AS SELECT * FROM {s}.idx_listing`,
			},
			[]string{"view {s}.cheap", "view {s}.cheaper", "materialized view {s}.counted", "function {s}.first_one()", "function {s}.of_row({s}.property)"},
		},
		"heirs": {
			[]string{`CREATE TABLE {s}.heir () INHERITS ({s}.property)`},
			[]string{"{s}.heir, which inherits"},
		},
		"indexes": {
			[]string{
				`CREATE INDEX on_idx ON {s}.property USING gin (idx)`, `CREATE INDEX on_hash ON {s}.property (city, (idx_hash + 1)) WHERE idx_timestamp IS NOT NULL`,
				`CREATE INDEX on_city ON {s}.property (city)`, `CREATE INDEX on_vow ON {s}.property USING gin (vow)`,
			},
			[]string{"index {s}.on_idx", "index {s}.on_hash"},
		},
	}
}

// What others have put on Property stops the move before the first change, and is
// named by doctor and refusal; the statements that are told take it away, and then
// the move goes through. Nothing of anybody's values is lost.
func TestObstaclesOfPostgres(t *testing.T) {
	t.Parallel()
	for name, x := range inTheWay() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOlder(t, harness.NewPostgres(t), 2)
			o.put(t, "A", `{"ListPrice":1,"City":"Ajax"}`, `{"ListPrice":2,"City":"Leakville"}`)
			var want []string
			for _, query := range x.make {
				o.Exec(t, strings.ReplaceAll(query, "{s}", o.Schema))
			}
			for _, name := range x.names {
				want = append(want, strings.ReplaceAll(name, "{s}", o.Schema))
			}
			o.meets(t, want)
			if name == "column" {
				if rows := o.Strings(t, `SELECT listing_key, "My Note" FROM `+o.Table(`"property_own_My Note"`)); len(rows) != 1 || rows[0][1] != "sold" {
					t.Errorf("of the column is left %v", rows)
				}
			}
			if name == "indexes" {
				if n := o.Int(t, `SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND tablename = 'vow_property' AND indexname IN ('on_city', 'on_vow')`, o.Schema); n != 2 {
					t.Errorf("%d of the indexes that are no obstacles", n)
				}
			}
		})
	}
}

// meets looks, runs into the obstacles, takes them away as is told, and moves. What
// can be made again is made.
func (o *older) meets(t *testing.T, want []string) {
	t.Helper()
	s, err := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout)
	if err != nil {
		t.Fatal(err)
	}
	_, err = migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, nil)
	if !errors.Is(err, migrations.ErrObstacles) {
		t.Fatalf("error %v", err)
	}
	after, e := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout)
	if e != nil || after.Version != s.Version {
		t.Fatalf("it stands at %d, %v", after.Version, e)
	}
	for _, name := range want {
		if !slices.ContainsFunc(s.Obstacles, func(o migrations.Obstacle) bool { return strings.HasPrefix(o.What, name) }) {
			t.Errorf("not named: %s", name)
		}
	}
	if len(s.Obstacles) != len(want) {
		t.Errorf("%d obstacles, want %d: %+v", len(s.Obstacles), len(want), s.Obstacles)
	}
	for _, x := range s.Obstacles {
		for _, query := range x.Move {
			if !strings.Contains(err.Error(), query) {
				t.Errorf("the refusal does not tell: %s", query)
			}
			o.Exec(t, query)
		}
	}
	if s, err = migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout); err != nil || len(s.Obstacles) > 0 {
		t.Errorf("still in the way: %+v, %v", s.Obstacles, err)
	}
	o.moved(t)
	for _, x := range slices.Backward(after.Obstacles) {
		for _, query := range x.Again {
			if strings.Contains(query, "vow.") || strings.Contains(x.What, "of_row") || strings.Contains(query, "idx IS NOT NULL") || strings.Contains(x.What, "cheap") || strings.Contains(x.What, "first_one") {
				continue // of columns that have other names now
			}
			o.Exec(t, query)
		}
	}
}

// What is made again shows no more than it did, and to nobody else.
func TestObstaclesAreMadeAgainAsTheyWere(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewPostgres(t), 5)
	o.put(t, "A", `{"City":"Ajax"}`, `{"City":"Leakville"}`)
	role := o.Schema + "_site"
	site := o.role(t, role)
	for _, query := range []string{
		`CREATE FUNCTION {s}.cities() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT city FROM {s}.property; END`,
		`REVOKE ALL ON FUNCTION {s}.cities() FROM PUBLIC`,
		`CREATE VIEW {s}.by_city AS SELECT city FROM {s}.property`, `GRANT SELECT ON {s}.by_city TO ` + role, `ALTER VIEW {s}.by_city OWNER TO {s}_site`,
	} {
		o.Exec(t, expand(query, o.Schema))
	}
	some := o.Int(t, `SELECT current_setting('server_version_num')::int`) >= 150000
	if some {
		o.Exec(t, expand(`CREATE PUBLICATION {s}_some FOR TABLE {s}.property (listing_key, idx)`, o.Schema))
		t.Cleanup(func() { o.ExecAfter(t, `DROP PUBLICATION IF EXISTS `+o.Schema+`_some`) })
	}
	s, err := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Obstacles {
		for _, query := range x.Move {
			o.Exec(t, query)
		}
	}
	o.up(t)
	for _, x := range slices.Backward(s.Obstacles) {
		for _, query := range x.Again {
			o.Exec(t, query)
		}
	}
	for _, query := range []string{`SELECT * FROM {s}.cities()`, `SELECT * FROM {s}.by_city`} {
		if _, err := site.ExecContext(t.Context(), expand(query, o.Schema)); migrations.SQLState(err) != "42501" {
			t.Errorf("%s: %v", query, err)
		}
	}
	if n := o.Int(t, `SELECT count(*) FROM pg_publication_tables WHERE pubname = $1`, o.Schema+"_some"); n != 0 {
		t.Errorf("%d tables are published, and all of them", n)
	}
	if what := s.Obstacles[0].What; some && !strings.HasSuffix(what, "_some of [\"listing_key\", \"idx\"]") {
		t.Errorf("nobody is told what was published: %s", what)
	}
}

// Whom row security kept from VOW sees none of it while it is away, nor in the view
// that Property becomes.
func TestRowSecurityIsNotLost(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewPostgres(t), 5)
	o.put(t, "A", `{"City":"Ajax"}`, `{"City":"Ajax"}`)
	o.put(t, "B", "", `{"City":"Leakville"}`)
	site, columns := o.role(t, o.Schema+"_site"), o.role(t, o.Schema+"_columns")
	o.Exec(t, `GRANT SELECT ON `+o.Table("property")+` TO `+o.Schema+`_site`)
	o.Exec(t, `GRANT SELECT (listing_key, city, vow) ON `+o.Table("property")+` TO `+o.Schema+`_columns`)
	o.Exec(t, `CREATE POLICY a_few ON `+o.Table("property")+` TO PUBLIC USING (city = 'Ajax')`)
	o.Exec(t, `ALTER TABLE `+o.Table("property")+` ENABLE ROW LEVEL SECURITY`)
	sees := func(db *sql.DB, table, column string, want ...string) {
		t.Helper()
		var found sql.NullString
		err := db.QueryRowContext(t.Context(), `SELECT string_agg(DISTINCT `+column+`, ' ') FROM `+o.Table(table)).Scan(&found)
		if err != nil && migrations.SQLState(err) != "42501" || found.String != strings.Join(want, " ") {
			t.Errorf("of %s are seen %q, want %q: %v", table, found.String, want, err)
		}
	}
	sees(site, "property", "city", "Ajax")
	s, err := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Obstacles {
		for _, query := range x.Move {
			o.Exec(t, query)
			sees(columns, "property", "city")
		}
	}
	sees(site, "property", "city")
	o.up(t)
	for _, table := range []string{"property", "vow_property", "idx_property"} {
		sees(site, table, "city")
		sees(columns, table, "city")
	}
	for _, x := range slices.Backward(s.Obstacles) {
		for _, query := range x.Again {
			o.Exec(t, query)
			if strings.HasPrefix(x.What, "row") {
				sees(site, "property", "city")
			}
		}
	}
	if o.Int(t, `SELECT current_setting('server_version_num')::int`) >= 150000 {
		sees(site, "property", "city", "Ajax")
	}
	sees(site, "vow_property", "city", "Ajax")
	sees(site, "idx_property", "city", "Ajax")
	sees(columns, "property", "city")
	sees(columns, "vow_property", "city || (record ->> 'City')", "AjaxAjax")
}

// The same in SQLite.
func TestObstaclesOfSQLite(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ make, names []string }{
		"column": {
			[]string{`ALTER TABLE Property ADD COLUMN "My Note" TEXT`, `UPDATE Property SET "My Note" = 'sold'`, `CREATE INDEX on_note ON "Property" ("My Note")`},
			[]string{"column My Note", "index on_note"},
		},
		"triggers": {
			[]string{
				`CREATE TABLE log (k TEXT)`, `CREATE TRIGGER note AFTER INSERT ON property BEGIN INSERT INTO log VALUES (new.listing_key); END`,
				`CREATE TRIGGER elsewhere AFTER INSERT ON log BEGIN UPDATE Property SET city = city WHERE listing_key = new.k; END`,
				`CREATE TRIGGER instead INSTEAD OF INSERT ON idx_listing BEGIN INSERT INTO log VALUES (new.listing_key); END`,
			},
			[]string{"trigger note", "trigger elsewhere", "trigger instead"},
		},
		"views": {
			[]string{`CREATE VIEW cheap AS SELECT listing_key, city FROM PROPERTY WHERE list_price < 2`, `CREATE VIEW harmless AS SELECT * FROM idx_listing`},
			[]string{"view cheap"},
		},
		"foreign key": {
			[]string{`CREATE TABLE favourites (id TEXT REFERENCES Property (listing_key), note TEXT)`, `INSERT INTO favourites VALUES ('A', 'mine')`},
			[]string{"foreign key of favourites"},
		},
		"indexes": {
			[]string{
				`CREATE INDEX on_hash ON Property (city, idx_hash)`, `CREATE INDEX on_price ON Property (list_price) WHERE json_extract(vow, '$.City') = 'Ajax'`,
				`CREATE INDEX "on [city]" ON [property] (city, listing_key)`,
			},
			[]string{"index on_hash", "index on_price"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOlder(t, harness.NewSQLite(t), 2)
			o.put(t, "A", `{"ListPrice":1,"City":"Ajax"}`, `{"ListPrice":2,"City":"Leakville"}`)
			for _, query := range x.make {
				o.Exec(t, query)
			}
			o.meets(t, x.names)
			switch name {
			case "column":
				if rows := o.Strings(t, `SELECT listing_key, "My Note" FROM "property_own_My Note"`); len(rows) != 1 || rows[0][1] != "sold" {
					t.Errorf("of the column is left %v", rows)
				}
			case "indexes":
				if n := o.Int(t, `SELECT count(*) FROM sqlite_master WHERE name = 'on [city]' AND tbl_name = 'vow_property'`); n != 1 {
					t.Error("the index that is no obstacle is gone")
				}
			case "foreign key":
				o.Exec(t, `PRAGMA foreign_keys = ON`)
				o.Exec(t, `INSERT INTO favourites VALUES ('A', 'again')`)
				if _, err := o.db.ExecContext(t.Context(), `PRAGMA foreign_keys = ON`); err != nil {
					t.Fatal(err)
				}
				if text := o.Strings(t, `PRAGMA integrity_check`)[0][0]; text != "ok" {
					t.Error(text)
				}
			}
		})
	}
}

// A publication of all tables cannot let go of one: it goes, and comes again. It is
// of the whole database, so this test has one of its own.
func TestPublicationOfAllTables(t *testing.T) {
	t.Parallel()
	server := harness.NewPostgres(t)
	name := server.Schema + "_db"
	server.Exec(t, `CREATE DATABASE `+name)
	t.Cleanup(func() { server.ExecAfter(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	o := newOlder(t, harness.OpenPostgres(t, u.String(), "public"), 5)
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	o.Exec(t, `CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, update')`)
	o.meets(t, []string{"publication everything of all tables"})
	if what := o.Strings(t, `SELECT puballtables::text || pubinsert || pubdelete FROM pg_publication`); what[0][0] != "truetruefalse" {
		t.Errorf("it is %v now", what)
	}
}
