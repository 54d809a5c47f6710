package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func anyRow(t *testing.T, s *Simulator, feed Feed, resource string, wanted func(Row) bool) Row {
	t.Helper()
	var found Row
	err := s.Each(feed, resource, func(r Row) error {
		if found.Key == "" && wanted(r) {
			found = r
			found.JSON = append([]byte{}, r.JSON...)
		}
		return nil
	})
	if err != nil || found.Key == "" {
		t.Fatalf("no such row (%v)", err)
	}
	return found
}

func TestTouch(t *testing.T) {
	for _, collation := range []Collation{ByteOrder, NumericAware} {
		s := small(t, func(o *Options) { o.Faults.Collation = collation })
		walk(t, s, IDX, Property, "ModificationTimestamp", 20, "")
		row := anyRow(t, s, IDX, Property, func(Row) bool { return true })
		before := fields(t, row.JSON)
		at := time.Date(2026, 7, 1, 12, 0, 0, 123e6, time.UTC)
		if err := s.Touch(Property, row.Key, at, map[string]any{"ListPrice": json.Number("2.0E7"), "Cooling": []string{"None"}}); err != nil {
			t.Fatal(err)
		}
		after := fields(t, []byte(truthOf(t, s, IDX, Property)[row.Key]))
		before["ListPrice"], before["Cooling"] = 2e7, []any{"None"}
		before["ModificationTimestamp"], before["SystemModificationTimestamp"] = "2026-07-01T12:00:00Z", "2026-07-01T12:00:00.473Z"
		if diff := cmp.Diff(before, after); diff != "" {
			t.Error(diff)
		}
		d := decode(t, get(s, IDX, Property, "$filter", "ModificationTimestamp gt 2026-06-30T00:00:00Z and ListPrice eq 20000000", "$count", "true"), 200)
		if len(d.Value) != 1 || *d.Count != 1 {
			t.Errorf("%d rows, count %d", len(d.Value), *d.Count)
		}
		if diff := cmp.Diff(truthOf(t, s, IDX, Property), walk(t, s, IDX, Property, "ModificationTimestamp", 20, "")); diff != "" {
			t.Error(diff)
		}
		if err := s.Touch(Property, row.Key, at, map[string]any{"StandardStatus": "Closed"}); err != nil {
			t.Fatal(err)
		}
		if _, ok := truthOf(t, s, IDX, Property)[row.Key]; ok {
			t.Error("a closed listing is still in IDX")
		}
		if n := decode(t, get(s, IDX, Media, "$filter", "ResourceRecordKey eq '"+row.Key+"'"), 200); len(n.Value) != 0 {
			t.Error("the photos of a closed listing are still in IDX")
		}
		for _, changes := range []map[string]any{{"Nonsense": 1}, {"ListingKey": "A"}, {"ModificationTimestamp": "x"}, {"ListPrice": make(chan int)}} {
			if err := s.Touch(Property, row.Key, at, changes); err == nil {
				t.Errorf("%v: no error", changes)
			}
		}
	}
}

func TestTouchMovesParent(t *testing.T) {
	s := small(t, nil)
	listed := truthOf(t, s, VOW, Property)
	child := func(resource string) Row {
		return anyRow(t, s, VOW, resource, func(r Row) bool { return listed[r.Parent] != "" })
	}
	at := time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC)
	for _, resource := range []string{Media, PropertyRooms} {
		row := child(resource)
		if err := s.Touch(resource, row.Key, at, nil); err != nil {
			t.Fatal(err)
		}
		before := fields(t, []byte(listed[row.Parent]))
		after := fields(t, []byte(truthOf(t, s, VOW, Property)[row.Parent]))
		moved, stays := "PhotosChangeTimestamp", "ModificationTimestamp"
		if resource == PropertyRooms {
			moved, stays = stays, moved
		}
		if after[moved] != "2026-07-02T00:00:00Z" {
			t.Errorf("%s: %s is %v", resource, moved, after[moved])
		}
		if before[stays] != after[stays] && child(Media).Parent != row.Parent {
			t.Errorf("%s: %s has moved", resource, stays)
		}
	}
}

func TestAddAndRemove(t *testing.T) {
	s := small(t, nil)
	walk(t, s, IDX, Media, "MediaModificationTimestamp", 50, "")
	listed := truthOf(t, s, VOW, Property)
	orphan := anyRow(t, s, IDX, Media, func(r Row) bool {
		return listed[r.Parent] == "" && fields(t, r.JSON)["ResourceName"] == "Property"
	})
	late := map[string]any{"ListingKey": orphan.Parent, "ModificationTimestamp": "2026-07-03T00:00:00Z", "ListPrice": 1.5}
	if err := s.Add(Property, late); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(Property, late); err == nil {
		t.Error("the key was taken twice")
	}
	added := fields(t, []byte(truthOf(t, s, IDX, Property)[orphan.Parent]))
	if added["ListPrice"] != 1.5 || added["City"] != nil || len(added) != len(s.resources[Property].byFeed[IDX]) {
		t.Errorf("%d fields, %v", len(added), added["ListPrice"])
	}
	photo := map[string]any{"MediaKey": "new \"one\"", "ResourceRecordKey": orphan.Parent, "MediaModificationTimestamp": "2026-07-03T00:00:01Z", "ResourceName": "Property"}
	if err := s.Add(Media, photo); err != nil {
		t.Fatal(err)
	}
	rawRow := "{\"MediaKey\":\"raw\xff\",}"
	if err := s.AddRaw(Media, "raw", "2026-07-03T00:00:02Z", orphan.Parent, []byte(rawRow)); err != nil {
		t.Fatal(err)
	}
	if w := get(s, IDX, Media, "$filter", "MediaKey eq 'raw'"); w.Body.String() != `{"@odata.context":"$metadata#Media","value":[`+rawRow+`]}` {
		t.Errorf("%q", w.Body)
	}
	if err := s.Remove(Media, "raw"); err != nil {
		t.Fatal(err)
	}
	d := decode(t, get(s, IDX, Media, "$filter", "ResourceRecordKey eq '"+orphan.Parent+"' and MediaModificationTimestamp gt 2026-07-03T00:00:00Z"), 200)
	if len(d.Value) != 1 || fields(t, d.Value[0])["MediaKey"] != photo["MediaKey"] {
		t.Errorf("%s", d.Value)
	}
	if err := s.Remove(Media, orphan.Key); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(Media, orphan.Key); err == nil {
		t.Error("removed twice")
	}
	if diff := cmp.Diff(truthOf(t, s, IDX, Media), walk(t, s, IDX, Media, "MediaModificationTimestamp", 50, "")); diff != "" {
		t.Error(diff)
	}
	if err := s.Touch(Property, orphan.Parent, time.Now(), map[string]any{"StandardStatus": "Expired"}); err != nil {
		t.Fatal(err)
	}
	if d := decode(t, get(s, IDX, Media, "$filter", "ResourceRecordKey eq '"+orphan.Parent+"'"), 200); len(d.Value) != 0 {
		t.Error("photos of a listing that has left IDX")
	}
	for _, record := range []map[string]any{{}, {"MediaKey": "k"}, {"MediaKey": "k", "ResourceRecordKey": "p", "MediaModificationTimestamp": "today"}} {
		if err := s.Add(Media, record); err == nil {
			t.Errorf("%v: no error", record)
		}
	}
}

// Rows change while they are read: each page must be whole, and the order kept.
func TestConcurrentUse(t *testing.T) {
	s := small(t, nil)
	var keys []string
	if err := s.Each(VOW, PropertyRooms, func(r Row) error { keys = append(keys, r.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 25 {
				key := keys[(worker*31+i)%len(keys)]
				if err := s.Touch(PropertyRooms, key, time.Unix(1.8e9+int64(i), 0), map[string]any{"RoomType": "Den"}); err != nil {
					t.Error(err)
				}
				s.Set(func(f *Faults) { f.Collation = Collation(i % 3) })
				record := map[string]any{"RoomKey": fmt.Sprint("new", worker, i), "ListingKey": "X", "ModificationTimestamp": "2026-07-03T00:00:01Z"}
				if err := s.Add(PropertyRooms, record); err != nil {
					t.Error(err)
				}
				w := get(s, VOW, PropertyRooms, "$orderby", "ModificationTimestamp,RoomKey", "$count", "true", "$top", "500")
				if w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) {
					t.Errorf("%d %.100s", w.Code, w.Body)
				}
			}
		})
	}
	wait.Wait()
	if n := s.Count(VOW, PropertyRooms); n != len(keys)+100 {
		t.Errorf("%d rows, want %d", n, len(keys)+100)
	}
	for _, collation := range []Collation{ByteOrder, IgnoreCase, NumericAware} {
		s.Set(func(f *Faults) { f.Collation = collation })
		if diff := cmp.Diff(truthOf(t, s, VOW, PropertyRooms), walk(t, s, VOW, PropertyRooms, "ModificationTimestamp", 30, "")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDeletedShare(t *testing.T) {
	s := small(t, func(o *Options) { o.DeletedShare = 0.5 })
	d := decode(t, get(s, VOW, Media, "$filter", "MediaStatus eq 'Deleted'", "$count", "true", "$top", "1"), 200)
	if share := float64(*d.Count) / float64(s.Count(VOW, Media)); share < 0.4 || share > 0.6 {
		t.Errorf("%.2f of the photos are deleted", share)
	}
}
