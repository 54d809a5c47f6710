package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func small(t testing.TB, change func(*Options)) *Simulator {
	t.Helper()
	o := Options{Seed: 7, Properties: 60, MediaPerListing: 12, RoomsPerListing: 4, OpenHousesPerListing: 1, OrphanShare: 0.1}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tokenOf(feed Feed) string {
	if feed == IDX {
		return DefaultIDXToken
	}
	return DefaultVOWToken
}

// get asks the handler itself and returns status, body and headers. The query
// is a list of option names and values.
func get(s *Simulator, feed Feed, resource string, options ...string) *httptest.ResponseRecorder {
	var parts []string
	for i := 0; i < len(options); i += 2 {
		parts = append(parts, options[i]+"="+strings.ReplaceAll(url.QueryEscape(options[i+1]), "+", "%20"))
	}
	return raw(s, feed, "/odata/"+resource, strings.Join(parts, "&"))
}

func raw(s *Simulator, feed Feed, path, query string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.URL.RawQuery = query
	r.Header.Set("Authorization", "Bearer "+tokenOf(feed))
	r.Header.Set("User-Agent", "test")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

type document struct {
	Count    *int              `json:"@odata.count"`
	NextLink string            `json:"@odata.nextLink"`
	Value    []json.RawMessage `json:"value"`
	Error    *struct{ Code, Message string }
}

func decode(t testing.TB, w *httptest.ResponseRecorder, status int) document {
	t.Helper()
	var d document
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("decode %.200s: %v", w.Body, err)
	}
	return d
}

func fields(t testing.TB, row []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(row, &m); err != nil {
		t.Fatalf("decode row %.200s: %v", row, err)
	}
	return m
}

func truthOf(t testing.TB, s *Simulator, feed Feed, resource string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.Each(feed, resource, func(r Row) error {
		if _, twice := all[r.Key]; twice {
			return fmt.Errorf("key %s appears twice", r.Key)
		}
		all[r.Key] = string(r.JSON)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// walk pages through a resource by timestamp and key, in the way that the
// source documents for replication.
func walk(t testing.TB, s *Simulator, feed Feed, resource, stamp string, size int, extra string) map[string]string {
	t.Helper()
	def := s.resources[resource]
	at, key := "1970-01-01T00:00:00Z", "0"
	all := map[string]string{}
	for range 10_000 {
		filter := fmt.Sprintf("(%[1]s gt %[2]s or (%[1]s eq %[2]s and %[3]s gt '%[4]s'))", stamp, at, def.key, key)
		d := decode(t, get(s, feed, resource, "$filter", filter+extra, "$orderby", stamp+","+def.key, "$top", fmt.Sprint(size)), http.StatusOK)
		if len(d.Value) == 0 {
			return all
		}
		for _, row := range d.Value {
			m := fields(t, row)
			at, key = m[stamp].(string), m[def.key].(string)
			if _, twice := all[key]; twice {
				t.Fatalf("%s came twice", key)
			}
			all[key] = string(row)
		}
	}
	t.Fatal("the walk has no end")
	return nil
}

func body(t testing.TB, r io.Reader) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
