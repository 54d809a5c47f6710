package reso

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"resoagent/internal/catalog"
	"resoagent/internal/record"
)

func client(tb testing.TB, handler http.HandlerFunc) *Client {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	c, err := New(Options{
		URL: server.URL + "/odata/", Tokens: map[string]string{"vow": "secret-token"}, StallTimeout: 10 * time.Second, UserAgent: "resoagent/test",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// shape is that of a stream of the catalogue.
func shape(stream string) *record.Shape { return catalog.All().Find(stream).Shape() }

func query() record.Query { return record.Query{Shape: shape("vow_property"), Feed: "vow", Top: 10} }

func keys(tb testing.TB, c *Client) (keys []string, err error) {
	tb.Helper()
	_, err = c.Page(tb.Context(), query(), func(r record.Record) error {
		keys = append(keys, r.Key)
		return nil
	})
	return keys, err
}

const row = `{"ListingKey":"%s","ModificationTimestamp":"2024-01-01T00:00:00Z"}`

func rows(names ...string) string {
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprintf(row, n))
	}
	return strings.Join(out, ",")
}

func TestFilter(t *testing.T) {
	at := record.Cursor{Timestamp: "2024-05-06T07:08:09.5Z", Key: "W'1"}
	for _, test := range []struct {
		name  string
		query record.Query
		want  string
	}{
		{"beginning", record.Query{}, "ModificationTimestamp gt 1970-01-01T00:00:00Z or (ModificationTimestamp eq 1970-01-01T00:00:00Z and ListingKey gt '0')"},
		{"behind a record", record.Query{After: at}, "ModificationTimestamp gt 2024-05-06T07:08:09.5Z or (ModificationTimestamp eq 2024-05-06T07:08:09.5Z and ListingKey gt 'W''1')"},
		{"with a filter", record.Query{After: at, Filter: "A eq 1 or B eq 2"}, "(A eq 1 or B eq 2) and (ModificationTimestamp gt 2024-05-06T07:08:09.5Z or (ModificationTimestamp eq 2024-05-06T07:08:09.5Z and ListingKey gt 'W''1'))"},
		{"a second", record.Query{After: at, ByKey: true, From: at.Timestamp, Before: "2024-05-06T07:08:10Z"}, "ModificationTimestamp ge 2024-05-06T07:08:09.5Z and ModificationTimestamp lt 2024-05-06T07:08:10Z and ListingKey gt 'W''1'"},
		{"a second's beginning", record.Query{ByKey: true, From: at.Timestamp, Before: "2024-05-06T07:08:10Z"}, "ModificationTimestamp ge 2024-05-06T07:08:09.5Z and ModificationTimestamp lt 2024-05-06T07:08:10Z"},
		{"without a timestamp", record.Query{ByKey: true, Null: true, Filter: "A eq 1"}, "(A eq 1) and (ModificationTimestamp eq null)"},
		{"all by key", record.Query{ByKey: true, After: at}, "ListingKey gt 'W''1'"},
		{"all", record.Query{All: true}, ""},
		{"all of a filter", record.Query{All: true, Filter: "A eq 1"}, "A eq 1"},
	} {
		test.query.Shape = shape("vow_property")
		got, err := filter(test.query)
		if err != nil || got != test.want {
			t.Errorf("%s: %v\n got %s\nwant %s", test.name, err, got, test.want)
		}
	}
	hostile := record.Query{Shape: shape("vow_property"), After: record.Cursor{Timestamp: "2024-01-01T00:00:00Z or true", Key: "x"}}
	if _, err := filter(hostile); !errors.Is(err, record.ErrTimestamp) {
		t.Errorf("a timestamp that would change the question: %v", err)
	}
}

func TestEncode(t *testing.T) {
	got := encode("$filter", "A eq 'x+y & é'", "$top", "5")
	if want := "$filter=A%20eq%20%27x%2By%20%26%20%C3%A9%27&$top=5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("2024-01-01T00:00:00Z", "W'1", false)
	f.Fuzz(func(t *testing.T, timestamp, key string, byKey bool) {
		text, err := filter(record.Query{Shape: shape("vow_property"), After: record.Cursor{Timestamp: timestamp, Key: key}, ByKey: byKey, From: timestamp})
		if err != nil {
			return
		}
		// Outside of quotes there is nothing that came from the source but digits.
		outside := ""
		for i, part := range strings.Split(strings.ReplaceAll(text, "''", ""), "'") {
			if i%2 == 0 {
				outside += part
			}
		}
		if strings.Count(text, "'")%2 != 0 || strings.ContainsAny(outside, "\x00,;&#$") {
			t.Errorf("timestamp %q and key %q make %s", timestamp, key, text)
		}
	})
}

func TestPage(t *testing.T) {
	for name, body := range map[string]string{
		"value last":      `{"@odata.context":"x","@odata.count":5,"value":[` + rows("a", "b") + `]}`,
		"value first":     `{"value":[` + rows("a", "b") + `],"@odata.nextLink":"https://elsewhere.example/x"}`,
		"spread out":      "\n { \"value\" : [\n" + rows("a", "b") + "\n]\n}\n\n",
		"a mark before":   byteOrderMark + `{"value":[` + rows("a", "b") + `]}`,
		"no error":        `{"error":null,"value":[` + rows("a", "b") + `]}`,
		"unknown members": `{"x":{"value":[1]},"value":[` + rows("a", "b") + `],"y":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				_, _ = io.WriteString(w, body)
			})
			names, err := keys(t, c)
			if err != nil || !cmp.Equal(names, []string{"a", "b"}) {
				t.Fatalf("%v, %v", names, err)
			}
			if got.URL.Path != "/odata/Property" || got.Header.Get("Authorization") != "Bearer secret-token" ||
				got.Header.Get("User-Agent") != "resoagent/test" || got.Header.Get("Accept-Encoding") != "gzip" {
				t.Errorf("request %s, %v", got.URL, got.Header)
			}
		})
	}
}

// What is broken is an error that may pass, and what came before it is good.
func TestBrokenPages(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		good int
		says string
	}{
		"empty":             {"", 0, "the answer is empty"},
		"HTML":              {"<html><body>busy</body></html>", 0, "not JSON, it begins with"},
		"a list":            {"[]", 0, "not JSON"},
		"no value":          {`{"@odata.context":"x"}`, 0, `no "value"`},
		"value is null":     {`{"value":null}`, 0, "not a list"},
		"error body":        {`{"error":{"code":"42","message":"busy"}}`, 0, "code 42: an error with status 200: busy"},
		"error after value": {`{"value":[` + rows("a") + `],"error":{"message":"half"}}`, 1, "half"},
		"cut in a record":   {`{"value":[` + rows("a") + `,{"ListingKey":"b`, 1, ""},
		"cut behind one":    {`{"value":[` + rows("a") + `,`, 1, ""},
		"cut behind list":   {`{"value":[` + rows("a") + `]`, 1, ""},
		"second document":   {`{"value":[` + rows("a") + `]}{"value":[]}`, 1, "more follows"},
		"rubbish behind":    {`{"value":[` + rows("a") + `]}x`, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.body) })
			names, err := keys(t, c)
			var fault *Error
			if !errors.As(err, &fault) || !fault.Temporary() || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want a temporary one that says %q", err, test.says)
			}
			if len(names) != test.good {
				t.Errorf("%d good records, want %d", len(names), test.good)
			}
		})
	}
}

func TestStatuses(t *testing.T) {
	const odata = `{"error":{"code":"1111","message":"no such\n field"}}`
	for _, test := range []struct {
		status    int
		body      string
		temporary bool
		throttled bool
		refused   bool
		says      string
	}{
		{400, odata, false, false, true, "read Property: HTTP 400 Bad Request, code 1111: no such field"},
		{400, byteOrderMark + odata, false, false, true, "code 1111: no such field"},
		{401, odata, false, false, false, "check the feed's token"},
		{403, "<html>denied", false, false, false, "HTTP 403 Forbidden; the token or this host may not read this"},
		{404, "", false, false, true, "check --source-url"},
		{408, "", true, false, false, ""},
		{429, "", true, true, false, "HTTP 429"},
		{500, "", true, false, false, ""},
		{501, odata, false, false, true, "HTTP 501"},
		{503, "", true, false, false, ""},
		{302, "", false, false, false, "not followed"},
		{204, "", false, false, false, "HTTP 204"},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://elsewhere.example/")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := keys(t, c)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if e.Temporary() != test.temporary || e.Throttled() != test.throttled || e.Refused() != test.refused || !strings.Contains(e.Error(), test.says) {
				t.Errorf("%v: temporary %t, throttled %t, refused %t", e, e.Temporary(), e.Throttled(), e.Refused())
			}
		})
	}
}

func TestCount(t *testing.T) {
	for _, test := range []struct {
		status  int
		body    string
		n       int64
		ok, bad bool
	}{
		{200, `{"@odata.count":42,"value":[]}`, 42, true, false},
		{200, `{"value":[],"@odata.count":"42"}`, 42, true, false},
		{200, `{"@odata.count":42}`, 42, true, false},
		{200, `{"value":[]}`, 0, false, false},
		{200, byteOrderMark + `{"@odata.count":42,"value":[]}`, 42, true, false},
		{200, `{"@odata.count":42,"value":[` + rows("a", "b") + `]}`, 42, true, false},
		{200, `{"value":[` + strings.Repeat("{},", 999) + `{}],"@odata.count":42}`, 42, true, false},
		{200, `{"value":[` + strings.Repeat("{},", 5000) + `{}],"@odata.count":42}`, 0, false, false},
		{200, `{"value":[{"X":"` + strings.Repeat("x", 17<<20) + `"}],"@odata.count":42}`, 0, false, false},
		{200, `{"value":[],"@odata.count":1` + strings.Repeat("0", 70_000) + `}`, 0, false, true},
		{200, `{"value":[],"@odata.count":-1}`, -1, false, false},
		{400, ``, 0, false, false},
		{501, ``, 0, false, false},
		{401, ``, 0, false, true},
		{500, ``, 0, false, true},
	} {
		var asked string
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.RawQuery
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		n, ok, err := c.Count(t.Context(), query())
		if n != test.n || ok != test.ok || (err != nil) != test.bad {
			t.Errorf("%d %s: %d, %t, %v", test.status, test.body, n, ok, err)
		}
		if !strings.HasSuffix(asked, "&$count=true&$top=0") || !strings.HasPrefix(asked, "$filter=ModificationTimestamp%20gt%20") {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		header, value string
		want          time.Duration
		ok            bool
	}{
		{"X-Rate-Limit-Retry-After-Seconds", "7", 7 * time.Second, true},
		{"X-Rate-Limit-Retry-After-Seconds", "0.5", 500 * time.Millisecond, true},
		{"Retry-After", "7", 7 * time.Second, true},
		{"Retry-After", "Thu, 01 Jan 2026 00:00:09 GMT", 9 * time.Second, true},
		{"Retry-After", "Thu, 01 Jan 2025 00:00:09 GMT", 0, true},
		{"Retry-After", "0", 0, true},
		{"Retry-After", "3600", time.Hour, true},
		{"Retry-After", "604800", 7 * 24 * time.Hour, true},
		{"Retry-After", "99999999999", 0, false}, // three thousand years
		{"Retry-After", "1e300", 0, false},
		{"Retry-After", "Inf", 0, false},
		{"Retry-After", "NaN", 0, false},
		{"Retry-After", "Fri, 01 Jan 2099 00:00:00 GMT", 0, false},
		{"X-Rate-Limit-Retry-After-Seconds", "-7", 0, false},
		{"Retry-After", "-1", 0, false},
		{"Retry-After", "soon", 0, false},
		{"X-Other", "7", 0, false},
	} {
		got, ok := retryAfter(http.Header{http.CanonicalHeaderKey(test.header): {test.value}}, now)
		if got != test.want || ok != test.ok {
			t.Errorf("%s: %s: %s, %t; want %s, %t", test.header, test.value, got, ok, test.want, test.ok)
		}
	}
}

// The longer of two pauses holds, one that cannot be read counts for nothing, and a
// date is one of the source's own clock, whatever this host's shows.
func TestRetryAfterOfTwo(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"the vendor's is longer":   {http.Header{"X-Rate-Limit-Retry-After-Seconds": {"60"}, "Retry-After": {"1"}}, time.Minute},
		"the standard's is longer": {http.Header{"X-Rate-Limit-Retry-After-Seconds": {"0"}, "Retry-After": {"60"}}, time.Minute},
		"the vendor's is no time":  {http.Header{"X-Rate-Limit-Retry-After-Seconds": {"soon"}, "Retry-After": {"60"}}, time.Minute},
		"a clock that is behind":   {http.Header{"Date": {"Wed, 31 Dec 2025 23:00:00 GMT"}, "Retry-After": {"Wed, 31 Dec 2025 23:01:00 GMT"}}, time.Minute},
		"a clock that is ahead":    {http.Header{"Date": {"Thu, 01 Jan 2026 01:00:00 GMT"}, "Retry-After": {"Thu, 01 Jan 2026 01:01:00 GMT"}}, time.Minute},
	} {
		if got, ok := retryAfter(test.header, now); got != test.want || !ok {
			t.Errorf("%s: %s, %t; want %s", name, got, ok, test.want)
		}
	}
}

// Silence ends the wait; slowness does not, nor a receiver that takes its time.
func TestStall(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	silent := client(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+rows("a")+`,`)
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	silent.stall = 300 * time.Millisecond
	names, err := keys(t, silent)
	if !errors.Is(err, errStalled) || len(names) != 1 {
		t.Errorf("%v, %v; want one record and a stall", names, err)
	}
	slow := client(t, func(w http.ResponseWriter, r *http.Request) {
		for _, b := range []byte(`{"value":[` + rows("a", "b") + `]}`) {
			_, _ = w.Write([]byte{b})
			w.(http.Flusher).Flush()
			select {
			case <-time.After(4 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	})
	slow.stall = 300 * time.Millisecond
	_, err = slow.Page(t.Context(), query(), func(record.Record) error {
		<-time.After(350 * time.Millisecond)
		return nil
	})
	if err != nil {
		t.Errorf("a slow answer and a slow receiver: %v", err)
	}
}

// A source that sends, but nothing or next to nothing, is left as one that is
// silent: white space is no data, and a body has a least rate.
func TestDrip(t *testing.T) {
	for name, drip := range map[string]struct{ piece, says string }{
		"spaces":        {" ", "no data for"},
		"lines":         {"\r\n\t", "no data for"},
		"empty records": {"{},", "which is less than 1024 a second"},
		"a text":        {"x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, r *http.Request) {
				begin := `{"value":[` + rows("a") + ","
				if drip.says == "" {
					begin, drip.says = begin+`{"X":"`, "which is less than 1024 a second"
				}
				_, _ = io.WriteString(w, begin)
				for r.Context().Err() == nil {
					_, _ = io.WriteString(w, drip.piece)
					w.(http.Flusher).Flush()
					select {
					case <-time.After(20 * time.Millisecond):
					case <-r.Context().Done():
					}
				}
			})
			c.stall = 200 * time.Millisecond
			begun := time.Now()
			names, err := keys(t, c)
			var e *Error
			if !errors.As(err, &e) || !e.Temporary() || e.Kind() != "stalled" || !strings.Contains(err.Error(), drip.says) || len(names) < 1 {
				t.Errorf("%v, %v; want a record, and an error that says %q", names, err, drip.says)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// Of a page with more records than were asked for so many are read as a source
// with a page size of its own may send: they are good, and the rest lies behind
// them. By a link the rest could not be asked for.
func TestMoreThanAsked(t *testing.T) {
	const sent = 30_000
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+strings.Repeat(rows("a")+",", sent)+rows("b")+`]}`)
	})
	names, err := keys(t, c)
	if err != nil || len(names) != query().Top+surplus {
		t.Errorf("%d records, %v", len(names), err)
	}
	n := 0
	_, err = c.Page(t.Context(), record.Query{Shape: shape("vow_property"), Feed: "vow", Next: "?x"}, func(record.Record) error { n++; return nil })
	if err != nil || n != sent+1 {
		t.Errorf("by a link: %d records, %v", n, err)
	}
	endless := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+strings.Repeat("{},", mostByLink)+`{}]}`)
	})
	_, err = endless.Page(t.Context(), record.Query{Shape: shape("vow_property"), Feed: "vow", Next: "?x"}, func(record.Record) error { return nil })
	var e *Error
	if !errors.As(err, &e) || e.Temporary() || !strings.Contains(err.Error(), "more than 1000000 records") {
		t.Errorf("by a link, without end: %v", err)
	}
}

// Beside its records an answer has 64 KiB, in whatever member they stand.
func TestEnvelope(t *testing.T) {
	long := strings.Repeat("x", maxEnvelope)
	for name, body := range map[string]string{
		"context":   `{"@odata.context":"` + long + `","value":[]}`,
		"link":      `{"value":[],"@odata.nextLink":"` + long + `"}`,
		"name":      `{"value":[],"` + long + `":1}`,
		"error":     `{"error":{"message":"` + long + `"}}`,
		"number":    `{"@odata.count":1` + strings.Repeat("0", maxEnvelope) + `,"value":[]}`,
		"many":      `{"value":[]` + strings.Repeat(`,"x":1`, maxEnvelope/6) + `}`,
		"deep":      `{"x":` + strings.Repeat("[", maxEnvelope),
		"before":    `{` + strings.Repeat(" ", maxEnvelope) + `"value":[]}`,
		"behind":    `{"value":[]}` + strings.Repeat(" ", maxEnvelope),
		"two parts": `{"x":"` + long[:maxEnvelope/2] + `","value":[` + rows("a") + `],"y":"` + long[:maxEnvelope/2] + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
			_, err := keys(t, c)
			var e *Error
			if !errors.As(err, &e) || e.Temporary() || !strings.Contains(err.Error(), "more than 64 KiB beside its records") {
				t.Errorf("error %.300v", err)
			}
			_, _, err = c.Count(t.Context(), query())
			if name != "two parts" && (!errors.As(err, &e) || e.Temporary()) { // that one has no count behind a record
				t.Errorf("count: error %.300v", err)
			}
		})
	}
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"x":"`+long[:maxEnvelope-100]+`","value":[`+strings.Repeat(rows("a")+",", 2000)+rows("b")+`]}`)
	})
	if names, err := keys(t, c); err != nil || len(names) != 2001 {
		t.Errorf("%d records, %v", len(names), err)
	}
}

// A compressed answer that inflates without end is cut off: a record is a
// reject, a page an error that is not tried again.
func TestGzipBomb(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `{"value":[{"ListingKey":"a","X":"`)
		block := strings.Repeat("a", 1<<20)
		for range 64 {
			_, _ = io.WriteString(z, block)
		}
		_, _ = io.WriteString(z, `"},`+rows("b")+`]}`)
		_ = z.Close()
	})
	var got []record.Record
	_, err := c.Page(t.Context(), query(), func(r record.Record) error {
		got = append(got, r)
		return nil
	})
	if err != nil || len(got) != 2 || got[0].Reason != "larger than 8 MiB" || len(got[0].JSON) != record.MaxSize || got[1].Key != "b" {
		t.Errorf("%d records, %v; want a reject and a good one", len(got), err)
	}
	c.limit = 32 << 20
	_, err = keys(t, c)
	var e *Error
	if !errors.Is(err, errTooLarge) || !errors.As(err, &e) || e.Temporary() {
		t.Errorf("error %v", err)
	}
}

// A record that is not JSON is one reject; its neighbours are good.
func TestBadRecordCostsNoNeighbour(t *testing.T) {
	for name, bad := range map[string]string{
		"a raw control character": "{\"ListingKey\":\"x\",\"PublicRemarks\":\"a\x01b\"}",
		"an unknown escape":       `{"ListingKey":"x","PublicRemarks":"a\qb"}`,
		"deep nesting":            `{"ListingKey":"x","X":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"a bare word":             `{"ListingKey":NaN}`,
		"single quotes":           `{'ListingKey':1}`,
		"a trailing comma":        `{"ListingKey":"x",}`,
		"two in one":              `{"ListingKey":"x"}{"ListingKey":"y"}`,
		"a word":                  `undefined`,
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"value":[`+rows("a")+","+bad+" ,\n"+rows("b")+`],"@odata.count":3}`)
			})
			var good []string
			var reasons []string
			_, err := c.Page(t.Context(), query(), func(r record.Record) error {
				if r.Reason == "" {
					good = append(good, r.Key)
				} else {
					reasons = append(reasons, r.Reason)
				}
				return nil
			})
			if err != nil || !cmp.Equal(good, []string{"a", "b"}) || len(reasons) != 1 || !strings.HasPrefix(reasons[0], "not valid JSON: ") {
				t.Errorf("good %v, reasons %q, %v", good, reasons, err)
			}
		})
	}
}

// Wherever the pieces of an answer end, the elements are the same.
func TestSplitter(t *testing.T) {
	const list = ` {"a":"x,]}\"\\","b":[1,{"c":"["}]} , 5,"s]" ,[ ] , null ]rest`
	want := []string{`{"a":"x,]}\"\\","b":[1,{"c":"["}]}`, `5`, `"s]"`, `[ ]`, `null`}
	for size := 16; size < 80; size++ {
		in := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(list)), size)
		if size%2 == 0 {
			in = bufio.NewReaderSize(strings.NewReader(list), size)
		}
		s := splitter{in: in, limit: 1000}
		var got []string
		for {
			ok, err := s.next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			got = append(got, string(s.element))
		}
		rest, err := io.ReadAll(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" || string(rest) != "rest" {
			t.Fatalf("size %d: rest %q, %v (-want +got):\n%s", size, rest, err, diff)
		}
	}
	for _, bad := range []string{``, `1`, `,1]`, `1,]`, `1,,2]`, `}`, `{"a":1`, `"a`, `"a\`} {
		s := splitter{in: bufio.NewReader(strings.NewReader(bad)), limit: 1000}
		var err error
		for ok := true; ok && err == nil; {
			ok, err = s.next()
		}
		if err == nil {
			t.Errorf("%q was taken for a list", bad)
		}
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add(`{"a":"x,]}\""},[1,2],"s"`)
	f.Fuzz(func(t *testing.T, list string) {
		var want []jsontext.Value
		if json.Unmarshal([]byte("["+list+"]"), &want, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
			return
		}
		s := splitter{in: bufio.NewReaderSize(strings.NewReader(list+"]"), 16), limit: 1 << 20}
		for i := 0; ; i++ {
			ok, err := s.next()
			if err != nil || ok != (i < len(want)) || ok && string(s.element) != string(want[i]) {
				t.Fatalf("element %d of [%s]: %q, %t, %v", i, list, s.element, ok, err)
			}
			if !ok {
				return
			}
		}
	})
}

func BenchmarkPage(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"value":[`)
	for i := range 200 {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"MediaKey":"m%d","MediaModificationTimestamp":"2024-01-01T00:00:00Z","ResourceRecordKey":"W1"`, i)
		for f := range 20 {
			fmt.Fprintf(&text, `,"SomeLongerField%d":"a value of some length","Null%d":null`, f, f)
		}
		text.WriteByte('}')
	}
	text.WriteString(`]}`)
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		_, cancel := context.WithCancelCause(b.Context())
		in := &body{in: io.NopCloser(strings.NewReader(text.String())), clock: newStallClock(0, cancel), cancel: cancel, ctx: b.Context(), limit: maxPageBytes}
		p := page{resource: "Media", shape: shape("media"), body: in, yield: func(record.Record) error { return nil }}
		if err := p.read(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestYieldErrorComesBack(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+rows("a", "b")+`]}`)
	})
	own := errors.New("own")
	if _, err := c.Page(t.Context(), query(), func(record.Record) error { return own }); !errors.Is(err, own) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Page(ctx, query(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestURLs(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://query.ampre.ca/odata": true, "https://query.ampre.ca/odata/": true, "http://127.0.0.1:8080/odata": true,
		"http://[::1]/odata": true, "http://localhost/odata": true, "http://query.ampre.ca/odata": false, "ftp://x/": false,
		"query.ampre.ca": false, "": false, "https://user:pw@host/": false, "https://host/?a=b": false,
	} {
		_, err := New(Options{URL: url})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw@") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	if _, err := New(Options{URL: "http://query.ampre.ca", AllowPlaintext: true}); err != nil {
		t.Error(err)
	}
}

// TLS is verified: against the system's roots, and those of --ca-file.
func TestCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[`+rows("a")+`]}`)
	}))
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	c, err := New(Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = keys(t, c)
	var e *Error
	if !errors.As(err, &e) || e.Temporary() || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v, want an error that is not tried again", err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = New(Options{URL: server.URL, CAFile: file})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := keys(t, c); err != nil || len(names) != 1 {
		t.Errorf("with --ca-file: %v, %v", names, err)
	}
	if _, err := New(Options{URL: server.URL, CAFile: file + "x"}); err == nil {
		t.Error("a --ca-file that is not there")
	}
}

// The errors of a connection name the host, never the token.
func TestConnectionError(t *testing.T) {
	c, err := New(Options{URL: "http://127.0.0.1:1/odata", Tokens: map[string]string{"vow": "secret-token"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = keys(t, c)
	var e *Error
	if !errors.As(err, &e) || !e.Temporary() || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(`{"@odata.count":5,"value":[` + rows("a", "b") + `]}`))
	f.Add([]byte(`{"error":{"code":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, cancel := context.WithCancelCause(t.Context())
		b := &body{in: io.NopCloser(strings.NewReader(string(text))), clock: newStallClock(0, cancel), cancel: cancel, ctx: t.Context(), limit: maxPageBytes}
		p := page{resource: "Property", shape: shape("vow_property"), body: b, yield: func(record.Record) error { return nil }}
		err := p.read(t.Context())
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
