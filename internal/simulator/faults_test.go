package simulator

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestWholeAnswers(t *testing.T) {
	s := small(t, nil)
	tests := []struct {
		fault  Fault
		status int
		check  func(w *httptest.ResponseRecorder) bool
	}{
		{Fault{Kind: Throttled, Wait: 1500 * time.Millisecond}, 429, func(w *httptest.ResponseRecorder) bool {
			return w.Header().Get("X-Rate-Limit-Retry-After-Seconds") == "2" && w.Header().Get("X-Rate-Limit-Remaining") == "0"
		}},
		{Fault{Kind: Throttled, Wait: 3 * time.Second, Hint: HintSeconds}, 429, func(w *httptest.ResponseRecorder) bool { return w.Header().Get("Retry-After") == "3" }},
		{Fault{Kind: Throttled, Wait: time.Hour, Hint: HintDate}, 429, func(w *httptest.ResponseRecorder) bool {
			at, err := http.ParseTime(w.Header().Get("Retry-After"))
			return err == nil && time.Until(at) > 50*time.Minute
		}},
		{Fault{Kind: Throttled, Hint: HintNone}, 429, func(w *httptest.ResponseRecorder) bool { return w.Header().Get("Retry-After") == "" }},
		{Fault{Kind: Status}, 503, nil},
		{Fault{Kind: Status, Status: 500}, 500, func(w *httptest.ResponseRecorder) bool { return strings.Contains(w.Body.String(), `"code":"500"`) }},
		{Fault{Kind: Status, Status: 401}, 401, nil},
		{Fault{Kind: StatusHTML}, 403, func(w *httptest.ResponseRecorder) bool { return strings.HasPrefix(w.Body.String(), "<!DOCTYPE") }},
		{Fault{Kind: Redirect, Target: "https://elsewhere.example:99"}, 302, func(w *httptest.ResponseRecorder) bool {
			return strings.HasPrefix(w.Header().Get("Location"), "https://elsewhere.example:99/odata/Media")
		}},
		{Fault{Kind: ErrorBody}, 200, func(w *httptest.ResponseRecorder) bool { return strings.HasPrefix(w.Body.String(), `{"error":`) }},
		{Fault{Kind: HTMLBody}, 200, func(w *httptest.ResponseRecorder) bool { return strings.HasPrefix(w.Body.String(), "<!DOCTYPE") }},
		{Fault{Kind: EmptyBody}, 200, func(w *httptest.ResponseRecorder) bool { return w.Body.Len() == 0 }},
		{Fault{Kind: NoValue}, 200, func(w *httptest.ResponseRecorder) bool { return !strings.Contains(w.Body.String(), `"value"`) }},
		{Fault{Kind: SecondDocument}, 200, func(w *httptest.ResponseRecorder) bool { return strings.Contains(w.Body.String(), "}]}{") }},
		{Fault{Kind: EmptyPage}, 200, func(w *httptest.ResponseRecorder) bool { return strings.HasSuffix(w.Body.String(), `"value":[]}`) }},
		{Fault{Kind: CutClean, Bytes: 30}, 200, func(w *httptest.ResponseRecorder) bool { return w.Body.Len() == 30 }},
		{Fault{Kind: GzipBomb, Bytes: 5 << 20}, 200, func(w *httptest.ResponseRecorder) bool {
			sent := w.Body.Len()
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				return false
			}
			data, err := io.ReadAll(z)
			return err == nil && len(data) > 5<<20 && sent < 50<<10 && json.Valid(data)
		}},
	}
	for _, test := range tests {
		t.Run(string(test.fault.Kind)+strconv.Itoa(int(test.fault.Hint)), func(t *testing.T) {
			s.Set(func(f *Faults) { *f = Faults{}; f.Strike(Strike{Fault: test.fault, Next: 1}) })
			w := get(s, VOW, Media, "$top", "20")
			if w.Code != test.status || (test.check != nil && !test.check(w)) {
				t.Errorf("%d %v %.200s", w.Code, w.Header(), w.Body)
			}
			if d := decode(t, get(s, VOW, Media, "$top", "20"), 200); len(d.Value) != 20 {
				t.Error("the next request is not served in full")
			}
			requests := s.Requests()
			if hit := requests[len(requests)-2]; !slices.Equal(hit.Faults, []Kind{test.fault.Kind}) || hit.Status != test.status {
				t.Errorf("logged %+v", hit)
			}
		})
	}
}

func TestStrikes(t *testing.T) {
	s := small(t, nil)
	tests := map[string]struct {
		strike Strike
		want   string
	}{
		"next":     {Strike{Next: 2}, "xx......"},
		"every":    {Strike{Every: 3}, "..x..x.."},
		"after":    {Strike{After: 5}, ".....xxx"},
		"all":      {Strike{}, "xxxxxxxx"},
		"resource": {Strike{Resource: Media, Next: 1}, ".x......"},
		"match":    {Strike{Match: func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "3") }}, "...x...."},
	}
	for name, test := range tests {
		var strike *Strike
		test.strike.Fault = Fault{Kind: Status}
		s.Set(func(f *Faults) { f.Strikes = nil; strike = f.Strike(test.strike) })
		got := ""
		for i := range 8 {
			resource := []string{Property, Media}[i%2]
			if get(s, IDX, resource, "$top", strconv.Itoa(i)).Code == 200 {
				got += "."
			} else {
				got += "x"
			}
		}
		s.Set(func(*Faults) {
			if strike.Hits() != strings.Count(got, "x") {
				t.Errorf("%s: %d hits", name, strike.Hits())
			}
		})
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestHookAndRequests(t *testing.T) {
	s := small(t, nil)
	var seen []int
	s.Set(func(f *Faults) {
		f.OnRequest = func(n int, _ *http.Request) { seen = append(seen, n); s.Count(IDX, Media) }
		f.Hook = func(n int, _ *http.Request) []Fault {
			if n == 2 {
				return []Fault{{Kind: Status, Status: 502}}
			}
			return nil
		}
	})
	for range 3 {
		get(s, IDX, Media, "$top", "3", "$filter", "Order eq 1 or Order eq 0")
	}
	c := s.Counters()
	if !slices.Equal(seen, []int{1, 2, 3}) || c.ByStatus[502] != 1 || c.ByStatus[200] != 2 || c.Rows != 6 || c.ByResource[Media] != 3 {
		t.Errorf("%v %+v", seen, c)
	}
	r := s.Requests()[0]
	if r.Query["$filter"] != "Order eq 1 or Order eq 0" || r.Feed != IDX || r.Rows != 3 || !strings.Contains(r.RawQuery, "%20") {
		t.Errorf("%+v", r)
	}
	s.ResetRequests()
	if len(s.Requests()) != 0 || s.Counters().Requests != 0 {
		t.Error("not forgotten")
	}
}

func TestRowFaults(t *testing.T) {
	s := small(t, nil)
	page := func(skip string) []string {
		var rows []string
		d := decode(t, get(s, VOW, Property, "$orderby", "ModificationTimestamp,ListingKey", "$top", "6", "$skip", skip), 200)
		for _, row := range d.Value {
			rows = append(rows, string(row))
		}
		return rows
	}
	strike := func(kind Kind) {
		s.Set(func(f *Faults) { f.Strikes = nil; f.Strike(Strike{Fault: Fault{Kind: kind}}) })
	}
	first, second := page("0"), page("6")
	strike(Disorder)
	reversed := slices.Clone(first)
	slices.Reverse(reversed)
	if !slices.Equal(page("0"), reversed) {
		t.Error("rows are not turned around")
	}
	strike(Duplicate)
	if got := page("0"); got[0] != got[1] || len(got) != 6 || got[2] != first[1] {
		t.Error("rows do not come twice")
	}
	strike(SamePage)
	if !slices.Equal(page("6"), second) || !slices.Equal(page("0"), second) || !slices.Equal(page("12"), second) {
		t.Error("not the same page for ever")
	}
}

func TestDialects(t *testing.T) {
	s := small(t, nil)
	set := func(f Faults) { s.Set(func(now *Faults) { *now = f }) }
	set(Faults{PageCap: 7})
	if d := decode(t, get(s, VOW, Media, "$top", "50"), 200); len(d.Value) != 7 || d.NextLink != "" {
		t.Errorf("cap: %d rows, next link %q", len(d.Value), d.NextLink)
	}
	set(Faults{TopIgnored: true})
	if d := decode(t, get(s, VOW, Property, "$top", "0"), 200); len(d.Value) != 60 {
		t.Errorf("without a page size: %d rows", len(d.Value))
	}
	set(Faults{NextLink: NextLinkBefore, PageCap: 5})
	w := get(s, VOW, Property, "$orderby", "ModificationTimestamp,ListingKey")
	if d := decode(t, w, 200); strings.Index(w.Body.String(), "nextLink") > strings.Index(w.Body.String(), `"value"`) || !strings.HasSuffix(d.NextLink, "&$skip=5") {
		t.Errorf("next link %q", d.NextLink)
	}
	set(Faults{NextLink: NextLinkAfter, NextLinkHost: "https://elsewhere.example"})
	w = get(s, VOW, Property, "$skip", "2", "$top", "5")
	if d := decode(t, w, 200); strings.Index(w.Body.String(), "nextLink") < strings.Index(w.Body.String(), `"value"`) || d.NextLink != "https://elsewhere.example/odata/Property?$top=5&$skip=7" {
		t.Errorf("next link %q", d.NextLink)
	}
	if d := decode(t, get(s, VOW, Property, "$skip", "55", "$top", "5"), 200); d.NextLink != "" {
		t.Errorf("next link %q at the end", d.NextLink)
	}
	set(Faults{NextLink: NextLinkHeader, PageCap: 5, NextLinkRelative: true})
	w = get(s, VOW, Property)
	if d := decode(t, w, 200); d.NextLink != "" || w.Header().Get("Link") != `</odata/Property?$skip=5>; rel="next"` {
		t.Errorf("next link %q, header %q", d.NextLink, w.Header().Get("Link"))
	}
	loop := Faults{NextLinkRelative: true}
	loop.Strike(Strike{Fault: Fault{Kind: LinkLoop}})
	set(loop)
	there := decode(t, get(s, VOW, Property), 200)
	back := decode(t, get(s, VOW, Property, "$skip", "0", "$skiptoken", "there"), 200)
	if len(there.Value) != 0 || there.NextLink != "/odata/Property?$skip=0&$skiptoken=there" || back.NextLink != "/odata/Property?$skip=0&$skiptoken=back" {
		t.Errorf("links that loop: %q, %q", there.NextLink, back.NextLink)
	}
	set(Faults{ByteOrderMark: true})
	for _, w := range []*httptest.ResponseRecorder{get(s, VOW, Property), get(s, "", Property)} {
		if !strings.HasPrefix(w.Body.String(), "\uFEFF{") {
			t.Errorf("no byte order mark before %.20q", w.Body.String())
		}
	}
	set(Faults{RejectFractions: true})
	decode(t, get(s, VOW, Property, "$filter", "ModificationTimestamp gt 2024-01-01T00:00:00.5Z"), 400)
	decode(t, get(s, VOW, Property, "$filter", "ModificationTimestamp gt 2024-01-01T00:00:00Z"), 200)
	set(Faults{NoIn: 501})
	decode(t, get(s, VOW, Property, "$filter", "true and ListingKey in ('a')"), 501)
	set(Faults{SelectRefused: 400})
	decode(t, get(s, VOW, Property, "$select", "ListingKey"), 400)
	decode(t, get(s, VOW, Property), 200)
	set(Faults{ClockOffset: -3 * time.Hour})
	for _, w := range []*httptest.ResponseRecorder{get(s, VOW, Property), get(s, "", Property)} {
		at, err := http.ParseTime(w.Header().Get("Date"))
		if off := time.Until(at) + 3*time.Hour; err != nil || off.Abs() > time.Minute {
			t.Errorf("the clock is %s off, %v", time.Until(at), err)
		}
	}
	set(Faults{CountRefused: 400})
	decode(t, get(s, VOW, Property, "$count", "true", "$top", "0"), 400)
	set(Faults{CountDelta: -3})
	if d := decode(t, get(s, VOW, Property, "$count", "true", "$top", "0"), 200); *d.Count != 57 || len(d.Value) != 0 {
		t.Errorf("count %d", *d.Count)
	}
	set(Faults{CountAbsent: true})
	if d := decode(t, get(s, VOW, Property, "$count", "true", "$top", "0"), 200); d.Count != nil {
		t.Errorf("count %d", *d.Count)
	}
	set(Faults{FeedDown: IDX})
	decode(t, get(s, IDX, Property), 503)
	decode(t, get(s, VOW, Property), 200)
	set(Faults{MaxURL: 40})
	decode(t, get(s, VOW, Property), 200)
	set(Faults{MaxURL: 5})
	decode(t, get(s, VOW, Property), 414)
}

func TestRequestsPerMinute(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 40, 0, time.UTC)
	s := small(t, func(o *Options) { o.Now = func() time.Time { return now }; o.Faults.RequestsPerMinute = 2 })
	for i, want := range []int{200, 200, 429} {
		w := get(s, VOW, OpenHouse)
		if w.Code != want {
			t.Errorf("request %d: %d", i, w.Code)
		}
		if want == 429 && w.Header().Get("X-Rate-Limit-Retry-After-Seconds") != "20" {
			t.Error(w.Header())
		}
	}
	now = now.Add(time.Minute)
	decode(t, get(s, VOW, OpenHouse), 200)
}

func TestDefaultUserAgent(t *testing.T) {
	s := small(t, nil)
	r := httptest.NewRequest(http.MethodGet, "/odata/Property", nil)
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	r.Header.Set("Authorization", "Bearer "+DefaultVOWToken)
	for _, status := range []int{403, 200} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%d, want %d", w.Code, status)
		}
		s.Set(func(f *Faults) { f.AllowAnyUserAgent = true })
	}
}
