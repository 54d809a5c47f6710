package simulator

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	s := small(t, nil)
	all := map[string]map[string]any{}
	for key, row := range truthOf(t, s, VOW, Property) {
		all[key] = fields(t, []byte(row))
	}
	first := slices.Sorted(maps.Keys(all))[0]
	at := all[first]["ModificationTimestamp"].(string)
	price := func(m map[string]any) float64 { return m["ListPrice"].(float64) }
	tests := map[string]func(key string, m map[string]any) bool{
		"ListingKey eq '" + first + "'":                 func(k string, _ map[string]any) bool { return k == first },
		"'" + first + "' lt ListingKey":                 func(k string, _ map[string]any) bool { return k > first },
		"ListingKey in ('" + first + "', 'X1')":         func(k string, _ map[string]any) bool { return k == first },
		"ModificationTimestamp ge " + at:                func(_ string, m map[string]any) bool { return m["ModificationTimestamp"].(string) >= at },
		"ModificationTimestamp lt " + at[:19] + ".000Z": func(_ string, m map[string]any) bool { return m["ModificationTimestamp"].(string) < at },
		"not (ModificationTimestamp ge " + at + ")":     func(_ string, m map[string]any) bool { return m["ModificationTimestamp"].(string) < at },
		"ModificationTimestamp ge 2025-01-01T00:00:00-05:00": func(_ string, m map[string]any) bool {
			return m["ModificationTimestamp"].(string) >= "2025-01-01T05:00:00Z"
		},
		"ListPrice gt 800000":                     func(_ string, m map[string]any) bool { return price(m) > 800000 },
		"ListPrice gt 5E5 and ListPrice le 1.0E6": func(_ string, m map[string]any) bool { return price(m) > 5e5 && price(m) <= 1e6 },
		"StandardStatus eq 'Active'":              func(_ string, m map[string]any) bool { return m["StandardStatus"] == "Active" },
		"StandardStatus ne 'Active'":              func(_ string, m map[string]any) bool { return m["StandardStatus"] != "Active" },
		"ClosePrice eq null":                      func(_ string, m map[string]any) bool { return m["ClosePrice"] == nil },
		"ClosePrice ne null":                      func(_ string, m map[string]any) bool { return m["ClosePrice"] != nil },
		"not (ClosePrice gt 1)":                   func(string, map[string]any) bool { return false },
		"InternetEntireListingDisplayYN":          func(_ string, m map[string]any) bool { return m["InternetEntireListingDisplayYN"] == true },
		"not InternetEntireListingDisplayYN":      func(_ string, m map[string]any) bool { return m["InternetEntireListingDisplayYN"] == false },
		"StreetName eq 'O''Connor'":               func(_ string, m map[string]any) bool { return m["StreetName"] == "O'Connor" },
		"City in ('Markham','Vaughan') or City eq 'Ajax'": func(_ string, m map[string]any) bool {
			return slices.Contains([]string{"Markham", "Vaughan", "Ajax"}, m["City"].(string))
		},
		"ListingContractDate ge 2025-06-01": func(_ string, m map[string]any) bool { return m["ListingContractDate"].(string) >= "2025-06-01" },
		"OriginalListPrice gt ListPrice":    func(_ string, m map[string]any) bool { return m["OriginalListPrice"].(float64) > price(m) },
		"1 eq 1":                            func(string, map[string]any) bool { return true },
		"true and (false or true)":          func(string, map[string]any) bool { return true },
	}
	for filter, holds := range tests {
		t.Run(filter, func(t *testing.T) {
			var want, got []string
			for key, m := range all {
				if holds(key, m) {
					want = append(want, key)
				}
			}
			d := decode(t, get(s, VOW, Property, "$filter", filter, "$top", "10000", "$count", "true", "$select", "ListingKey"), 200)
			for _, row := range d.Value {
				got = append(got, fields(t, row)["ListingKey"].(string))
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) || *d.Count != len(want) {
				t.Errorf("count %d\n got %q\nwant %q", *d.Count, got, want)
			}
		})
	}
}

func TestRefusedQueries(t *testing.T) {
	s := small(t, nil)
	tests := []struct {
		name, query string
		status      int
	}{
		{"plus sign", "$filter=ListPrice+gt+1", 400},
		{"plus in a value", "$filter=ModificationTimestamp%20gt%202024-01-01T00:00:00+00:00", 400},
		{"double encoding", "$filter=ListPrice%2520gt%25201", 400},
		{"double encoded dollar", "%2524top=1", 400},
		{"bad escape", "$filter=%zz", 400},
		{"skip", "$skip=100001", 400},
		{"top", "$top=10001", 400},
		{"negative top", "$top=-1", 400},
		{"unknown option", "$expand=Media", 400},
		{"unknown plain option", "limit=5", 400},
		{"option twice", "$top=1&$top=2", 400},
		{"unknown field in select", "$select=ListingKey,Nonsense", 400},
		{"unknown field in order", "$orderby=Nonsense", 400},
		{"array in order", "$orderby=Cooling", 400},
		{"order direction", "$orderby=ListPrice%20down", 400},
		{"order is empty", "$orderby=", 400},
		{"count value", "$count=1", 400},
	}
	for _, filter := range []string{
		"", "ListPrice", "ListPrice gt", "gt 5", "ListPrice gt 5 and", "(ListPrice gt 5", "ListPrice gt 5)", "ListPrice gt '5'",
		"ListingKey gt 5", "ListingKey eq 'open", "Nonsense eq 1", "ListPrice GT 5", "ListPrice gt 5 AND ListPrice lt 6",
		"ModificationTimestamp gt '2024-01-01T00:00:00Z'", "ModificationTimestamp gt 2024-01-01", "ModificationTimestamp gt 2024-13-01T00:00:00Z",
		"ModificationTimestamp gt 2024-01-01T00:00:00", "ListPrice eq 1 ListPrice eq 2", "ListingKey in ()", "ListingKey in 'a'", "'a' in ('b')",
		"Cooling eq 'None'", "not", "5", "ListPrice gt 1.2.3", "ListPrice gt ListingKey", "a;b", "1 eq 'a'", "null", "eq eq eq",
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), strings.Repeat("not ", 1000) + "true",
	} {
		tests = append(tests, struct {
			name, query string
			status      int
		}{"filter " + filter, "$filter=" + strings.NewReplacer(" ", "%20", "'", "%27", ";", "%3B").Replace(filter), 400})
	}
	for _, filter := range []string{"contains(City,'a')", "startswith(City,'a') eq true", "ListPrice add 1 gt 5", "Cooling/any(c:c eq 'None')", "RoomType has 'x'"} {
		tests = append(tests, struct {
			name, query string
			status      int
		}{"filter " + filter, "$filter=" + strings.NewReplacer(" ", "%20", "'", "%27").Replace(filter), 501})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := decode(t, raw(s, VOW, "/odata/Property", test.query), test.status)
			if d.Error == nil || d.Error.Code != "1111" || d.Error.Message == "" {
				t.Errorf("error body %+v", d.Error)
			}
		})
	}
	decode(t, get(s, VOW, Property, "$skip", "100000", "$top", "10000"), 200)
	decode(t, get(s, IDX, Property, "$filter", "ListPrice gt 1", "$select", "ListPrice"), 200)
	decode(t, get(s, IDX, Property, "$select", "ClosePrice"), 400)
	decode(t, get(s, IDX, Property, "$filter", "ClosePrice gt 1"), 400)
}

func TestPaths(t *testing.T) {
	s := small(t, nil)
	for path, status := range map[string]int{
		"/Property": 200, "/odata/Property": 200, "/a/b/c/OpenHouse": 200, "/odata/PropertyRooms/": 200,
		"/odata/Property/$count": 501, "/odata/Property('A')": 501, "/odata/": 200, "/odata/$metadata": 200,
		"/odata/Lookup": 404, "/odata/Propertyx": 404,
	} {
		if w := raw(s, VOW, path, ""); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/odata/Property", nil)
	for _, header := range []string{"", "Bearer nonsense", "Basic " + DefaultIDXToken, DefaultIDXToken} {
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if d := decode(t, w, 401); d.Error == nil {
			t.Errorf("%q: no error body", header)
		}
	}
	r.Method = http.MethodPost
	r.Header.Set("Authorization", "Bearer "+DefaultIDXToken)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	decode(t, w, 405)
}

func TestOrder(t *testing.T) {
	s := small(t, nil)
	prices := func(order string) []float64 {
		var all []float64
		for _, row := range decode(t, get(s, VOW, Property, "$orderby", order), 200).Value {
			all = append(all, fields(t, row)["ListPrice"].(float64))
		}
		return all
	}
	if up := prices("ListPrice"); !slices.IsSorted(up) || len(up) != 60 {
		t.Error("not in rising order", up)
	}
	down := prices("ListPrice desc,ListingKey")
	slices.Reverse(down)
	if !slices.IsSorted(down) {
		t.Error("not in falling order", down)
	}
	stamps := func(order string) string {
		var all []string
		for _, row := range decode(t, get(s, VOW, Property, "$orderby", order, "$skip", "3", "$top", "50"), 200).Value {
			m := fields(t, row)
			all = append(all, m["ModificationTimestamp"].(string)+m["ListingKey"].(string))
		}
		return strings.Join(all, " ")
	}
	if list := strings.Split(stamps("ModificationTimestamp,ListingKey"), " "); !slices.IsSorted(list) || len(list) != 50 {
		t.Error("not ordered by timestamp and key")
	}
	list := strings.Split(stamps("ModificationTimestamp desc,ListingKey desc"), " ")
	slices.Reverse(list)
	if !slices.IsSorted(list) {
		t.Error("not in falling order of timestamp and key")
	}
}

// Without an order, and among equal timestamps without a key, the same query
// gives another order each time, but never other rows.
func TestNoOrder(t *testing.T) {
	s := small(t, func(o *Options) { o.ClusterSize = 60 })
	for _, order := range []string{"", "ModificationTimestamp"} {
		seen := map[string]bool{}
		for range 5 {
			options := []string{"$top", "100", "$select", "ListingKey"}
			if order != "" {
				options = append(options, "$orderby", order)
			}
			var keys []string
			for _, row := range decode(t, get(s, VOW, Property, options...), 200).Value {
				keys = append(keys, string(row))
			}
			seen[strings.Join(keys, " ")] = true
			slices.Sort(keys)
			if len(slices.Compact(keys)) != 60 {
				t.Fatalf("%d different rows, want 60", len(keys))
			}
		}
		if len(seen) < 2 {
			t.Errorf("order %q: the same order five times", order)
		}
	}
}

func TestChildrenByParent(t *testing.T) {
	s := small(t, nil)
	children := map[string]int{}
	if err := s.Each(IDX, Media, func(r Row) error { children[r.Parent]++; return nil }); err != nil {
		t.Fatal(err)
	}
	parents := slices.Sorted(maps.Keys(children))
	for i, parent := range parents {
		d := decode(t, get(s, IDX, Media, "$filter", "ResourceRecordKey eq '"+parent+"'", "$count", "true", "$orderby", "Order,MediaKey"), 200)
		if len(d.Value) != children[parent] || *d.Count != children[parent] {
			t.Errorf("%s has %d children, want %d", parent, len(d.Value), children[parent])
		}
		next := parents[(i+1)%len(parents)]
		filter := fmt.Sprintf("ResourceRecordKey in ('%s','%s','%s') and MediaModificationTimestamp gt 1970-01-01T00:00:00Z", parent, next, parent)
		if d := decode(t, get(s, IDX, Media, "$filter", filter, "$top", "1000"), 200); len(d.Value) != children[parent]+children[next] {
			t.Errorf("%s and %s have %d children", parent, next, len(d.Value))
		}
	}
}

func TestBounds(t *testing.T) {
	s := small(t, nil)
	const low, high = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"
	a, _ := parseTime(low)
	b, _ := parseTime(high)
	stamp := "MediaModificationTimestamp "
	for filter, want := range map[string]span{
		stamp + "gt " + low: {a + 1, math.MaxInt64},
		low + " lt " + stamp + "and ResourceName eq 'Property'":                                                          {a + 1, math.MaxInt64},
		stamp + "gt " + low + " or (" + stamp + "eq " + low + " and MediaKey gt 'x')":                                    {a, math.MaxInt64},
		"(" + stamp + "gt " + low + " or (" + stamp + "eq " + low + " and MediaKey gt 'x')) and " + stamp + "le " + high: {a, b},
		stamp + "in (" + high + "," + low + ")":                                                                          {a, b},
		"not (" + stamp + "gt " + low + ")":                                                                              everything(),
		"MediaKey gt 'x'":                                                                                                everything(),
		stamp + "gt " + low + " or MediaKey gt 'x'":                                                                      everything(),
	} {
		e, problem := parseFilter(strings.TrimSpace(filter), s.resources[Media], VOW)
		if problem != nil {
			t.Fatalf("%s: %v", filter, problem)
		}
		if got := bounds(e, columnStamp); got != want {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
}
