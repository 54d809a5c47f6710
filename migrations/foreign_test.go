package migrations

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"resoagent/internal/harness"
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
		p.up(t, Layout{Tables: []Table{{Name: "other", Key: []string{"k"}}}})
	}
	p.Exec(t, "CREATE TABLE "+p.Table("theirs")+" (x int)")
	p.Exec(t, "CREATE "+kind+" "+p.Table(name)+" AS SELECT x AS theirs FROM "+p.Table("theirs"))
	_, err := Up(t.Context(), p.db, p.d, p.names(), twoTables(), nil)
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), strings.Trim(name, `"`)) || !strings.Contains(err.Error(), "rename") ||
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
		if _, err := Up(t.Context(), db, d, Names{Schema: h.Schema}, twoTables(), nil); !errors.Is(err, ErrForeign) {
			t.Errorf("error %v", err)
		}
	})
}

// An index of the agent's name on somebody's table is not touched.
func TestForeignIndexName(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, Layout{})
		p.Exec(t, "CREATE TABLE "+p.Table("theirs")+" (x int)")
		p.Exec(t, "CREATE INDEX agent_listings_city ON "+p.Table("theirs")+" (x)")
		if _, err := Up(t.Context(), p.db, p.d, p.names(), twoTables(), nil); err == nil || !strings.Contains(err.Error(), "agent_listings_city") {
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
		provider, err := provider(t.Context(), p.db, p.d, p.names(), Layout{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.GetDBVersion(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := p.Count(t, versionTable, ""); n != 1 {
			t.Fatalf("%d versions", n)
		}
		p.up(t, twoTables())
		p.up(t, twoTables())
		if n := p.Count(t, versionTable, ""); n != latest(p.d)+1 {
			t.Errorf("%d versions", n)
		}
	})
}
