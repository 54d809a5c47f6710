package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWalkFindsEveryRowOnce(t *testing.T) {
	for _, collation := range []Collation{ByteOrder, IgnoreCase, NumericAware} {
		s := small(t, func(o *Options) { o.ClusterSize = 60; o.Faults.Collation = collation })
		for _, feed := range []Feed{IDX, VOW} {
			for _, resource := range []string{Property, Media, PropertyRooms, OpenHouse} {
				for _, stamp := range s.resources[resource].stamps {
					t.Run(fmt.Sprint(collation, feed, resource, stamp), func(t *testing.T) {
						want := truthOf(t, s, feed, resource)
						got := walk(t, s, feed, resource, stamp, 17, "")
						if diff := cmp.Diff(want, got); diff != "" {
							t.Fatalf("truth and walk differ (-truth +walk):\n%s", diff)
						}
						if n := s.Count(feed, resource); n != len(want) || n == 0 {
							t.Fatalf("count %d, truth %d", n, len(want))
						}
					})
				}
			}
		}
	}
}

func TestWalkWithFurtherConditions(t *testing.T) {
	s := small(t, nil)
	all := truthOf(t, s, VOW, Media)
	got := walk(t, s, VOW, Media, "MediaModificationTimestamp", 50, " and ResourceName eq 'Property'")
	want := 0
	for key, row := range all {
		if fields(t, []byte(row))["ResourceName"] == "Property" {
			want++
			if _, ok := got[key]; !ok {
				t.Errorf("%s is missing", key)
			}
		}
	}
	if want != len(got) || want == len(all) {
		t.Fatalf("%d rows of %d, want %d", len(got), len(all), want)
	}
}

func TestMicroseconds(t *testing.T) {
	s := small(t, func(o *Options) { o.Faults.Precision = Microseconds; o.ClusterSize = 40 })
	got := walk(t, s, VOW, Media, "MediaModificationTimestamp", 13, "")
	if diff := cmp.Diff(truthOf(t, s, VOW, Media), got); diff != "" {
		t.Fatal(diff)
	}
	for _, row := range got {
		if at := fields(t, []byte(row))["MediaModificationTimestamp"].(string); strings.HasSuffix(at, "0Z") && strings.Contains(at, ".") {
			t.Fatalf("%s has trailing zeros", at)
		}
	}
}

// With hidden fractions the printed timestamp is before the real one: a page
// that begins there begins with the same row again.
func TestHiddenMicroseconds(t *testing.T) {
	s := small(t, func(o *Options) { o.Faults.Precision = HiddenMicroseconds })
	page := func(filter string) (string, string) {
		d := decode(t, get(s, VOW, Property, "$filter", filter, "$orderby", "ModificationTimestamp,ListingKey", "$top", "1"), 200)
		m := fields(t, d.Value[0])
		return m["ModificationTimestamp"].(string), m["ListingKey"].(string)
	}
	at, key := page("ModificationTimestamp gt 1970-01-01T00:00:00Z")
	if strings.Contains(at, ".") {
		t.Fatalf("%s shows its fraction", at)
	}
	_, again := page("ModificationTimestamp gt " + at)
	if again != key {
		t.Fatalf("got %s, want %s again", again, key)
	}
	// A client can still get through such a second by key alone.
	s = small(t, func(o *Options) { o.Faults.Precision = HiddenMicroseconds; o.ClusterSize = 60 })
	last, seen := "0", 0
	for {
		filter := "ModificationTimestamp ge " + clusterSecond(t, s) + " and ListingKey gt '" + last + "'"
		d := decode(t, get(s, VOW, Property, "$filter", filter, "$orderby", "ListingKey", "$top", "7"), 200)
		if len(d.Value) == 0 {
			break
		}
		seen += len(d.Value)
		last = fields(t, d.Value[len(d.Value)-1])["ListingKey"].(string)
	}
	if seen != 60 {
		t.Fatalf("%d rows by key, want 60", seen)
	}
}

func TestSameSeedSameRows(t *testing.T) {
	a, b := small(t, nil), small(t, nil)
	c := small(t, func(o *Options) { o.Seed++ })
	for _, resource := range []string{Property, Media, PropertyRooms, OpenHouse} {
		first := truthOf(t, a, VOW, resource)
		if diff := cmp.Diff(first, truthOf(t, b, VOW, resource)); diff != "" {
			t.Errorf("%s differs: %s", resource, diff)
		}
		if cmp.Equal(first, truthOf(t, c, VOW, resource)) {
			t.Errorf("%s does not depend on the seed", resource)
		}
	}
}

func TestFieldsOfFeeds(t *testing.T) {
	s := small(t, nil)
	for _, resource := range []string{Property, Media, PropertyRooms, OpenHouse} {
		for _, feed := range []Feed{IDX, VOW} {
			var want []string
			for _, f := range s.resources[resource].byFeed[feed] {
				want = append(want, f.name)
			}
			slices.Sort(want)
			for key, row := range truthOf(t, s, feed, resource) {
				if diff := cmp.Diff(want, slices.Sorted(maps.Keys(fields(t, []byte(row))))); diff != "" {
					t.Fatalf("%s %s %s: %s", feed, resource, key, diff)
				}
			}
		}
	}
	if n := len(s.resources[Property].byFeed[VOW]); n != 433 {
		t.Errorf("VOW has %d fields of Property, want 433", n)
	}
	for resource, names := range map[string][]string{
		Property:      {"ListingId", "ListingContractDate", "ClosePrice", "OriginalListPrice", "MajorChangeTimestamp"},
		PropertyRooms: {"RoomStatus"},
	} {
		for _, name := range names {
			if s.resources[resource].lookup(IDX, name) != nil || s.resources[resource].lookup(VOW, name) == nil {
				t.Errorf("%s must be a field of VOW only", name)
			}
		}
	}
	idx, vow := s.Count(IDX, Property), s.Count(VOW, Property)
	if idx >= vow || idx < vow/2 {
		t.Errorf("IDX has %d listings of %d", idx, vow)
	}
}

func TestClusterSize(t *testing.T) {
	s := small(t, func(o *Options) { o.ClusterSize = 150 })
	for _, resource := range []string{Property, Media} {
		seconds, largest := map[string]int{}, 0
		err := s.Each(VOW, resource, func(r Row) error {
			seconds[r.Timestamp]++
			largest = max(largest, seconds[r.Timestamp])
			return nil
		})
		if want := min(150, s.Count(VOW, resource)); err != nil || largest < want {
			t.Errorf("%s: the largest cluster has %d rows, want %d (%v)", resource, largest, want, err)
		}
	}
}

func TestOptions(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, o := range map[string]Options{
		"too many listings": {Properties: 1e9},
		"end before start":  {Start: now, End: now.Add(-time.Hour)},
		"same token":        {IDXToken: "a", VOWToken: "a"},
		"share":             {OrphanShare: 2},
		"open houses":       {OpenHousesPerListing: 100},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, o := range []Options{{}, {Properties: -1}, {Properties: 1}, {MediaPerListing: -1, RoomsPerListing: -1, OpenHousesPerListing: -1}} {
		s, err := New(o)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		for _, resource := range []string{Property, Media, PropertyRooms, OpenHouse} {
			decode(t, get(s, IDX, resource, "$count", "true"), 200)
		}
	}
}

func TestPropertyPadding(t *testing.T) {
	for _, size := range []int{0, 20_000} {
		s := small(t, func(o *Options) { o.PropertyPadding = size })
		total := 0
		for _, row := range truthOf(t, s, VOW, Property) {
			total += len(row)
		}
		average := total / s.Count(VOW, Property)
		t.Logf("padding %d: %d bytes", size, average)
		if want := max(size, naturalPropertyBytes); average < want*95/100 || average > want*105/100 {
			t.Errorf("padding %d: records of %d bytes, want %d", size, average, want)
		}
	}
}

// clusterSecond is the first second of the listings.
func clusterSecond(t *testing.T, s *Simulator) string {
	t.Helper()
	return anyRow(t, s, VOW, Property, func(Row) bool { return true }).Timestamp
}
