package harness

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		want := truth(tb, s, feed.feed, simulator.Property, func(simulator.Row, map[string]any) bool { return true })
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
	want := truth(tb, s, feed, resource, func(r simulator.Row, record map[string]any) bool {
		deleted := record["MediaStatus"] == "Deleted" || record["RoomStatus"] == "Deleted"
		ofListing := resource != simulator.Media || record["ResourceName"] == "Property"
		return listings[r.Parent] && !deleted && ofListing
	})
	got := stored(tb, d, fmt.Sprintf("SELECT %s || '/' || %s, CAST(record AS text) FROM %s", parent, key, d.Table(table)))
	same(tb, table, want, got)
}

// truth reads what the simulator serves: key, or parent/key, to content.
func truth(tb testing.TB, s *Source, feed simulator.Feed, resource string, keep func(simulator.Row, map[string]any) bool) map[string]map[string]any {
	tb.Helper()
	out := make(map[string]map[string]any)
	err := s.Each(feed, resource, func(r simulator.Row) error {
		record, err := normal(r.JSON)
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

func stored(tb testing.TB, d *Database, query string) map[string]map[string]any {
	tb.Helper()
	out := make(map[string]map[string]any)
	for _, row := range d.Strings(tb, query) {
		record, err := normal([]byte(row[1]))
		if err != nil {
			tb.Fatalf("row %s: %v", row[0], err)
		}
		out[row[0]] = record
	}
	return out
}

// normal reads a record for comparing: without nulls, and with numbers by their
// value, since 2.0E7 and 20000000 are the same.
func normal(text []byte) (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var record map[string]any
	if err := decoder.Decode(&record); err != nil {
		return nil, fmt.Errorf("read %.200s: %w", text, err)
	}
	for name, value := range record {
		switch v := value.(type) {
		case nil:
			delete(record, name)
		case json.Number:
			n, ok := new(big.Rat).SetString(v.String())
			if !ok {
				return nil, fmt.Errorf("read number %s", v)
			}
			record[name] = n.RatString()
		}
	}
	return record, nil
}

func same(tb testing.TB, what string, want, got map[string]map[string]any) {
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
		if diff := cmp.Diff(w, g); diff != "" {
			say("%s differs (-source +destination):\n%s", key, diff)
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
