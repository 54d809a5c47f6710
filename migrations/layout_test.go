package migrations_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/harness"
	"resoagent/migrations"
)

// typedBy reads fields of the columns' names out of a record.
func typedBy(columns []migrations.Column) func([]byte) ([]*string, error) {
	return func(body []byte) ([]*string, error) {
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, err
		}
		out := make([]*string, len(columns))
		for i, c := range columns {
			if v, ok := fields[c.Name]; ok {
				text := fmt.Sprint(v)
				out[i] = &text
			}
		}
		return out, nil
	}
}

// listings is a table of the layout of tests.
func listings(columns ...migrations.Column) migrations.Table {
	return migrations.Table{
		Name: "listings", Key: []string{"listing_key"}, Columns: columns, Typed: typedBy(columns),
		Indexes: []migrations.Index{{Name: "agent_listings_city", Columns: []string{"city"}}, {Name: "agent_listings_changed", Columns: []string{"record_timestamp", "listing_key"}, Where: "city IS NOT NULL"}},
	}
}

func rooms() migrations.Table {
	columns := []migrations.Column{col("room_type", "text"), col("room_level", "text")}
	return migrations.Table{Name: "rooms", Key: []string{"listing_key", "room_key"}, Columns: columns, Typed: typedBy(columns)}
}

// twoTables is a layout of a listing table, shown by two views, and a child table.
func twoTables(columns ...migrations.Column) migrations.Layout {
	return migrations.Layout{
		Tables: []migrations.Table{listings(append([]migrations.Column{col("city", "text"), col("price", "numeric")}, columns...)...), rooms()},
		Views: []migrations.View{
			{Name: "listing", Table: "listings", Tail: []string{"record_timestamp AS modification_timestamp", "record"}},
			{Name: "Everything", Table: "rooms", Tail: []string{"record"}},
		},
	}
}

func col(name, typ string) migrations.Column { return migrations.Column{Name: name, Type: typ} }

// openFor opens a destination the way the agent does.
func openFor(tb testing.TB, h *harness.Database) (*sql.DB, migrations.Dialect) {
	tb.Helper()
	driver, url, d := "sqlite", "file:"+strings.TrimPrefix(h.URL, "sqlite:")+"?_pragma=busy_timeout(5000)&_txlock=immediate", migrations.SQLite
	if h.Postgres {
		driver, url, d = "pgx", h.URL, migrations.Postgres
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db, d
}

// place is a destination of a test.
type place struct {
	*harness.Database
	db *sql.DB
	d  migrations.Dialect
}

func eachPlace(t *testing.T, test func(*testing.T, *place)) {
	t.Helper()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		db, d := openFor(t, h)
		test(t, &place{h, db, d})
	})
}

func (p *place) names() migrations.Names {
	if p.d == migrations.SQLite {
		return migrations.Names{}
	}
	return migrations.Names{Schema: p.Schema}
}

func (p *place) up(t *testing.T, l migrations.Layout) {
	t.Helper()
	if _, err := migrations.Up(t.Context(), p.db, p.d, p.names(), l, nil); err != nil {
		t.Fatal(err)
	}
}

// columns are a table's or view's in their order, with types as the dialect has them.
func (p *place) columns(t *testing.T, name string) []string {
	t.Helper()
	out, err := migrations.ColumnsOf(t.Context(), p.db, p.d, p.Schema, name)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// own makes the destination that of incarnation 7, whose lease runs.
func (p *place) own(t *testing.T) {
	t.Helper()
	until := "now() + interval '1 hour'"
	if p.d == migrations.SQLite {
		until = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 hour')"
	}
	p.Exec(t, "INSERT INTO "+p.Table("agent_owner")+" (id, state_id, host, state_dir, incarnation, lease_until) VALUES (1, 'me', 'here', '/state', 7, "+until+")")
}

func refuse(err error) migrations.Claim {
	return func(migrations.Owned, time.Duration) error { return err }
}

// add writes rows that an agent of the first two columns has written.
func (p *place) add(t *testing.T, keys ...string) {
	t.Helper()
	for i, key := range keys {
		p.Exec(t, "INSERT INTO "+p.Table("listings")+` (listing_key, city, price, record_hash, record) VALUES ($1, 'Ajax', 1.5, $2, $3)`,
			key, i, fmt.Sprintf(`{"city":"Ajax","price":1.5,"beds":%d,"pool":"yes %s"}`, i, key))
	}
}

func TestLayoutOfANewDatabase(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		if d := cmp.Diff([]string{"listing_key", "city", "price", "record_timestamp", "record_hash", "record"}, p.columns(t, "listings")); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"listing_key", "city", "price", "modification_timestamp", "record"}, p.columns(t, "listing")); d != "" {
			t.Error(d)
		}
		p.add(t, "A")
		if got := p.Strings(t, "SELECT listing_key, city, price FROM "+p.Table("listing")); !slices.Equal(got[0], []string{"A", "Ajax", "1.5"}) {
			t.Error(got)
		}
		if n := p.Count(t, "Everything", ""); n != 0 {
			t.Error(n)
		}
		indexes := "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
		if p.Postgres {
			indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = '" + p.Schema + "' AND tablename = 'listings' AND indexname LIKE 'agent%'"
		}
		if n := p.Int(t, indexes); n != 2 {
			t.Errorf("%d indexes", n)
		}
		for _, bad := range []string{"(record_hash, record) VALUES (1, '{}')", "(listing_key, record) VALUES ('B', '{}')", "(listing_key, record_hash) VALUES ('B', 1)"} {
			if _, err := p.db.ExecContext(t.Context(), "INSERT INTO "+p.Table("listings")+" "+bad); err == nil {
				t.Errorf("a row is taken: %s", bad)
			}
		}
		f, err := migrations.Fill(t.Context(), p.db, p.d, p.names(), twoTables(), 1)
		if err != nil || !cmp.Equal(f, migrations.Filled{}) {
			t.Errorf("fill of a new table: %+v, %v", f, err)
		}
	})
}

// A table that agents before did not compress is compressed from now on.
func TestRecordsAreCompressedByLZ4(t *testing.T) {
	t.Parallel()
	h := harness.NewPostgres(t)
	db, d := openFor(t, h)
	p := &place{h, db, d}
	if has, err := migrations.HasLZ4(t.Context(), db); err != nil || !has {
		t.Skipf("the server has no lz4 (%v)", err)
	}
	compression := func() string {
		return p.Strings(t, "SELECT attcompression::text FROM pg_attribute WHERE attrelid = '"+p.Table("listings")+"'::regclass AND attname = 'record'")[0][0]
	}
	p.up(t, twoTables())
	if c := compression(); c != "l" {
		t.Errorf("new table: %q", c)
	}
	p.Exec(t, "ALTER TABLE "+p.Table("listings")+" ALTER COLUMN record SET COMPRESSION pglz")
	p.up(t, twoTables())
	if c := compression(); c != "l" {
		t.Errorf("old table: %q", c)
	}
}

// Where nothing is to be done, nobody is asked and nothing is locked; where something
// is, and the owner is at work, nothing is changed.
func TestUpAsksTheOwner(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		no, asked := errors.New("no"), 0
		claim := func(row migrations.Owned, leased time.Duration) error {
			asked++
			if row != (migrations.Owned{StateID: "me", Host: "here", StateDir: "/state", Incarnation: 7}) || leased < 50*time.Minute || leased > time.Hour {
				t.Errorf("asked about %+v with a lease of %s", row, leased)
			}
			return no
		}
		up := func(l migrations.Layout) error {
			_, err := migrations.Up(t.Context(), p.db, p.d, p.names(), l, claim)
			return err
		}
		more := twoTables(col("beds", "bigint"))
		if err := up(twoTables()); err != nil {
			t.Error(err)
		}
		p.own(t)
		if err := up(twoTables()); err != nil || asked > 0 {
			t.Errorf("nothing to do: asked %d times, %v", asked, err)
		}
		if err := up(more); err != no || asked != 1 { //nolint:errorlint // as it is
			t.Errorf("asked %d times, %v", asked, err)
		}
		if slices.Contains(p.columns(t, "listings"), "beds") {
			t.Error("a column was added all the same")
		}
		p.Exec(t, "DROP INDEX "+p.Table("agent_listings_city"))
		if err := up(twoTables()); err != no || asked != 2 { //nolint:errorlint // as it is
			t.Errorf("a missing index: asked %d times, %v", asked, err)
		}
		no = nil
		if err := up(more); err != nil {
			t.Error(err)
		}
		if err := up(more); err != nil || asked != 4 { // columns and views; the index
			t.Errorf("asked %d times, %v", asked, err)
		}
	})
}

// While tables are changed nobody can claim them.
func TestOwnersRowIsLocked(t *testing.T) {
	t.Parallel()
	h := harness.NewPostgres(t)
	db, d := openFor(t, h)
	p := &place{h, db, d}
	p.up(t, twoTables())
	p.own(t)
	asked := false
	_, err := migrations.Up(t.Context(), db, d, p.names(), twoTables(col("beds", "bigint")), func(migrations.Owned, time.Duration) error {
		asked = true
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "SELECT 1 FROM "+p.Table("agent_owner")+" FOR UPDATE NOWAIT")
		if err == nil || !strings.Contains(err.Error(), "55P03") {
			t.Errorf("the row can be locked: %v", err)
		}
		return nil
	})
	if err != nil || !asked {
		t.Error(asked, err)
	}
}

// A table that is in use is not waited for for ever.
func TestUpWaitsBriefly(t *testing.T) {
	t.Parallel()
	h := harness.NewPostgres(t)
	db, d := openFor(t, h)
	p := &place{h, db, d}
	p.up(t, twoTables())
	p.Hold(t, "SELECT count(*) FROM "+p.Table("listings"))
	_, err := migrations.Up(t.Context(), db, d, p.names(), twoTables(col("beds", "bigint")), nil)
	if err == nil || !strings.Contains(err.Error(), "55P03") {
		t.Errorf("error %v", err)
	}
}

// Several agents that come at once to a new destination make one.
func TestUpAtOnce(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		errs := make(chan error)
		for range 4 {
			db, d := openFor(t, p.Database)
			go func() {
				_, err := migrations.Up(t.Context(), db, d, p.names(), twoTables(), nil)
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := p.Count(t, migrations.VersionTable, ""); n != 7 {
			t.Errorf("%d versions", n)
		}
		if n := p.Count(t, "listing", ""); n != 0 {
			t.Error(n)
		}
	})
}
