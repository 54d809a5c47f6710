package harness

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/catalog"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// Feeds says which feed the streams read; "" for one that was not synced.
type Feeds struct {
	IDX, VOW                bool
	Media, Rooms, OpenHouse simulator.Feed
}

// AllFeeds is a full sync with both tokens: children come with the VOW token.
func AllFeeds() Feeds {
	return Feeds{IDX: true, VOW: true, Media: simulator.VOW, Rooms: simulator.VOW, OpenHouse: simulator.VOW}
}

// Copy is a table and what it is a copy of.
type Copy struct {
	Table    string
	Key      string // column of the key
	Parent   string // column of the parent's key; "" for records without parents
	Feed     simulator.Feed
	Resource string
	// Fields and their texts, as A=B, or "": of the records that have no row, and of
	// those alone that have one.
	Tombstone, Where string
	// Columns are the typed columns, if they are to be compared as well.
	Columns []record.Column
}

// wants reports whether a record of the source has a row. listings are the
// parents that there are.
func (c *Copy) wants(parent string, record content, listings map[string]bool) bool {
	return (c.Parent == "" || listings[parent]) && (c.Tombstone == "" || !record.is(c.Tombstone)) && (c.Where == "" || record.is(c.Where))
}

// stored are the table's rows: key, or parent/key, to content.
func (c *Copy) stored(tb testing.TB, d *Database) map[string]content {
	tb.Helper()
	key := c.Key
	if c.Parent != "" {
		key = c.Parent + " || '/' || " + key
	}
	return stored(tb, d, fmt.Sprintf("SELECT %s, CAST(record AS text) FROM %s", key, d.Table(c.Table)))
}

// copies are the tables of the streams that are no extra ones, listings first.
func (f *Feeds) copies() (listings, children []Copy) {
	if f.IDX {
		listings = append(listings, Copy{Table: "idx_property", Key: "listing_key", Feed: simulator.IDX, Resource: simulator.Property})
	}
	if f.VOW {
		listings = append(listings, Copy{Table: "vow_property", Key: "listing_key", Feed: simulator.VOW, Resource: simulator.Property})
	}
	for _, c := range []Copy{
		{
			Table: "media", Parent: "resource_record_key", Key: "media_key",
			Feed: f.Media, Resource: simulator.Media, Tombstone: "MediaStatus=Deleted", Where: "ResourceName=Property",
		},
		{Table: "propertyrooms", Parent: "listing_key", Key: "room_key", Feed: f.Rooms, Resource: simulator.PropertyRooms, Tombstone: "RoomStatus=Deleted"},
		{Table: "openhouse", Parent: "listing_key", Key: "open_house_key", Feed: f.OpenHouse, Resource: simulator.OpenHouse},
	} {
		if c.Feed != "" {
			children = append(children, c)
		}
	}
	streams := catalog.All()
	for _, copies := range [][]Copy{listings, children} {
		for i := range copies {
			of := slices.IndexFunc(streams, func(s catalog.Stream) bool { return s.Table == copies[i].Table })
			copies[i].Columns = streams[of].Columns
		}
	}
	return listings, children
}

// Compare fails the test unless the destination holds exactly what the
// simulator serves: each listing in each feed, each child of a listing that is
// there, with its content, its typed columns as its content is, and nothing else.
// extra are the tables of streams that a test has made up.
func Compare(tb testing.TB, s *Source, d *Database, f Feeds, extra ...Copy) {
	tb.Helper()
	properties, children := f.copies()
	listings := make(map[string]bool)
	for _, c := range properties {
		want := truth(tb, s, &c, nil)
		for key := range want {
			listings[key] = true
		}
		c.compare(tb, d, want)
	}
	for _, c := range append(children, extra...) {
		c.compare(tb, d, truth(tb, s, &c, listings))
	}
}

func (c *Copy) compare(tb testing.TB, d *Database, want map[string]content) {
	tb.Helper()
	same(tb, c.Table, want, c.stored(tb, d))
	typed(tb, d, c.Table, c.Columns)
}

// truth reads what the simulator serves and the copy should have: key, or
// parent/key, to content.
func truth(tb testing.TB, s *Source, c *Copy, listings map[string]bool) map[string]content {
	tb.Helper()
	out := make(map[string]content)
	err := s.Each(c.Feed, c.Resource, func(r simulator.Row) error {
		record, err := read(r.JSON)
		if err != nil || !c.wants(r.Parent, record, listings) {
			return err
		}
		key := r.Key
		if c.Parent != "" {
			key = r.Parent + "/" + r.Key
		}
		out[key] = record
		return nil
	})
	if err != nil {
		tb.Fatalf("read the simulator's %s: %v", c.Resource, err)
	}
	return out
}

func stored(tb testing.TB, d *Database, query string) map[string]content {
	tb.Helper()
	out := make(map[string]content)
	for _, row := range d.Strings(tb, query) {
		record, err := read([]byte(row[1]))
		if err != nil {
			tb.Fatalf("row %s: %v", row[0], err)
		}
		out[row[0]] = record
	}
	return out
}

// content is a record for comparing: its fields without the nulls.
type content map[string]jsontext.Value

func read(text []byte) (content, error) {
	var c content
	if err := json.Unmarshal(text, &c, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fmt.Errorf("read %.200s: %w", text, err)
	}
	for name, value := range c {
		if value.Kind() == 'n' {
			delete(c, name)
		}
	}
	return c, nil
}

// is reports whether a field has a text as its value, both as A=B.
func (c content) is(condition string) bool {
	field, text, _ := strings.Cut(condition, "=")
	return string(c[field]) == `"`+text+`"`
}

// diff names the first field in which two records differ, or is "".
func diff(want, got content) string {
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			return fmt.Sprintf("%s is missing, want %.200s", name, w)
		}
		if !equal(w, g) {
			return fmt.Sprintf("%s is %.200s, want %.200s", name, g, w)
		}
	}
	for name, g := range got {
		if _, ok := want[name]; !ok {
			return fmt.Sprintf("%s is %.200s, want nothing", name, g)
		}
	}
	return ""
}

// equal compares two values; numbers by what they are worth, since 2.0E7 and
// 20000000 are the same.
func equal(a, b jsontext.Value) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if a.Kind() == '0' && b.Kind() == '0' {
		return sameNumber(string(a), string(b))
	}
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && bytes.Equal(a, b)
}

func same(tb testing.TB, what string, want, got map[string]content) {
	tb.Helper()
	problems := 0
	say := func(format string, args ...any) {
		if problems++; problems <= 5 {
			tb.Errorf(what+": "+format, args...)
		}
	}
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			say("%s is missing", key)
			continue
		}
		if d := diff(w, g); d != "" {
			say("%s differs: %s", key, d)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			say("%s is there, but the source does not have it", key)
		}
	}
	if problems > 5 {
		tb.Errorf("%s: %d problems in all, of %d rows", what, problems, len(want))
	}
}
