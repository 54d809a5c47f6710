package reso

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// Followed by their links, the pages of a source hold every record once, in
// whatever form the links come and however many empty pages lie between.
func TestNextLinks(t *testing.T) {
	for name, change := range map[string]func(*simulator.Faults){
		"behind the rows": func(f *simulator.Faults) { f.NextLink = simulator.NextLinkAfter },
		"before the rows": func(f *simulator.Faults) { f.NextLink = simulator.NextLinkBefore },
		"a Link header":   func(f *simulator.Faults) { f.NextLink = simulator.NextLinkHeader },
		"relative": func(f *simulator.Faults) {
			f.NextLink, f.NextLinkRelative = simulator.NextLinkAfter, true
		},
		"empty pages between": func(f *simulator.Faults) {
			f.NextLink = simulator.NextLinkAfter
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.EmptyPageLink}, Every: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim, err := simulator.New(simulator.Options{Seed: 3, Properties: 55})
			if err != nil {
				t.Fatal(err)
			}
			sim.Set(change)
			sim.Set(func(f *simulator.Faults) { f.ClockOffset = -3 * time.Hour })
			server := httptest.NewServer(sim)
			defer server.Close()
			c, err := New(Options{URL: server.URL + "/odata", Tokens: map[string]string{"vow": simulator.DefaultVOWToken}, UserAgent: "resoagent/test"})
			if err != nil {
				t.Fatal(err)
			}
			q, seen := query(), make(map[string]bool)
			for pages := 0; ; pages++ {
				end, err := c.Page(t.Context(), q, func(r record.Record) error {
					if seen[r.Key] {
						t.Errorf("%s came twice", r.Key)
					}
					seen[r.Key] = true
					return nil
				})
				if err != nil || pages > 50 {
					t.Fatalf("page %d: %v", pages, err)
				}
				now, ok := c.Clock()
				if off := time.Since(now) - 3*time.Hour; !ok || off.Abs() > time.Minute {
					t.Errorf("the source's clock is read as %s, %s from what it said", now, off)
				}
				if end.Next == "" {
					break
				}
				q = record.Query{Shape: q.Shape, Feed: q.Feed, Next: end.Next}
			}
			if len(seen) != 55 {
				t.Errorf("%d records came, of 55", len(seen))
			}
		})
	}
}

// The token goes to the origin of --source-url and to no other, whatever a link
// says; and the error names where it was to go, not the token.
func TestLinkToElsewhere(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	var asked []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.RequestURI)
		_, _ = io.WriteString(w, `{"value":[]}`)
	})
	own := c.root.Host
	for link, reached := range map[string]string{
		other.URL + "/odata/Property?$skip=1": "",
		"https://" + own + "/odata/Property":  "",
		"//elsewhere.example/secret-token":    "",
		"http://u:p@" + own + "/":             "",
		"http://" + own + ":1/":               "",
		"ftp://" + own + "/":                  "",
		"http://%zz/secret-token":             "",
		"javascript:alert(1)":                 "",
		"http://" + own + "/odata/Property?$filter=A eq 'ö'&$skiptoken=a%20b#x": "/odata/Property?$filter=A%20eq%20'%C3%B6'&$skiptoken=a%20b",
		"HTTP://" + own + "/x?y": "/x?y",
		"?$skip=1":               "/odata/Property?$skip=1",
		"Property?$skip=2":       "/odata/Property?$skip=2",
	} {
		asked = nil
		_, err := c.Page(t.Context(), record.Query{Shape: shape("vow_property"), Feed: "vow", Next: link}, func(record.Record) error { return nil })
		if reached != "" {
			if err != nil || len(asked) != 1 || asked[0] != reached {
				t.Errorf("%s: asked %q, %v; want %s", link, asked, err, reached)
			}
			continue
		}
		var e *Error
		if !errors.As(err, &e) || e.Temporary() || e.Refused() || len(asked) > 0 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: asked %q, %v; want an error that does not pass", link, asked, err)
		}
		if u, bad := url.Parse(link); bad == nil && u.Hostname() != "" && !strings.Contains(err.Error(), u.Hostname()) {
			t.Errorf("%s: the error does not name it: %v", link, err)
		}
	}
	if elsewhere > 0 {
		t.Errorf("%d requests went elsewhere", elsewhere)
	}
}

// Of several links in one header or in several the next one is found.
func TestLinkHeader(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string
	}{
		{[]string{`<https://h/a?x=1,2>; rel="next"`}, "https://h/a?x=1,2"},
		{[]string{`<https://h/a>; rel=prev, <https://h/b>;title="x" ; REL="last next"`}, "https://h/b"},
		{[]string{`<https://h/a>; rel="first"`, `<https://h/b>; rel=next`}, "https://h/b"},
		{[]string{`<https://h/a>; rel="nextish"`, "<https://h/b", "", ">"}, ""},
	} {
		if got := linkHeader(http.Header{"Link": test.values}, "next"); got != test.want {
			t.Errorf("%q: %q, want %q", test.values, got, test.want)
		}
	}
}

// What an answer says beside its records is known, also where it breaks.
func TestPageEnd(t *testing.T) {
	for body, want := range map[string]record.PageEnd{
		`{"@odata.count":7,"value":[],"@odata.nextLink":"Property?x"}`:                {Next: "/odata/Property?x", Count: 7, Counted: true},
		`{"value":[],"@nextLink":"Property?x"}`:                                       {Next: "/odata/Property?x"},
		`{"value":[],"@nextLink":"Property?a=1&access_token=Secret%2dtoken&$skip=1"}`: {Next: "/odata/Property?a=1&$skip=1"},
		`{"value":[],"@odata.nextLink":null}`:                                         {},
		`{"@odata.count":7,"value":[`:                                                 {Count: 7, Counted: true},
	} {
		c := client(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, body)
		})
		if want.Next != "" {
			want.Next = "http://" + c.root.Host + want.Next
		}
		if got, _ := c.Page(t.Context(), query(), func(record.Record) error { return nil }); got != want {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
}
