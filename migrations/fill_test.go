package migrations_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/migrations"
)

func (p *place) fill(t *testing.T, l migrations.Layout) migrations.Filled {
	t.Helper()
	f, err := migrations.Fill(t.Context(), p.db, p.d, p.names(), l, 7)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wide is a layout with two columns more.
func wide() migrations.Layout { return twoTables(col("beds", "bigint"), col("pool", "text")) }

// large adds listings in the order A000, A001 and so on, each larger than a third of
// a batch, so that there are about three in one.
func (p *place) large(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		p.Exec(t, "INSERT INTO "+p.Table("listings")+` (listing_key, city, price, record_hash, record) VALUES ($1, 'Ajax', 1.5, $2, $3)`,
			fmt.Sprintf("A%03d", i), i, fmt.Sprintf(`{"beds":%d,"pool":"yes","noise":%q}`, i, strings.Repeat("x", migrations.FillBytes*2/5)))
	}
}

// A column that is added is filled out of what is stored.
func TestFill(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.add(t, "A", "B", "C")
		p.Exec(t, "UPDATE "+p.Table("listings")+` SET record = '{"city":"Ajax"}' WHERE listing_key = 'C'`)
		p.up(t, wide())
		if d := cmp.Diff(migrations.Filled{Table: "listings", Columns: []string{"beds", "pool"}, Rows: 3}, p.fill(t, wide())); d != "" {
			t.Error(d)
		}
		want := [][]string{{"A", "Ajax", "1.5", "0", "yes A"}, {"B", "Ajax", "1.5", "1", "yes B"}, {"C", "Ajax", "1.5", "", ""}}
		if d := cmp.Diff(want, p.Strings(t, "SELECT listing_key, city, price, beds, pool FROM "+p.Table("listing")+" ORDER BY listing_key")); d != "" {
			t.Error(d)
		}
		if f := p.fill(t, wide()); !cmp.Equal(f, migrations.Filled{}) {
			t.Errorf("once more: %+v", f)
		}
	})
}

// Each type of a column takes the form in which Typed gives it.
func TestFillOfEachType(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.Exec(t, "INSERT INTO "+p.Table("listings")+` (listing_key, record_hash, record) VALUES ('A', 1,
			'{"t":"it''s","i":"9007199254740993","n":"-1.25","b":"1","d":"2024-02-29","z":"2024-02-29T23:59:59.123456Z"}')`)
		l := twoTables(col("t", "text"), col("i", "bigint"), col("n", "numeric"), col("b", "boolean"), col("d", "date"), col("z", "timestamptz"))
		p.up(t, l)
		if f := p.fill(t, l); f.Rows != 1 || f.More {
			t.Errorf("%+v", f)
		}
		values, want := "t, i, n, b, d, z", []string{"it's", "9007199254740993", "-1.25", "1", "2024-02-29", "2024-02-29T23:59:59.123456Z"}
		if p.Postgres {
			values, want[3], want[5] = "t, i, n, b::text, d::text, (z AT TIME ZONE 'UTC')::text", "true", "2024-02-29 23:59:59.123456"
		}
		if d := cmp.Diff([][]string{want}, p.Strings(t, "SELECT "+values+" FROM "+p.Table("listings"))); d != "" {
			t.Error(d)
		}
	})
}

// A fill goes on where it was after a batch, whoever does it.
func TestFillGoesOn(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.large(t, 7)
		p.Exec(t, "INSERT INTO "+p.Table("rooms")+` (listing_key, room_key, record_hash, record) VALUES ('A', 'R', 1, '{"room_width":"3"}')`)
		l := wide()
		columns := append(slices.Clone(l.Tables[1].Columns), col("room_width", "numeric"))
		l.Tables[1].Columns, l.Tables[1].Typed = columns, typedBy(columns)
		p.up(t, l)
		f := p.fill(t, l)
		if f.Table != "listings" || !f.More || f.Rows == 0 || f.Rows > 4 {
			t.Fatalf("first batch: %+v", f)
		}
		if n := p.Count(t, "listings", "beds IS NOT NULL"); n != f.Rows {
			t.Errorf("%d rows are filled, of %d", n, f.Rows)
		}
		// Whatever is done again is seen.
		p.Exec(t, "UPDATE "+p.Table("listings")+" SET beds = NULL")
		again := &place{p.Database, nil, p.d}
		again.db, _ = openFor(t, p.Database)
		again.up(t, l) // as each start does
		rows := f.Rows
		for f.More && f.Table == "listings" {
			f = again.fill(t, l)
			if f.Table == "listings" {
				rows += f.Rows
			}
		}
		if rows != 7 {
			t.Errorf("%d rows in all", rows)
		}
		if n := p.Count(t, "listings", "beds IS NULL"); n < 1 || n > 4 {
			t.Errorf("%d rows were done before", n)
		}
		for f.More {
			f = again.fill(t, l)
		}
		if f.Table != "rooms" || p.Count(t, "rooms", "room_width = 3") != 1 {
			t.Errorf("the other table: %+v", f)
		}
	})
}

// A fill of other columns than one that is under way does all rows.
func TestFillBeginsAgain(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.large(t, 4)
		p.up(t, twoTables(col("beds", "bigint")))
		if f := p.fill(t, twoTables(col("beds", "bigint"))); !f.More {
			t.Fatalf("%+v", f)
		}
		p.up(t, wide())
		for f := p.fill(t, wide()); f.More; {
			f = p.fill(t, wide())
		}
		if n := p.Count(t, "listings", "beds IS NOT NULL AND pool = 'yes'"); n != 4 {
			t.Errorf("%d rows are right", n)
		}
	})
}

// An agent that does not know a column writes rows without it: they are filled once
// one that knows it is back.
func TestFillAfterAnOlderAgent(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, wide())
		p.own(t)
		p.up(t, twoTables())
		p.add(t, "A", "B")
		p.up(t, wide())
		if f := p.fill(t, wide()); f.Rows != 2 || f.More {
			t.Errorf("%+v", f)
		}
		if n := p.Count(t, "listings", "pool = 'yes A'"); n != 1 {
			t.Error("not filled")
		}
	})
}

// The same in the middle of a fill: the place of it is worth nothing any more.
func TestFillAfterAnOlderAgentBetween(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.large(t, 4)
		p.up(t, wide())
		if f := p.fill(t, wide()); !f.More {
			t.Fatalf("%+v", f)
		}
		p.up(t, twoTables())
		p.add(t, "0 before all")
		p.up(t, wide())
		for f := p.fill(t, wide()); f.More; {
			f = p.fill(t, wide())
		}
		if n := p.Count(t, "listings", "pool IS NULL"); n != 0 {
			t.Errorf("%d rows are not filled", n)
		}
	})
}

// A column of a type that is stored alike is read again in place; one of another
// type is made again, behind the others.
func TestFillOfAnotherType(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		old := twoTables(col("beds", "text"))
		old.Tables[0].Indexes = append(old.Tables[0].Indexes, migrations.Index{Name: "agent_listings_beds", Columns: []string{"beds"}})
		p.up(t, old)
		p.own(t)
		p.add(t, "A")
		if p.Postgres {
			p.Exec(t, "GRANT SELECT ON "+p.Table("listing")+" TO PUBLIC")
		}
		l := twoTables(col("beds", "bigint"))
		l.Tables[0].Indexes = append(l.Tables[0].Indexes, migrations.Index{Name: "agent_listings_beds", Columns: []string{"beds"}})
		p.up(t, l)
		if f := p.fill(t, l); f.Rows != 1 || !slices.Equal(f.Columns, []string{"beds"}) {
			t.Errorf("%+v", f)
		}
		if n := p.Count(t, "listing", "beds + 1 = 1"); n != 1 {
			t.Error("not filled")
		}
		if p.Postgres {
			if n := p.Int(t, "SELECT count(*) FROM information_schema.role_table_grants WHERE table_schema = $1 AND table_name = 'listing' AND grantee = 'PUBLIC'", p.Schema); n != 1 {
				t.Error("the grant is gone")
			}
		}
	})
}

// A record that somebody has spoilt keeps no other from its values.
func TestFillOfASpoiltRecord(t *testing.T) {
	t.Parallel()
	h := harness.NewSQLite(t) // PostgreSQL takes nothing that is no JSON
	db, d := openFor(t, h)
	p := &place{h, db, d}
	p.up(t, twoTables())
	p.own(t)
	p.add(t, "A", "B", "C")
	p.Exec(t, "UPDATE listings SET record = '{\"beds\":' WHERE listing_key = 'B'")
	p.up(t, wide())
	if f := p.fill(t, wide()); f.Rows != 3 || f.Spoilt != 1 || f.More {
		t.Errorf("%+v", f)
	}
	if n := p.Count(t, "listings", "pool IS NOT NULL"); n != 2 {
		t.Errorf("%d rows are filled, want the other 2", n)
	}
}

// A column that is read in another way is read again for every row, once, and keeps
// the values of before until then; somebody's own type of it stays.
func TestFillOfAnotherReading(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.add(t, "A", "B")
		p.Exec(t, "UPDATE "+p.Table("listings")+" SET city = 'as it was read'")
		if p.Postgres {
			p.Exec(t, "DROP VIEW "+p.Table("listing"))
			p.Exec(t, "ALTER TABLE "+p.Table("listings")+" ALTER COLUMN city TYPE varchar(40)")
		}
		l := twoTables()
		l.Tables[0].Columns[0].Reading = 1
		p.up(t, l)
		if n := p.Count(t, "listings", "city = 'as it was read'"); n != 2 {
			t.Errorf("%d of 2 rows have their values still", n)
		}
		if f := p.fill(t, l); f.Rows != 2 || !slices.Equal(f.Columns, []string{"city"}) {
			t.Errorf("%+v", f)
		}
		if n := p.Count(t, "listings", "city = 'Ajax'"); n != 2 {
			t.Errorf("%d of 2 rows are read again", n)
		}
		p.up(t, l)
		if f := p.fill(t, l); f.Rows != 0 {
			t.Errorf("once more: %+v", f)
		}
	})
}

// What a sync has written since the batch was read stays.
func TestFillLeavesNewerRows(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		if !p.Postgres {
			p.Exec(t, "PRAGMA journal_mode = WAL") // as the agent has it, so that one writes while another reads
		}
		p.up(t, twoTables())
		p.own(t)
		p.add(t, "A", "B", "C")
		l := wide()
		p.up(t, l)
		read := l.Tables[0].Typed
		written := false
		l.Tables[0].Typed = func(body []byte) ([]*string, error) {
			if !written {
				written = true
				// As a sync writes: another hash, all columns.
				p.Exec(t, "UPDATE "+p.Table("listings")+` SET beds = 100, pool = 'newer', record_hash = 99 WHERE listing_key = 'B'`)
				p.Exec(t, "DELETE FROM "+p.Table("listings")+` WHERE listing_key = 'C'`)
			}
			return read(body)
		}
		p.fill(t, l)
		want := [][]string{{"A", "0", "yes A"}, {"B", "100", "newer"}}
		if d := cmp.Diff(want, p.Strings(t, "SELECT listing_key, beds, pool FROM "+p.Table("listings")+" ORDER BY listing_key")); d != "" {
			t.Error(d)
		}
	})
}

// A row that a sync is about to write is waited for, and left as it is then.
func TestFillWaitsForARow(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		if !p.Postgres {
			t.Skip("there is one writer at a time")
		}
		p.up(t, twoTables())
		p.own(t)
		p.add(t, "A", "B")
		p.up(t, wide())
		tx, err := p.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(t.Context(), "UPDATE "+p.Table("listings")+" SET beds = 100, pool = 'newer', record_hash = 99 WHERE listing_key = 'A'"); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := migrations.Fill(context.WithoutCancel(t.Context()), p.db, p.d, p.names(), wide(), 7)
			done <- err
		}()
		for deadline := time.Now().Add(2 * time.Second); ; {
			if p.Int(t, "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted AND query LIKE 'UPDATE listings%'") > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nobody waits")
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][]string{{"100", "newer"}, {"1", "yes B"}}, p.Strings(t, "SELECT beds, pool FROM "+p.Table("listings")+" ORDER BY listing_key")); d != "" {
			t.Error(d)
		}
	})
}

// Who has lost the claim fills nothing.
func TestFillIsTheOwners(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.add(t, "A")
		p.up(t, wide())
		for _, owned := range []bool{false, true} {
			if owned {
				p.own(t)
			}
			if _, err := migrations.Fill(t.Context(), p.db, p.d, p.names(), wide(), 6); !errors.Is(err, migrations.ErrClaimLost) {
				t.Errorf("owned %t: %v", owned, err)
			}
		}
		if n := p.Count(t, "listings", "pool IS NOT NULL"); n != 0 {
			t.Error("it was filled")
		}
		p.fill(t, wide())
		if n := p.Count(t, "listings", "pool IS NOT NULL"); n != 1 {
			t.Error("it was not filled")
		}
	})
}

// Tables without rows are done with at once.
func TestFillOfNoRows(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p *place) {
		p.up(t, twoTables())
		p.own(t)
		p.up(t, wide())
		if f := p.fill(t, wide()); !cmp.Equal(f, migrations.Filled{}) {
			t.Errorf("%+v", f)
		}
		p.add(t, "A") // by who knows the columns
		if f := p.fill(t, wide()); !cmp.Equal(f, migrations.Filled{}) {
			t.Errorf("once more: %+v", f)
		}
	})
}

// Behind a pooler, statements are sent without being prepared.
func TestFillBehindAPooler(t *testing.T) {
	t.Parallel()
	h := harness.NewPostgres(t)
	db, err := sql.Open("pgx", pgtest.Pooler(t, h.URL)+"&default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	p := &place{h, db, migrations.Postgres}
	p.up(t, twoTables())
	p.own(t)
	p.add(t, "A", "B")
	p.up(t, wide())
	if f := p.fill(t, wide()); f.Rows != 2 || p.Count(t, "listing", "beds = 1 AND pool = 'yes B'") != 1 {
		t.Errorf("%+v", f)
	}
}
