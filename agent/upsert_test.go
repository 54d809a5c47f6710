package agent

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/postgres"
	"resoagent/internal/record"
	"resoagent/internal/sqlite"
	"resoagent/keyset"
)

// written is a destination of a test that is claimed, and the groups that it has
// been given.
type written struct {
	dest     Destination
	db       *harness.Database
	sequence uint64
}

func newWritten(tb testing.TB, db *harness.Database) *written {
	tb.Helper()
	type opened interface {
		Destination
		Claim(ctx context.Context, o record.Owner, streams []string) ([]record.Mark, error)
		Close() error
	}
	var dest opened
	if db.Postgres {
		d, err := postgres.Open(postgres.Options{URL: db.URL, Schema: db.Schema, Shapes: catalog.All().Shapes(), Layout: catalog.All().Layout(), Connections: 4})
		if err == nil {
			_, err = d.Migrate(tb.Context(), record.Owner{})
		}
		if err != nil {
			tb.Fatal(err)
		}
		dest = d
	} else {
		d, err := sqlite.Open(tb.Context(), sqlite.Options{Path: db.URL[len("sqlite:"):], Shapes: catalog.All().Shapes(), Layout: catalog.All().Layout()})
		if err == nil {
			_, err = d.Migrate(tb.Context(), record.Owner{})
		}
		if err != nil {
			tb.Fatal(err)
		}
		dest = d
	}
	tb.Cleanup(func() { _ = dest.Close() })
	if _, err := dest.Claim(tb.Context(), record.Owner{StateID: "x", Host: "h", Lease: time.Minute}, Streams()); err != nil {
		tb.Fatal(err)
	}
	return &written{dest: dest, db: db}
}

// put commits a group of photos.
func (w *written) put(tb testing.TB, g record.Group, records ...record.Record) record.Outcome {
	tb.Helper()
	g.Stream, g.Shape, g.RunID = catalog.Media, catalog.All().Find(catalog.Media).Shape(), "run"
	g.Expect, g.Sequence = w.sequence, w.sequence+1
	g.Mark = func(g *record.Group) (record.Mark, error) {
		return record.Mark{Stream: catalog.Media, Sequence: g.Sequence, State: []byte("{}")}, nil
	}
	for i := range records {
		records[i].Values = make([]record.Value, len(g.Shape.Columns))
	}
	g.Batches = []record.Batch{{Page: 1, Number: 1, Records: records}}
	if err := w.dest.Commit(tb.Context(), &g); err != nil {
		tb.Fatal(err)
	}
	w.sequence++
	return g.Outcome()
}

// photo is a version of a photo; hash 0 is a soft delete.
func photo(key string, at time.Time, hash int64) record.Record {
	return record.Record{
		Key: key, Parent: "P", Time: at, Hash: hash, Deleted: hash == 0, JSON: []byte(`{"MediaKey":"` + key + `","v":` + strconv.FormatInt(hash, 10) + `}`),
	}
}

// What a version does to the one that is there, in each manner of writing, with
// both destinations: a few rows go in through arrays, many by way of a staging
// table, and beside a record that PostgreSQL refuses under savepoints.
func TestVersions(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	none, present, ahead := time.Time{}, at(30), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	stays, comes, goes := record.Outcome{Older: 1}, record.Outcome{Written: 1}, record.Outcome{Deleted: 1, Removed: 1}
	cases := map[string]struct {
		there, came time.Time
		hash        int64 // of what comes; there is 1
		g           record.Group
		want        record.Outcome
	}{
		"newer":                    {at(1), at(2), 2, record.Group{}, comes},
		"same second":              {at(1), at(1), 2, record.Group{}, comes},
		"older":                    {at(2), at(1), 2, record.Group{}, stays},
		"older, forced":            {at(2), at(1), 2, record.Group{Forced: true}, comes},
		"older, by key":            {at(2), at(1), 2, record.Group{ByKey: true}, comes},
		"same":                     {at(2), at(1), 1, record.Group{}, record.Outcome{Unchanged: 1}},
		"same, by key":             {at(2), at(1), 1, record.Group{ByKey: true}, record.Outcome{Unchanged: 1}},
		"corrected":                {ahead, at(1), 2, record.Group{}, comes},
		"ahead":                    {at(1), ahead, 2, record.Group{}, comes},
		"none came":                {at(2), none, 2, record.Group{}, comes},
		"none there":               {none, at(1), 2, record.Group{}, comes},
		"none at all":              {none, none, 2, record.Group{}, comes},
		"deleted":                  {at(1), at(2), 0, record.Group{}, goes},
		"deleted, same second":     {at(1), at(1), 0, record.Group{}, goes},
		"deleted, older":           {at(2), at(1), 0, record.Group{}, stays},
		"deleted, older, forced":   {at(2), at(1), 0, record.Group{Forced: true}, goes},
		"deleted, older, by key":   {at(2), at(1), 0, record.Group{ByKey: true}, goes},
		"deleted, corrected":       {ahead, at(1), 0, record.Group{}, goes},
		"deleted, none came":       {at(2), none, 0, record.Group{}, goes},
		"deleted, none there":      {none, at(1), 0, record.Group{}, goes},
		"deleted, there never was": {at(2), at(1), 0, record.Group{RunID: "absent"}, record.Outcome{Deleted: 1}},
	}
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		w := newWritten(t, db)
		if db.Postgres {
			db.Exec(t, "ALTER TABLE "+db.Table("media")+" ADD CHECK (media_key <> 'refused')")
		}
		for _, manner := range []struct {
			name    string
			n       int64
			refused bool
		}{{"few", 3, false}, {"many", 600, false}, {"careful", 3, true}} {
			if manner.refused && !db.Postgres {
				continue
			}
			for name, test := range cases {
				var before, after []record.Record
				key := func(i int64) string { return fmt.Sprintf("%s %s #%d", manner.name, name, i) }
				for i := range manner.n {
					before, after = append(before, photo(key(i), test.there, 1)), append(after, photo(key(i), test.came, test.hash))
				}
				absent := test.g.RunID == "absent"
				if !absent {
					w.put(t, record.Group{Present: present}, before...)
				}
				if manner.refused {
					after = append(after, photo("refused", at(1), 1))
				}
				g := test.g
				g.Present = present
				got := w.put(t, g, after...)
				want := test.want
				for _, n := range []*int64{&want.Written, &want.Unchanged, &want.Deleted, &want.Older, &want.Removed} {
					*n *= manner.n
				}
				got.Failed, got.Known = 0, 0 // of the one that was refused
				if got != want {
					t.Errorf("%s, %s: %+v, want %+v", manner.name, name, got, want)
				}
				w.look(t, manner.name+" "+name, manner.n, test.want, test.came, absent)
			}
		}
	})
}

// look compares the rows of one case with what should have become of them.
func (w *written) look(tb testing.TB, name string, n int64, o record.Outcome, came time.Time, absent bool) {
	tb.Helper()
	where := "media_key LIKE '" + name + " #%' AND "
	rows := w.db.Count(tb, "media", where+"TRUE")
	switch {
	case o.Deleted > 0 || absent:
		if rows != 0 {
			tb.Errorf("%s: %d rows are left", name, rows)
		}
		return
	case rows != n:
		tb.Errorf("%s: %d rows", name, rows)
	}
	stamp := "record_timestamp IS NULL"
	if !came.IsZero() {
		stamp = "record_timestamp = '" + record.FormatTimestamp(came) + "'"
	}
	if o.Written > 0 && w.db.Count(tb, "media", where+"record_hash = 2 AND "+stamp) != n {
		tb.Errorf("%s: not all rows are the version that came", name)
	}
	if o.Older > 0 && w.db.Count(tb, "media", where+"record_hash = 1") != n {
		tb.Errorf("%s: not all rows are what was there", name)
	}
}

// The last version of a group decides whether a key is a reject, also where the
// stream had none before; a version that gave way to a newer row clears nothing.
func TestRejectsOfOneGroup(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	bad := func(key string) record.Record {
		r := photo(key, at(2), 2)
		r.Reason = "broken"
		return r
	}
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		w := newWritten(t, db)
		w.put(t, record.Group{}, bad("mended"), photo("mended", at(3), 3), photo("spoilt", at(1), 1), bad("spoilt"))
		if n := db.Count(t, "agent_reject", "record_key = 'mended'"); n != 0 {
			t.Error("a good version has not cleared the reject of an earlier one of its group")
		}
		if n := db.Count(t, "agent_reject", "record_key = 'spoilt'"); n != 1 {
			t.Error("a bad version that came last is no reject")
		}
		if n := db.Count(t, "media", "record_hash IN (1, 3)"); n != 2 {
			t.Errorf("%d rows, want both good versions", n)
		}
		if o := w.put(t, record.Group{}, photo("spoilt", at(0), 4)); o.Older != 1 || db.Count(t, "agent_reject", "record_key = 'spoilt'") != 1 {
			t.Errorf("an older version: %+v, and it has cleared the reject of a newer one", o)
		}
		if w.put(t, record.Group{}, photo("spoilt", at(5), 5)); db.Count(t, "agent_reject", "") != 0 {
			t.Error("a good version has not cleared the reject")
		}
	})
}

// What waited for a parent is struck off once its children are stored, but not
// if some of them had to be left out again.
func TestOrphansOfOneGroup(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		w := newWritten(t, db)
		w.put(t, record.Group{Orphans: []string{"P", "Q", "R"}})
		w.put(t, record.Group{Arrived: []string{"P", "Q"}, Orphans: []string{"Q"}})
		if n := db.Count(t, "agent_orphan", "parent_key IN ('Q', 'R')"); n != 2 || db.Count(t, "agent_orphan", "") != 2 {
			t.Error("left of P, Q and R are not Q and R")
		}
	})
}

// noted is a destination that takes every group and notes whom it strikes off.
type noted struct {
	taker
	arrived [][]string
}

func (n *noted) Commit(ctx context.Context, g *record.Group) error {
	n.arrived = append(n.arrived, g.Arrived)
	return n.taker.Commit(ctx, g)
}

// An errand of several groups does not strike off a parent of which an earlier
// one of them has left children out.
func TestOrphansOfAnEarlierGroup(t *testing.T) {
	t.Parallel()
	file, err := checkpoint.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // of a test
	keys := &keyset.Set{}
	if err := file.Update(func(tx *checkpoint.Tx) error { return keys.Add(tx.Bolt(), []string{"Q"}) }); err != nil {
		t.Fatal(err)
	}
	dest := &noted{}
	a := &Agent{config: DefaultConfig(), dest: dest, file: file, keys: keys}
	w := a.writer(a.ledger(&standing{stream: a.config.stream(catalog.Media), next: 1}), "run")
	w.beside, w.arrived = (*checkpoint.Stream).Log, []string{"P", "Q"}
	for _, parent := range []string{"P", "Q"} {
		w.begin()
		r := photo(parent, time.Now(), 1)
		r.Parent = parent
		if err := w.add(chunk{batch: record.Batch{Records: []record.Record{r}}}); err != nil {
			t.Fatal(err)
		}
		if err := w.flush(t.Context(), w.group, parent == "Q"); err != nil {
			t.Fatal(err)
		}
	}
	if len(dest.arrived) != 2 || len(dest.arrived[0]) != 0 || !slices.Equal(dest.arrived[1], []string{"Q"}) {
		t.Errorf("struck off are %v, want none and then Q", dest.arrived)
	}
}

// Another group of the stream writes a newer row between the look and the write:
// the version that comes too late gives way, and is counted so.
func TestOutdoneWhileItWaits(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	db := harness.NewPostgres(t)
	w := newWritten(t, db)
	other, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	for name, hash := range map[string]int64{"store": 2, "delete": 0} {
		w.put(t, record.Group{}, photo(name, at(1), 1), photo(name+" alone", at(1), 1))
		tx, err := other.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "UPDATE "+db.Table("media")+" SET record_timestamp = $1, record_hash = 9 WHERE media_key = $2", at(9), name); err != nil {
			t.Fatal(err)
		}
		outcome := make(chan record.Outcome)
		go func() {
			defer close(outcome) // also of a put that fails
			outcome <- w.put(t, record.Group{}, photo(name, at(2), hash), photo(name+" alone", at(2), hash))
		}()
		waits := "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = (SELECT backend_xid FROM pg_stat_activity WHERE pid = " +
			strconv.Itoa(int(other.PgConn().PID())) + ")"
		for end := time.Now().Add(time.Minute); db.Int(t, waits) == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the group does not wait for the row", name)
			}
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := record.Outcome{Older: 1, Written: 1}
		if hash == 0 {
			want = record.Outcome{Older: 1, Deleted: 1, Removed: 1}
		}
		if got := <-outcome; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if n := db.Count(t, "media", "media_key = '"+name+"' AND record_hash = 9"); n != 1 {
			t.Errorf("%s: the newer row has not stayed", name)
		}
	}
}
