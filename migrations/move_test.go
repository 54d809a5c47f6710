package migrations_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/record"
	"resoagent/migrations"
)

// older is the destination of an older agent.
type older struct {
	*harness.Database
	db     *sql.DB
	d      migrations.Dialect
	layout migrations.Layout
	shape  *record.Shape
}

func newOlder(tb testing.TB, h *harness.Database, version int64) *older {
	tb.Helper()
	o := &older{Database: h, layout: catalog.All().Layout(), shape: shape("vow_property")}
	o.db, o.d = openFor(tb, h)
	if err := migrations.UpTo(tb.Context(), o.db, o.d, o.names(), o.layout, version); err != nil {
		tb.Fatal(err)
	}
	return o
}

func (o *older) names() migrations.Names { return migrations.Names{Schema: o.Schema} }

func shape(stream string) *record.Shape {
	all := catalog.All()
	for i := range all {
		if all[i].Name == stream {
			return all[i].Shape()
		}
	}
	return nil
}

// put writes a listing as the older agent did: the typed columns follow VOW where
// there is a copy of it. "" is no copy.
func (o *older) put(tb testing.TB, key, idx, vow string) {
	tb.Helper()
	columns, args := []string{"listing_key"}, []any{key}
	typed := vow
	for feed, body := range map[string]string{"idx": idx, "vow": vow} {
		if body == "" {
			continue
		}
		if typed == "" {
			typed = body
		}
		columns = append(columns, feed+"_timestamp", feed+"_hash", feed)
		args = append(args, "2026-03-29T01:30:00.123456Z", len(body)+int(feed[0]), body)
	}
	values, err := o.layout.Tables[0].Typed([]byte(typed))
	if err != nil {
		tb.Fatal(err)
	}
	for i, v := range values {
		if v != nil && migrations.OldType("property", o.layout.Tables[0].Columns[i].Name) != "" {
			columns, args = append(columns, o.layout.Tables[0].Columns[i].Name), append(args, *v)
		}
	}
	var places []string
	for i := range args {
		place := "?"
		if o.Postgres {
			place = fmt.Sprintf("$%d", i+1)
			args[i] = fmt.Sprint(args[i])
		}
		places = append(places, place)
	}
	o.Exec(tb, "INSERT INTO "+o.Table("property")+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(places, ", ")+")", args...)
}

func (o *older) up(tb testing.TB) {
	tb.Helper()
	result, err := migrations.Up(tb.Context(), o.db, o.d, o.names(), o.layout, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if result.To < 6 {
		tb.Fatalf("version %d", result.To)
	}
}

// copies are the listings of a feed, by key: timestamp, hash and JSON.
func (o *older) copies(tb testing.TB, table, feed string) [][]string {
	tb.Helper()
	columns := []string{feed + "_timestamp", feed + "_hash", feed}
	if feed == "record" {
		columns[2] = "record"
	}
	return o.Strings(tb, fmt.Sprintf("SELECT listing_key, CAST(%s AS text), CAST(%s AS text), CAST(%s AS text) FROM %s WHERE %[3]s IS NOT NULL ORDER BY 1",
		columns[0], columns[1], columns[2], o.Table(table)))
}

// kinds are databases of all kinds: key, IDX copy, VOW copy.
func kinds() map[string][][3]string {
	const a, b = `{"ListingKey":"A","ListPrice":1.0,"City":"Ajax","StandardStatus":"Active","Latitude":43.5,"Longitude":-79.25}`,
		`{"ListingKey":"A","ListPrice":2.50,"City":"Leakville","StandardStatus":"Closed","CloseDate":"2026-01-31"}`
	both := [][3]string{{"A", a, b}, {"B", b, ""}, {"C", "", a}, {"D", b, b}}
	for i, value := range oddValues() {
		odd := oddRecord(value)
		key := fmt.Sprintf("ODD%03d", i)
		both = append(both, [3]string{key, odd, a}, [3]string{key + "V", b, odd}, [3]string{key + "I", odd, ""})
	}
	large := `{"PublicRemarks":"` + strings.Repeat("many words ", 300<<10) + `","City":"Ajax"}` // 3 MiB
	for i := range 3 {
		both = append(both, [3]string{fmt.Sprintf("LARGE%d", i), large, b})
	}
	return map[string][][3]string{
		"none": nil,
		"idx":  {{"A", a, ""}, {"B", b, ""}},
		"vow":  {{"A", "", a}, {"B", "", b}},
		"both": both,
	}
}

func oddRecord(value string) string {
	var b strings.Builder
	b.WriteString(`{"ListingKey":"ODD"`)
	for _, c := range shape("idx_property").Columns {
		fmt.Fprintf(&b, `,%q:%s`, c.Field, value)
	}
	return b.String() + "}"
}

// Each copy becomes a row of its feed's table, with its hash and timestamp, and with
// the typed columns that a sync would write; from each version on.
func TestMoveGivesEachFeedATable(t *testing.T) {
	t.Parallel()
	for version := int64(1); version < 6; version++ {
		for kind, rows := range kinds() {
			if version > 1 && version < 5 {
				if kind != "both" {
					continue // they differ from the fifth in nothing that is moved
				}
				rows = rows[:4]
			}
			t.Run(fmt.Sprintf("%d %s", version, kind), func(t *testing.T) {
				harness.Each(t, func(t *testing.T, h *harness.Database) {
					o := newOlder(t, h, version)
					for _, r := range rows {
						o.put(t, r[0], r[1], r[2])
					}
					o.moved(t)
				})
			})
		}
	}
}

// moved moves and holds what is there then against what was there.
func (o *older) moved(t *testing.T) {
	t.Helper()
	idx, vow := o.copies(t, "property", "idx"), o.copies(t, "property", "vow")
	o.up(t)
	o.fillNewer(t)
	for table, want := range map[string][][]string{"idx_property": idx, "vow_property": vow} {
		if diff := cmp.Diff(want, o.copies(t, table, "record")); diff != "" {
			t.Errorf("%s (-was +is):\n%.2000s", table, diff)
		}
		if n := harness.Typed(t, o.Database, shape(table)); n != len(want) {
			t.Errorf("%d rows in %s, want %d", n, table, len(want))
		}
		view := strings.TrimSuffix(table, "_property") + "_listing"
		if n := o.Count(t, view, ""); n != int64(len(want)) {
			t.Errorf("%d rows in %s, want %d", n, view, len(want))
		}
		stays := o.Table(table)
		for _, column := range []string{"record", "record_hash"} {
			if _, err := o.db.ExecContext(t.Context(), "UPDATE "+stays+" SET "+column+" = NULL"); err == nil && len(want) > 0 {
				t.Errorf("%s takes a row without %s", table, column)
			}
		}
	}
	if s, err := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout); err != nil || s.Version != s.Latest || s.Pending || len(s.Missing)+len(s.Foreign)+len(s.Obstacles) > 0 {
		t.Errorf("it stands %+v, %v", s, err)
	}
	leftovers := `SELECT name FROM sqlite_master WHERE name LIKE 'agent__dx_%' AND name NOT LIKE 'agent__dx_property%'`
	if o.Postgres {
		leftovers = `SELECT relname FROM pg_class WHERE relname ~ '^agent_(idx|vow)_(search|map|changed)$' AND relnamespace = '` + o.Schema + `'::regnamespace
			UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'agent%' AND pronamespace = '` + o.Schema + `'::regnamespace`
	}
	if left := o.Strings(t, leftovers); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	o.up(t)
}

// fillNewer fills what the catalogue has got since version 6. Of what was there before
// the move leaves nothing to do.
func (o *older) fillNewer(t *testing.T) {
	t.Helper()
	o.Exec(t, "INSERT INTO "+o.Table("agent_owner")+" (id, state_id, host, state_dir, incarnation) VALUES (1, 'me', 'here', '/state', 7)")
	for more := true; more; {
		done, err := migrations.Fill(t.Context(), o.db, o.d, o.names(), o.layout, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range done.Columns {
			if migrations.OldType(done.Table, c) != "" {
				t.Errorf("the move has left %s of %s to be filled", c, done.Table)
			}
		}
		more = done.More
	}
}

// The view Property shows VOW once that was complete, and never an empty table
// while the other has rows.
func TestMoveChoosesWhatPropertyShows(t *testing.T) {
	t.Parallel()
	const a = `{"ListPrice":1}`
	for _, x := range []struct {
		name     string
		idx, vow int
		state    string
		want     int64
	}{
		{"finished", 3, 2, `{"last_finished_at":"2026-01-01T00:00:00Z"}`, 2},
		{"under way", 3, 2, `{"pass":{}}`, 3},
		{"no state", 3, 2, "", 3},
		{"finished and emptied", 3, 0, `{"last_finished_at":"2026-01-01T00:00:00Z"}`, 3},
		{"under way alone", 0, 2, `{"pass":{}}`, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, h *harness.Database) {
				o := newOlder(t, h, 5)
				for i := range 3 {
					idx, vow := "", ""
					if i < x.idx {
						idx = a
					}
					if i < x.vow {
						vow = a
					}
					if idx+vow != "" {
						o.put(t, fmt.Sprint("K", i), idx, vow)
					}
				}
				if x.state != "" {
					o.Exec(t, `INSERT INTO `+o.Table("agent_position")+` (stream, sequence, incarnation, position_timestamp, position_key, fingerprint, state, updated_at)
						VALUES ('vow_property', 1, 1, '', '', '', '`+x.state+`', '2026-01-01T00:00:00Z')`)
				}
				o.up(t)
				if n := o.Count(t, "property", ""); n != x.want {
					t.Errorf("Property shows %d listings, want %d", n, x.want)
				}
			})
		})
	}
}

// Another's lease that still runs keeps everything as it is, from each version on.
func TestMoveAsksTheOwner(t *testing.T) {
	t.Parallel()
	for _, version := range []int64{1, 5} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			harness.Each(t, func(t *testing.T, h *harness.Database) { movesForItsOwnerAlone(t, newOlder(t, h, version), version) })
		})
	}
}

func movesForItsOwnerAlone(t *testing.T, o *older, version int64) {
	t.Helper()
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	lease := "now() + interval '1 minute'"
	if !o.Postgres {
		lease = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+1 minute')"
	}
	o.Exec(t, `INSERT INTO `+o.Table("agent_owner")+` (id, state_id, host, state_dir, incarnation, lease_until) VALUES (1, 's', 'other', '/d', 7, `+lease+`)`)
	theirs := errors.New("it is theirs")
	var row migrations.Owned
	var leased time.Duration
	claim := func(r migrations.Owned, l time.Duration) error { row, leased = r, l; return theirs }
	_, err := migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, claim)
	if !errors.Is(err, theirs) || row != (migrations.Owned{StateID: "s", Host: "other", StateDir: "/d", Incarnation: 7}) || leased < 30*time.Second || leased > time.Minute {
		t.Fatalf("%v, asked of %+v, %v", err, row, leased)
	}
	if s, err := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout); err != nil || s.Version != version {
		t.Errorf("version %d, %v", s.Version, err)
	}
	if n := o.Count(t, "property", "idx IS NOT NULL AND vow IS NOT NULL"); n != 1 {
		t.Errorf("%d listings of both feeds", n)
	}
	claim = func(migrations.Owned, time.Duration) error { return nil }
	if _, err := migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, claim); err != nil {
		t.Error(err)
	}
}

// A disk that is too small is told with numbers, and nothing is changed.
func TestMoveNeedsRoom(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		o := newOlder(t, h, 5)
		o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
		names := o.names()
		names.Room = func(context.Context) (int64, string, bool) { return 1000, "/small", true }
		_, err := migrations.Up(t.Context(), o.db, o.d, names, o.layout, nil)
		if !errors.Is(err, migrations.ErrRoom) || !strings.Contains(err.Error(), "/small") || !strings.Contains(err.Error(), "MB") {
			t.Fatalf("error %v", err)
		}
		if n := o.Count(t, "property", "idx IS NOT NULL AND vow IS NOT NULL"); n != 1 {
			t.Errorf("%d listings of both feeds", n)
		}
		names.Room = func(context.Context) (int64, string, bool) { return 0, "", false }
		if _, err := migrations.Up(t.Context(), o.db, o.d, names, o.layout, nil); err != nil {
			t.Error(err)
		}
	})
}

// Behind a pooler in transaction mode nothing of a session is relied on, and time
// limits that role or database have do not count.
func TestMoveBehindAPooler(t *testing.T) {
	t.Parallel()
	h := harness.NewPostgres(t)
	o := newOlder(t, h, 5)
	for _, r := range kinds()["both"] {
		o.put(t, r[0], r[1], r[2])
	}
	for _, x := range []struct{ url, more string }{{o.URL, "statement_timeout=5&lock_timeout=5"}, {pgtest.Pooler(t, o.URL), "default_query_exec_mode=exec"}} {
		link := x.url + "?"
		if strings.Contains(x.url, "?") {
			link = x.url + "&"
		}
		db, err := sql.Open("pgx", link+x.more)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o.db = db
		if strings.HasPrefix(x.more, "statement") {
			refuses := errors.New("rolled back")
			err := migrations.MoveAndThen(t.Context(), db, o.d, o.names(), o.layout, refuses)
			if !errors.Is(err, refuses) {
				t.Errorf("under time limits: %v", err)
			}
			continue
		}
		o.moved(t)
	}
}

// A function that somebody uses stays; the others go.
func TestMoveLeavesFunctionsInUse(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewPostgres(t), 5)
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	o.Exec(t, `CREATE VIEW `+o.Table("theirs")+` AS SELECT `+o.Table("agent_number")+`('"12"'::jsonb) AS n`)
	o.up(t)
	left := o.Strings(t, `SELECT proname FROM pg_proc WHERE proname LIKE 'agent%' AND pronamespace = '`+o.Schema+`'::regnamespace`)
	if len(left) != 1 || left[0][0] != "agent_number" || o.Int(t, `SELECT n FROM `+o.Table("theirs")) != 12 {
		t.Errorf("left are %v", left)
	}
}

// Somebody's own table of one of the new names is left alone, and nothing is moved.
func TestMoveTakesNoNames(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		for _, name := range []string{"idx_property", "vow_property"} {
			o := newOlder(t, h, 5)
			o.Exec(t, `CREATE TABLE `+o.Table(name)+` (x int)`)
			_, err := migrations.Up(t.Context(), o.db, o.d, o.names(), o.layout, nil)
			s, looked := migrations.Look(t.Context(), o.db, o.d, o.names(), o.layout)
			if !errors.Is(err, migrations.ErrForeign) || looked != nil || len(s.Foreign) != 1 || s.Foreign[0] != name || s.Version != 5 {
				t.Errorf("%s: %v; %+v, %v", name, err, s, looked)
			}
			o.Exec(t, `DROP TABLE `+o.Table(name))
		}
	})
}

// A copy that somebody has made unreadable goes with the others, without values.
func TestMoveOfSpoiltCopies(t *testing.T) {
	t.Parallel()
	o := newOlder(t, harness.NewSQLite(t), 5)
	o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
	o.put(t, "B", `{"ListPrice":1}`, `{"ListPrice":2}`)
	o.Exec(t, `UPDATE Property SET idx = '{"ListPr' WHERE listing_key = 'A'`)
	o.up(t)
	if rows := o.Strings(t, `SELECT coalesce(list_price, 'null'), record FROM idx_property ORDER BY listing_key`); rows[0][0] != "null" || rows[0][1] != `{"ListPr` || !strings.HasPrefix(rows[1][0], "1") {
		t.Errorf("%v", rows)
	}
}

// A copy without a hash, which no agent writes, is one that differs from all.
func TestMoveOfCopiesWithoutHash(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, h *harness.Database) {
		o := newOlder(t, h, 5)
		o.put(t, "A", `{"ListPrice":1}`, `{"ListPrice":2}`)
		o.Exec(t, `UPDATE `+o.Table("property")+` SET idx_hash = NULL, vow_hash = NULL`)
		o.up(t)
		for _, table := range []string{"idx_property", "vow_property"} {
			if n := o.Count(t, table, "record_hash = 0"); n != 1 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
	})
}
