package migrations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/harness"
	"resoagent/migrations"
)

func chosenLayout(columns ...migrations.Column) migrations.Layout {
	l := twoTables(columns...)
	other := l.Tables[0]
	other.Name, other.Indexes = "others", nil
	l.Tables = append(l.Tables, other)
	l.Views = append(l.Views, migrations.View{Name: "Shown", Table: "listings", Tail: []string{"record"}, Chosen: true})
	return l
}

// New columns come at a view's end, and those that left the layout stay.
func TestColumnsOfAView(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.up(t, wide())
		want := []string{"listing_key", "city", "price", "modification_timestamp", "record", "beds", "pool"}
		if d := cmp.Diff(want, p.columns(t, "listing")); d != "" {
			t.Error(d)
		}
		p.up(t, twoTables(col("storeys", "text"), col("pool", "text")))
		if d := cmp.Diff(append(want, "storeys"), p.columns(t, "listing")); d != "" {
			t.Error(d)
		}
	})
}

// What was granted on a view, what was set, and views of somebody's own that show it,
// outlive that it is replaced.
func TestGrantsOfAView(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		if !p.Postgres {
			t.Skip("there are no grants")
		}
		role := "r_" + p.Schema
		p.up(t, chosenLayout())
		p.Exec(t, "CREATE ROLE "+role)
		t.Cleanup(func() { p.ExecAfter(t, "DROP OWNED BY "+role); p.ExecAfter(t, "DROP ROLE "+role) })
		p.Exec(t, "GRANT SELECT ON "+p.Table("listing")+" TO "+role+" WITH GRANT OPTION")
		p.Exec(t, "GRANT SELECT (listing_key) ON "+p.Table("shown")+" TO "+role)
		p.Exec(t, "GRANT SELECT ON "+p.Table("shown")+" TO PUBLIC")
		p.Exec(t, "ALTER VIEW "+p.Table("shown")+" SET (security_barrier = true)")
		acl := "SELECT relname || coalesce(relacl::text, '') || coalesce(reloptions::text, '') || coalesce((SELECT string_agg(attname || attacl::text, ',') " +
			"FROM pg_attribute WHERE attrelid = c.oid), '') FROM pg_class c WHERE relnamespace = '" + p.Schema + "'::regnamespace AND relkind = 'v' ORDER BY 1"
		before := p.Strings(t, acl)
		if !strings.Contains(before[1][0]+before[2][0], role) || !strings.Contains(before[2][0], "security_barrier") {
			t.Fatal(before)
		}
		p.Exec(t, "CREATE VIEW "+p.Table("mine")+" AS SELECT * FROM "+p.Table("listing"))
		p.up(t, chosenLayout(col("beds", "text")))
		p.Exec(t, "DROP VIEW "+p.Table("mine"))
		if d := cmp.Diff(before, p.Strings(t, acl)); d != "" {
			t.Errorf("replaced: %s", d)
		}
		if err := migrations.Show(t.Context(), p.db, p.d, p.names(), chosenLayout(col("beds", "text")), "Shown", "others", nil); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, p.Strings(t, acl)); d != "" {
			t.Errorf("another table: %s", d)
		}
		p.up(t, chosenLayout(col("beds", "bigint")))
		if d := cmp.Diff(before, p.Strings(t, acl)); d != "" {
			t.Errorf("another type, which has the views made again: %s", d)
		}
	})
}

// A view that is made again is its owner's, whoever upgrades, and what the schema
// grants by default is not granted on it again.
func TestAViewThatIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := harness.NewPostgres(t)
	db, d := openFor(t, h)
	p := &place{h, db, d}
	role, owner := "r_"+p.Schema, "o_"+p.Schema
	p.up(t, chosenLayout())
	for _, name := range []string{role, owner} {
		p.Exec(t, "CREATE ROLE "+name)
		t.Cleanup(func() { p.ExecAfter(t, "DROP OWNED BY "+name); p.ExecAfter(t, "DROP ROLE "+name) })
	}
	p.Exec(t, "ALTER VIEW "+p.Table("shown")+" OWNER TO "+owner)
	p.Exec(t, "ALTER DEFAULT PRIVILEGES IN SCHEMA "+p.Schema+" GRANT SELECT ON TABLES TO "+role+", "+owner)
	acl := "SELECT relname, pg_get_userbyid(relowner), coalesce(relacl::text, '') FROM pg_class WHERE relnamespace = '" + p.Schema + "'::regnamespace AND relname = 'shown'"
	p.Exec(t, "GRANT SELECT (listing_key) ON "+p.Table("shown")+" TO "+role)
	p.up(t, chosenLayout(col("beds", "text")))
	p.up(t, chosenLayout(col("beds", "bigint")))
	for _, row := range p.Strings(t, acl) {
		if row[1] != owner || strings.Contains(row[2], role) {
			t.Errorf("%v", row)
		}
	}
}

// A view that the layout makes a barrier is one from the next migration on, whatever
// somebody has set, and keeps the rest of that. SQLite knows no barriers.
func TestBarrierOfAView(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		l := twoTables()
		l.Views[0].Barrier = true
		if !p.Postgres {
			p.up(t, l)
			return
		}
		p.Exec(t, "ALTER VIEW "+p.Table("listing")+" SET (security_barrier = false, check_option = local)")
		for range 2 {
			p.up(t, l)
			options := "SELECT relname, array_to_string(ARRAY(SELECT unnest(reloptions) ORDER BY 1), ' ') FROM pg_class WHERE relnamespace = '" + p.Schema + "'::regnamespace AND relkind = 'v' ORDER BY 1"
			want := [][]string{{"everything", ""}, {"listing", "check_option=local security_barrier=true"}}
			if d := cmp.Diff(want, p.Strings(t, options)); d != "" {
				t.Error(d)
			}
		}
	})
}

// A column gets no other type under somebody's own view, and nothing is changed.
func TestAViewOfSomebodysOnAColumn(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		if !p.Postgres {
			t.Skip("SQLite lets views break")
		}
		p.up(t, wide())
		p.Exec(t, "CREATE VIEW "+p.Table("mine")+" AS SELECT beds FROM "+p.Table("listing"))
		_, err := migrations.Up(t.Context(), p.db, p.d, p.names(), twoTables(col("beds", "text"), col("pool", "text")), nil)
		if err == nil || !strings.Contains(err.Error(), "2BP01") {
			t.Errorf("error %v", err)
		}
		p.Strings(t, "SELECT beds FROM "+p.Table("mine"))
		p.up(t, wide())
	})
}

// A view that is gone is made again; one that is as it was is not touched.
func TestViewsThatDiffer(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.Exec(t, "DROP VIEW "+p.Table("listing"))
		p.up(t, twoTables())
		if n := p.Count(t, "listing", ""); n != 0 {
			t.Error(n)
		}
		l := twoTables()
		l.Views[0].Tail = append(l.Views[0].Tail, "record_hash AS content")
		p.up(t, l)
		if n := p.Count(t, "listing", "content = 1"); n != 0 {
			t.Error(n)
		}
	})
}

// A view shows the table that was chosen for it, and goes on to after an upgrade.
func TestShow(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		l := chosenLayout()
		p.up(t, l)
		p.own(t)
		p.add(t, "A")
		p.Exec(t, "INSERT INTO "+p.Table("others")+" (listing_key, record_hash, record) VALUES ('B', 1, '{}'), ('C', 1, '{}')")
		if n := p.Count(t, "shown", ""); n != 1 {
			t.Errorf("%d rows at first", n)
		}
		no := errors.New("no")
		if err := migrations.Show(t.Context(), p.db, p.d, p.names(), l, "Shown", "others", refuse(no)); !errors.Is(err, no) {
			t.Errorf("under another's lease: %v", err)
		}
		if err := migrations.Show(t.Context(), p.db, p.d, p.names(), l, "shown", "others", refuse(nil)); err != nil {
			t.Fatal(err)
		}
		if n := p.Count(t, "shown", ""); n != 2 {
			t.Errorf("%d rows of the other table", n)
		}
		if err := migrations.Show(t.Context(), p.db, p.d, p.names(), l, "shown", "others", refuse(no)); err != nil {
			t.Errorf("as it is: %v", err)
		}
		p.up(t, chosenLayout(col("beds", "text")))
		p.Exec(t, "DROP VIEW "+p.Table("shown"))
		p.up(t, chosenLayout(col("beds", "text")))
		if n := p.Count(t, "shown", "beds IS NULL"); n != 2 {
			t.Errorf("%d rows after an upgrade", n)
		}
		for _, x := range [][2]string{{"listing", "others"}, {"shown", "nothing"}, {"nothing", "others"}} {
			if err := migrations.Show(t.Context(), p.db, p.d, p.names(), l, x[0], x[1], nil); err == nil {
				t.Errorf("%v can be shown", x)
			}
		}
	})
}
