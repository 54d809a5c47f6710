package harness

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// Compare fails the test unless the destination holds exactly what the
// simulator serves: each listing in each feed, each child of a listing that is
// there, with its content, and nothing else.
func Compare(tb testing.TB, s *Source, d *Database, f Feeds) {
	tb.Helper()
	listings := make(map[string]bool)
	for _, feed := range []struct {
		feed simulator.Feed
		on   bool
	}{{simulator.IDX, f.IDX}, {simulator.VOW, f.VOW}} {
		if !feed.on {
			continue
		}
		want := truth(tb, s, feed.feed, simulator.Property, func(simulator.Row, content) bool { return true })
		for key := range want {
			listings[key] = true
		}
		column := string(feed.feed)
		got := stored(tb, d, fmt.Sprintf("SELECT listing_key, CAST(%s AS text) FROM %s WHERE %s IS NOT NULL", column, d.Table("property"), column))
		same(tb, column+" listings", want, got)
	}
	children(tb, s, d, f.Media, simulator.Media, "media", "resource_record_key", "media_key", listings)
	children(tb, s, d, f.Rooms, simulator.PropertyRooms, "propertyrooms", "listing_key", "room_key", listings)
	children(tb, s, d, f.OpenHouse, simulator.OpenHouse, "openhouse", "listing_key", "open_house_key", listings)
}

func children(tb testing.TB, s *Source, d *Database, feed simulator.Feed, resource, table, parent, key string, listings map[string]bool) {
	tb.Helper()
	if feed == "" {
		return
	}
	want := truth(tb, s, feed, resource, func(r simulator.Row, record content) bool {
		deleted := record.is("MediaStatus", "Deleted") || record.is("RoomStatus", "Deleted")
		ofListing := resource != simulator.Media || record.is("ResourceName", "Property")
		return listings[r.Parent] && !deleted && ofListing
	})
	got := stored(tb, d, fmt.Sprintf("SELECT %s || '/' || %s, CAST(record AS text) FROM %s", parent, key, d.Table(table)))
	same(tb, table, want, got)
}

// truth reads what the simulator serves: key, or parent/key, to content.
func truth(tb testing.TB, s *Source, feed simulator.Feed, resource string, keep func(simulator.Row, content) bool) map[string]content {
	tb.Helper()
	out := make(map[string]content)
	err := s.Each(feed, resource, func(r simulator.Row) error {
		record, err := read(r.JSON)
		if err != nil || !keep(r, record) {
			return err
		}
		key := r.Key
		if r.Parent != "" {
			key = r.Parent + "/" + r.Key
		}
		out[key] = record
		return nil
	})
	if err != nil {
		tb.Fatalf("read the simulator's %s: %v", resource, err)
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

// is reports whether a field has this text as its value.
func (c content) is(field, text string) bool { return string(c[field]) == `"`+text+`"` }

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
