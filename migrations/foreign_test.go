package migrations_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/migrations"
)

// Somebody's own table or view of a name that the agent wants is refused and left
// alone, before anything is made; once it is renamed, all is well.
func TestForeignNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, made := range []string{`TABLE "Listings"`, `TABLE listings`, `VIEW rooms`, `VIEW "Listing"`, `VIEW everything`, `TABLE everything`} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %t", made, late), func(t *testing.T) {
				t.Parallel()
				eachPlace(t, func(t *testing.T, p *place) { foreignName(t, p, made, late) })
			})
		}
	}
}

// foreignName tries one; late: in a destination that the agent has, of a layout
// that had not this name yet.
func foreignName(t *testing.T, p *place, made string, late bool) {
	t.Helper()
	kind, name, _ := strings.Cut(made, " ")
	if late {
		p.up(t, migrations.Layout{Tables: []migrations.Table{{Name: "other", Key: []string{"k"}}}})
	}
	p.Exec(t, "CREATE TABLE "+p.Table("theirs")+" (x int)")
	p.Exec(t, "CREATE "+kind+" "+p.Table(name)+" AS SELECT x AS theirs FROM "+p.Table("theirs"))
	_, err := migrations.Up(t.Context(), p.db, p.d, p.names(), twoTables(), nil)
	if !errors.Is(err, migrations.ErrForeign) || !strings.Contains(err.Error(), strings.Trim(name, `"`)) || !strings.Contains(err.Error(), "rename") ||
		p.Postgres && !strings.Contains(err.Error(), "--schema") {
		t.Fatalf("error %v", err)
	}
	p.Strings(t, "SELECT theirs FROM "+p.Table(name))
	if n := len(p.columns(t, "rooms")) + len(p.columns(t, "listings")); n > 2 {
		t.Error("a table was made all the same")
	}
	if len(p.columns(t, "agent_owner")) > 0 && !late {
		t.Error("the agent's own tables were made all the same")
	}
	p.Exec(t, "DROP "+kind+" "+p.Table(name))
	p.up(t, twoTables())
}

// A name in an index of SQLite or a relation of PostgreSQL that is no view takes
// the name as well.
func TestForeignIndexIsRefused(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		db, d := openFor(t, h)
		h.Exec(t, "CREATE TABLE "+h.Table("theirs")+" (x int)")
		index := h.Table("listing")
		if h.Postgres {
			index = "listing"
		}
		h.Exec(t, "CREATE INDEX "+index+" ON "+h.Table("theirs")+" (x)")
		if _, err := migrations.Up(t.Context(), db, d, migrations.Names{Schema: h.Schema}, twoTables(), nil); !errors.Is(err, migrations.ErrForeign) {
			t.Errorf("error %v", err)
		}
	})
}

// An index of the agent's name on somebody's table is not touched.
func TestForeignIndexName(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, migrations.Layout{})
		p.Exec(t, "CREATE TABLE "+p.Table("theirs")+" (x int)")
		p.Exec(t, "CREATE INDEX agent_listings_city ON "+p.Table("theirs")+" (x)")
		if _, err := migrations.Up(t.Context(), p.db, p.d, p.names(), twoTables(), nil); err == nil || !strings.Contains(err.Error(), "agent_listings_city") {
			t.Errorf("error %v", err)
		}
		if len(p.columns(t, "listings")) > 0 {
			t.Error("a table was made without its index")
		}
	})
}

// A destination in which an older agent was refused has a version table and nothing
// else.
func TestVersionTableAlone(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		if err := migrations.UpTo(t.Context(), p.db, p.d, p.names(), migrations.Layout{}, 0); err != nil {
			t.Fatal(err)
		}
		if n := p.Count(t, migrations.VersionTable, ""); n != 1 {
			t.Fatalf("%d versions", n)
		}
		p.up(t, twoTables())
		p.up(t, twoTables())
		if n := p.Count(t, migrations.VersionTable, ""); n != 7 {
			t.Errorf("%d versions", n)
		}
	})
}
