package agent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/record"
)

// fakeRow is a record of the simulation's feed.
type fakeRow struct {
	key, parent string
	at          time.Time
	version     int64
	deleted     bool
	bad         bool
	late        bool
}

func (r *fakeRow) stamp() string { return r.at.Format(time.RFC3339) }

func (r *fakeRow) upTo(timestamp, key string) bool {
	return cmp.Or(cmp.Compare(r.stamp(), timestamp), cmp.Compare(r.key, key)) <= 0
}

// fakeFeed is a source in memory. Rows are kept by stream; both feeds of
// listings are the same.
type fakeFeed struct {
	mu      sync.Mutex
	rows    map[string][]*fakeRow
	keys    int
	now     func() time.Time
	pass    func() // lets a second pass
	cap     int    // rows that a page has at most; 0: as asked
	noCount bool
	trouble bool
	lively  bool // rows change while they are read
	calls   uint64
}

func (f *fakeFeed) newKey() string {
	f.keys++
	return fmt.Sprintf("L%03d", f.keys)
}

// anyKey is the key of a listing that is there, or will perhaps be.
func (f *fakeFeed) anyKey(draw func(int) int) string { return fmt.Sprintf("L%03d", 1+draw(f.keys+4)) }

func (f *fakeFeed) add(stream, key, parent string, at time.Time) *fakeRow {
	r := &fakeRow{key: key, parent: parent, at: at, version: 1}
	f.rows[stream] = append(f.rows[stream], r)
	return r
}

func (f *fakeFeed) touch(stream string, at time.Time, draw func(int) int) *fakeRow {
	if len(f.rows[stream]) == 0 {
		return nil
	}
	r := f.rows[stream][draw(len(f.rows[stream]))]
	r.at, r.version, r.late = at, r.version+1, false
	return r
}

// live changes a row now and then, while others are read: it gets a new place
// behind all of them. Like fails it draws from the number of the call.
func (f *fakeFeed) live(stream string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.calls * 2654435761 >> 7
	if !f.lively || n%5 != 0 {
		return
	}
	draw := func(most int) int { return int(n/5) % most }
	f.pass()
	if r := f.touch(stream, f.now(), draw); r != nil {
		r.deleted = r.deleted || stream == catalog.Media && n%3 == 0
	}
	f.pass()
}

// fails draws from the number of the call and not from the history's source of
// chance, since pages are asked for beside the writing.
func (f *fakeFeed) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.trouble && f.calls*2654435761%7 == 0
}

func streamOf(q record.Query) string {
	return map[string]string{"Property": catalog.VOWProperty, "Media": catalog.Media, "PropertyRooms": catalog.Rooms, "OpenHouse": catalog.OpenHouse}[q.Shape.Resource]
}

// matching gives copies, since the rows may change.
func (f *fakeFeed) matching(q record.Query) []fakeRow {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rows []fakeRow
	for _, r := range f.rows[streamOf(q)] {
		switch {
		case len(q.Only.Keys) > 0 && q.Only.Field == q.Shape.Parent && !slices.Contains(q.Only.Keys, r.parent),
			len(q.Only.Keys) > 0 && q.Only.Field == q.Shape.Key && !slices.Contains(q.Only.Keys, r.key),
			!q.All && !q.ByKey && q.After != (record.Cursor{}) && r.upTo(q.After.Timestamp, q.After.Key),
			q.ByKey && r.key <= q.After.Key, q.Null,
			q.From != "" && r.stamp() < q.From, q.Before != "" && r.stamp() >= q.Before:
		default:
			rows = append(rows, *r)
		}
	}
	slices.SortFunc(rows, func(a, b fakeRow) int {
		if q.ByKey {
			return cmp.Compare(a.key, b.key)
		}
		return cmp.Or(cmp.Compare(a.stamp(), b.stamp()), cmp.Compare(a.key, b.key))
	})
	return rows
}

func (f *fakeFeed) Page(ctx context.Context, q record.Query, yield func(record.Record) error) (end record.PageEnd, err error) {
	if err := ctx.Err(); err != nil {
		return end, err
	}
	f.live(streamOf(q))
	rows := f.matching(q)
	rows = rows[:min(len(rows), q.Top)]
	if f.cap > 0 {
		rows = rows[:min(len(rows), f.cap)]
	}
	cut := -1
	if f.fails() {
		cut = len(rows) / 2
	}
	for i, r := range rows {
		if i == cut {
			return end, brief{}
		}
		rec := record.Record{
			Key: r.key, Parent: r.parent, Timestamp: r.stamp(), Time: r.at, Deleted: r.deleted, Hash: r.version, JSON: []byte("{}"),
			Values: make([]record.Value, len(q.Shape.Columns)),
		}
		if r.bad {
			rec.Reason = "broken"
		}
		if err := yield(rec); err != nil {
			return end, err
		}
	}
	if cut >= 0 {
		return end, brief{}
	}
	return end, nil
}

func (f *fakeFeed) Count(_ context.Context, q record.Query) (int64, bool, error) {
	if f.fails() {
		return 0, false, brief{}
	}
	return int64(len(f.matching(q))), !f.noCount, nil
}
