package simulator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func withExtra(o *Options) {
	o.DeletedShare, o.ClusterSize = 0.2, 30
	o.Extra = []Extra{
		{
			Name: "Showing", Key: "ShowingKey", Parent: "ListingRef", Timestamp: "ShowingTimestamp",
			Tombstone: "ShowingStatus", Gone: "Cancelled", PerListing: 3,
			Fields: []ExtraField{{"Remarks", TypeText}, {"Day", TypeDate}, {"AttendedYN", TypeBoolean}},
		},
		{
			Name: "Office", Key: "OfficeKey", Timestamp: "ModificationTimestamp", Rows: 90,
			Fields: []ExtraField{{"OfficeName", TypeText}, {"Fee", TypeNumber}, {"Agents", TypeInteger}, {"Opened", TypeTime}},
		},
	}
}

func TestExtraIsServedLikeTheFour(t *testing.T) {
	plain, s := small(t, func(o *Options) { withExtra(o); o.Extra = nil }), small(t, withExtra)
	for _, feed := range []Feed{IDX, VOW} {
		for _, resource := range []string{Property, Media, PropertyRooms, OpenHouse} {
			if diff := cmp.Diff(truthOf(t, plain, feed, resource), truthOf(t, s, feed, resource)); diff != "" {
				t.Errorf("extra resources alter %s: %s", resource, diff)
			}
		}
		for resource, stamp := range map[string]string{"Showing": "ShowingTimestamp", "Office": "ModificationTimestamp"} {
			want := truthOf(t, s, feed, resource)
			if diff := cmp.Diff(want, walk(t, s, feed, resource, stamp, 17, "")); diff != "" {
				t.Errorf("truth and walk of %s differ (-truth +walk):\n%s", resource, diff)
			}
			if n := s.Count(feed, resource); n != len(want) || n < 50 {
				t.Errorf("%s: count %d, truth %d", resource, n, len(want))
			}
		}
	}
	if diff := cmp.Diff(truthOf(t, s, VOW, "Showing"), truthOf(t, small(t, withExtra), VOW, "Showing")); diff != "" {
		t.Errorf("the same options, other rows: %s", diff)
	}
	if a, b := s.Count(IDX, "Office"), s.Count(VOW, "Office"); a != 90 || b != 90 {
		t.Errorf("%d offices in IDX, %d in VOW, want 90", a, b)
	}
	if a, b := s.Count(IDX, "Showing"), s.Count(VOW, "Showing"); a >= b {
		t.Errorf("IDX has %d of %d children", a, b)
	}
}

func TestExtraChildren(t *testing.T) {
	s := small(t, withExtra)
	listings := truthOf(t, s, VOW, Property)
	orphans, deleted, types := 0, 0, map[string]map[string]bool{}
	err := s.Each(VOW, "Showing", func(r Row) error {
		m := fields(t, r.JSON)
		if m["ShowingKey"] != r.Key || m["ListingRef"] != r.Parent || m["ShowingTimestamp"] != r.Timestamp {
			t.Errorf("row %+v is served as %v", r, m)
		}
		if _, ok := listings[r.Parent]; !ok {
			orphans++
		}
		if m["ShowingStatus"] == "Cancelled" {
			deleted++
		}
		for _, name := range []string{"Remarks", "Day", "AttendedYN"} {
			if types[name] == nil {
				types[name] = map[string]bool{}
			}
			switch v := m[name].(type) {
			case nil:
				types[name]["null"] = true
			case bool:
				types[name]["bool"] = true
			case string:
				_, err := time.Parse(time.DateOnly, v)
				types[name][map[bool]string{true: "date", false: "text"}[err == nil]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]bool{
		"Remarks": {"text": true, "null": true}, "Day": {"date": true, "null": true}, "AttendedYN": {"bool": true, "null": true},
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Error(diff)
	}
	if orphans == 0 || deleted == 0 || deleted == s.Count(VOW, "Showing") {
		t.Errorf("%d orphans, %d deleted", orphans, deleted)
	}
	row := anyRow(t, s, VOW, "Showing", func(r Row) bool { return listings[r.Parent] != "" })
	d := decode(t, get(s, VOW, "Showing", "$filter", "ListingRef eq '"+row.Parent+"'", "$count", "true"), 200)
	if len(d.Value) == 0 || *d.Count != len(d.Value) {
		t.Errorf("%d of one parent, count %d", len(d.Value), *d.Count)
	}
	d = decode(t, get(s, VOW, "Showing", "$filter", "AttendedYN eq true and ShowingKey in ('"+row.Key+"','x')"), 200)
	if yes := fields(t, row.JSON)["AttendedYN"] == true; (len(d.Value) == 1) != yes {
		t.Errorf("%d rows by key", len(d.Value))
	}
}

func TestExtraIsEdited(t *testing.T) {
	s := small(t, withExtra)
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	row := anyRow(t, s, VOW, "Showing", func(Row) bool { return true })
	before := truthOf(t, s, VOW, Property)
	if err := s.Touch("Showing", row.Key, at, map[string]any{"ShowingStatus": "Cancelled", "Remarks": "gone"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, truthOf(t, s, VOW, Property)); diff != "" {
		t.Errorf("a listing moved: %s", diff)
	}
	for resource, record := range map[string]map[string]any{
		"Showing": {"ShowingKey": "S1", "ListingRef": row.Parent, "ShowingTimestamp": "2026-07-01T12:00:01Z"},
		"Office":  {"OfficeKey": "O1", "ModificationTimestamp": "2026-07-01T12:00:01Z", "Agents": 3},
	} {
		if err := s.Add(resource, record); err != nil {
			t.Fatal(err)
		}
	}
	d := decode(t, get(s, IDX, "Office", "$filter", "OfficeKey eq 'O1' and Agents eq 3"), 200)
	if len(d.Value) != 1 {
		t.Error("an office that was added is not in IDX")
	}
	if err := s.AddRaw("Office", "O2", "2026-07-01T12:00:02Z", "", []byte(`{"OfficeKey":`)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"O1", "O2"} {
		if err := s.Remove("Office", key); err != nil {
			t.Fatal(err)
		}
	}
	for resource, stamp := range map[string]string{"Showing": "ShowingTimestamp", "Office": "ModificationTimestamp"} {
		want := truthOf(t, s, VOW, resource)
		if diff := cmp.Diff(want, walk(t, s, VOW, resource, stamp, 20, "")); diff != "" {
			t.Error(diff)
		}
	}
	if m := fields(t, []byte(truthOf(t, s, VOW, "Showing")[row.Key])); m["ShowingStatus"] != "Cancelled" || m["Remarks"] != "gone" {
		t.Errorf("the row that was touched is %v", m)
	}
}

func TestExtraIsNamed(t *testing.T) {
	s := small(t, withExtra)
	if w := get(s, VOW, ""); !strings.Contains(w.Body.String(), `"name":"Showing"`) {
		t.Errorf("service document: %s", w.Body)
	}
	w := get(s, VOW, "$metadata")
	for _, part := range []string{
		`<EntityType Name="Showing"><Key><PropertyRef Name="ShowingKey"/></Key>`, `<Property Name="Fee" Type="Edm.Decimal"/>`,
		`<EntitySet Name="Office" EntityType="RESO.Office"/>`,
	} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("$metadata has no %s", part)
		}
	}
	s.Set(func(f *Faults) { f.Strike(Strike{Fault: Fault{Kind: Status}, Resource: "Office", Next: 1}) })
	decode(t, get(s, VOW, "Office"), 503)
	s.Set(func(f *Faults) { f.NextLink, f.PageCap = NextLinkAfter, 5 })
	if d := decode(t, get(s, VOW, "Office"), 200); len(d.Value) != 5 || d.NextLink == "" {
		t.Errorf("%d rows, link %q", len(d.Value), d.NextLink)
	}
}

func TestExtraThatIsSenseless(t *testing.T) {
	good := Extra{Name: "Office", Key: "K", Timestamp: "T", Rows: 1}
	for name, change := range map[string]func(*Extra){
		"name":           func(e *Extra) { e.Name = "a/b" },
		"one of four":    func(e *Extra) { e.Name = Media },
		"no key":         func(e *Extra) { e.Key = "" },
		"twice":          func(e *Extra) { e.Timestamp = "K" },
		"no parent":      func(e *Extra) { e.PerListing = 1 },
		"no tombstone":   func(e *Extra) { e.Gone = "Deleted" },
		"rows":           func(e *Extra) { e.Parent = "P" },
		"negative":       func(e *Extra) { e.Rows = -1 },
		"type":           func(e *Extra) { e.Fields = []ExtraField{{"F", "array"}} },
		"too many":       func(e *Extra) { e.Rows = 1e9 },
		"field as a key": func(e *Extra) { e.Fields = []ExtraField{{"K", TypeText}} },
	} {
		e := good
		change(&e)
		if _, err := New(Options{Extra: []Extra{e}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(Options{Extra: []Extra{good, good}}); err == nil {
		t.Error("two of one name: no error")
	}
}
