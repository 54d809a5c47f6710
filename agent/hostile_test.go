package agent_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// Oddities of a whole feed that a sync must bear: everything arrives.
func TestOddSources(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]func(*simulator.Faults){
		"counts too low":    func(f *simulator.Faults) { f.CountDelta = -20 },
		"no counts":         func(f *simulator.Faults) { f.CountAbsent = true },
		"pages of any size": func(f *simulator.Faults) { f.TopIgnored = true },
		"a byte order mark": func(f *simulator.Faults) {
			f.ByteOrderMark = true
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status}, Every: 5})
		},
		"drips": func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Drip, Bytes: 2000}, Match: onlyPages, Every: 4})
		},
		"answers in half a limit": func(f *simulator.Faults) { f.Latency = 150 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.StallTimeout = 2 * time.Second
			s.source.Set(faults)
			s.mustSync(t)
			s.compare(t)
		})
	}
}

// A source that counts more than it sends is not believed to be complete.
func TestCountsTooHigh(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.RetryFor = time.Second
	s.source.Set(func(f *simulator.Faults) { f.CountDelta = 20 })
	if _, err := s.sync(t); !errors.Is(err, agent.ErrIncomplete) {
		t.Errorf("error %v", err)
	}
	s.source.Set(func(f *simulator.Faults) { f.CountDelta = 0 })
	s.mustSync(t)
	s.compare(t)
}

// A page that unpacks to more than any page may be is not tried again.
func TestGzipBombStops(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Parallel = 1 // one walk, and its pages by number
	s.fault(simulator.Media, simulator.Strike{Fault: simulator.Fault{Kind: simulator.GzipBomb}, After: 2})
	_, err := s.sync(t)
	if err == nil || !strings.HasPrefix(err.Error(), "media, page ") {
		t.Errorf("error %v", err)
	}
	if n := s.source.Pages(simulator.Media); n > 3 {
		t.Errorf("%d pages were asked for", n)
	}
	s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
	s.mustSync(t)
	s.compare(t)
}

// Next links and redirects that lead to another host, port or scheme are not
// followed: nobody there hears of the token, or of anything.
func TestNobodyElseIsAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	listen := func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "no", http.StatusTeapot)
	}
	plain, secure := httptest.NewServer(http.HandlerFunc(listen)), httptest.NewTLSServer(http.HandlerFunc(listen))
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	few := simulator.Options{Seed: 7, Properties: 15, MediaPerListing: 5}
	for _, elsewhere := range []string{plain.URL, secure.URL, strings.Replace(plain.URL, "127.0.0.1", "localhost", 1)} {
		for _, place := range []simulator.Placement{simulator.NextLinkBefore, simulator.NextLinkAfter} {
			s := newSetup(t, harness.NewSource(t, few), harness.NewSQLite(t))
			s.source.Set(func(f *simulator.Faults) { f.NextLink, f.NextLinkHost = place, elsewhere })
			s.mustSync(t)
			s.compare(t)
		}
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			s := newSetup(t, harness.NewSource(t, few), harness.NewSQLite(t))
			s.fault(simulator.Media, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Redirect, Status: status, Target: elsewhere}})
			if _, err := s.sync(t); err == nil || !strings.Contains(err.Error(), "not followed") {
				t.Errorf("redirect %d to %s: %v", status, elsewhere, err)
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// Values as odd as JSON allows, in one record each: what can be stored is
// stored, what cannot is one reject, and no neighbour is lost.
func TestOddRecords(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at = "2025-03-01T12:00:00Z"
		records := map[string]struct {
			raw    string
			reject bool
		}{
			"LONG":   {`{"ListingKey":"LONG","ModificationTimestamp":"` + at + `","PublicRemarks":"` + strings.Repeat("lorem ", 900_000) + `"}`, false},
			"YEAR1":  {`{"ListingKey":"YEAR1","ModificationTimestamp":"0001-01-01T00:00:00Z"}`, false},
			"NEVER":  {`{"ListingKey":"NEVER","ModificationTimestamp":"yesterday"}`, true},
			"NOTIME": {`{"ListingKey":"NOTIME","ModificationTimestamp":null}`, false},
			"12345":  {`{"ListingKey":12345,"ModificationTimestamp":"` + at + `"}`, false},
			"TWICE":  {`{"ListingKey":"TWICE","ListingKey":"TWICE","ModificationTimestamp":"` + at + `"}`, false},
			"DATES":  {`{"ListingKey":"DATES","ModificationTimestamp":"` + at + `","CloseDate":"99999-12-31","ListPrice":"12","City":["a"]}`, false},
		}
		for key, test := range records {
			if err := s.source.AddRaw(simulator.Property, key, at, "", []byte(test.raw)); err != nil {
				t.Fatal(err)
			}
		}
		s.mustSync(t, catalog.VOWProperty)
		for key, test := range records {
			rows := db.Count(t, "vow_property", "listing_key = '"+key+"'")
			rejects := db.Count(t, "agent_reject", "record_key = '"+key+"' AND reason <> ''")
			if want := int64(0); test.reject && (rows != want || rejects != 1) || !test.reject && (rows != 1 || rejects != want) {
				t.Errorf("%s: %d rows and %d rejects", key, rows, rejects)
			}
		}
		if n := db.Count(t, "vow_property", "listing_key NOT IN ('LONG', 'YEAR1', 'NOTIME', '12345', 'TWICE', 'DATES')"); n != int64(harness.Small().Properties) {
			t.Errorf("%d neighbours", n)
		}
	})
}
