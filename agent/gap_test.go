package agent_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A source prints the instant of 201 records rounded up, and filters by what is
// stored: behind its first page there is nothing. The last instant is walked again
// by key, so all of them come; in a first backfill and in a pass after it.
func TestRoundedTimestamps(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		o := bare()
		o.Faults.Precision = simulator.RoundedMilliseconds
		s := newSetup(t, harness.NewSource(t, o), db)
		s.instant(t, "A", 201, "2026-01-01T00:00:00.0066667Z")
		for _, prefix := range []string{"B", "C"} {
			report := s.mustSync(t, catalog.VOWProperty)
			s.vow(t)
			if n := report.Missing(); n != 0 {
				t.Errorf("%s: a gap of %d: %+v", prefix, n, report.Passes[0].Gap)
			}
			if n := pass(t, report, catalog.VOWProperty).Counters; n.Written != 201 {
				t.Errorf("%+v, want 201 written, each once", n)
			}
			// Younger than the lookback, and rounded up to a whole second.
			at := time.Now().Add(-2 * time.Second).UTC().Truncate(time.Second)
			s.instant(t, prefix, 201, at.Add(-400*time.Microsecond).Format(time.RFC3339Nano))
		}
	})
}

// instant adds records of one timestamp.
func (s *setup) instant(tb testing.TB, prefix string, n int, at string) {
	tb.Helper()
	for i := range n {
		s.add(tb, simulator.Property, map[string]any{"ListingKey": fmt.Sprintf("%s%04d", prefix, i), "ModificationTimestamp": at})
	}
}

// What the source counts and will not send is a gap, with all that is known of it,
// until a forced pass has walked everything by time and by key. What even that
// does not bring is the source's miscount, said once.
func TestGap(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		o := bare()
		o.Faults.Collation, o.Faults.FilterByBytes = simulator.NumericAware, true
		s := newSetup(t, harness.NewSource(t, o), db)
		s.config.Sizes["property"].Page, s.config.Parallel = 10, 1 // one walk, so that one count tells
		s.add(t, simulator.Property, listing("W1", time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)))
		s.mustSync(t, catalog.VOWProperty)
		for i := range 100 { // 990 to 999 come first, and by its bytes nothing lies behind 999
			s.add(t, simulator.Property, listing(fmt.Sprint(990+i), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
		}
		for range 2 {
			report := s.mustSync(t, catalog.VOWProperty)
			gap := pass(t, report, catalog.VOWProperty).Gap
			if gap == nil || gap.Records != 90 || report.Missing() != 90 || gap.Since.IsZero() || gap.Before <= "2026-01-01T00:00:00Z" {
				t.Fatalf("the gap is %+v, want 90 records", gap)
			}
		}
		// A source that counts once and then no more closes nothing.
		s.source.Set(func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 500}, Match: func(r *http.Request) bool {
				q := r.URL.RawQuery
				return strings.Contains(q, "$count") && strings.Contains(q, "%20ge%20") && !strings.Contains(q, "%20lt%20")
			}})
		})
		report, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, Force: true})
		if err != nil || report.Missing() != 90 {
			t.Errorf("a gap of %d where the second count fails, want the 90 of before; %v", report.Missing(), err)
		}
		s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
		runs, err := agent.ReadHistory(t.Context(), s.config.StateDir, 1)
		if err != nil || runs[0].Gap != 90 {
			t.Errorf("history: %+v, %v", runs, err)
		}
		report, err = s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, Force: true})
		if err != nil || report.Missing() != 0 {
			t.Errorf("behind a forced pass: a gap of %d, %v", report.Missing(), err)
		}
		said := 0
		for range 2 {
			if n := s.mustSync(t, catalog.VOWProperty).Missing(); n != 0 {
				t.Errorf("a gap of %d, although it is known for a miscount", n)
			}
		}
		for _, n := range of[agent.Notice](s.log) {
			if strings.Contains(n.Text, "miscount") {
				said++
			}
		}
		if said != 1 {
			t.Errorf("the miscount was said %d times", said)
		}
		// What exceeds it is a gap again.
		for i := range 100 {
			s.add(t, simulator.Property, listing(fmt.Sprint(99990+i), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)))
		}
		if n := s.mustSync(t, catalog.VOWProperty).Missing(); n == 0 {
			t.Error("no gap")
		}
	})
}

// A gap in the middle, which no later pass reads again, stays until a forced pass
// brings the records; by key, where they do not come by time.
func TestForceClosesAGap(t *testing.T) {
	t.Parallel()
	o := bare()
	o.Faults.Precision = simulator.RoundedMilliseconds
	s := newSetup(t, harness.NewSource(t, o), harness.NewSQLite(t))
	s.instant(t, "A", 120, "2026-01-01T00:00:00.0066667Z")
	s.instant(t, "B", 20, "2026-02-01T00:00:00Z")
	for range 2 {
		if n := s.mustSync(t, catalog.VOWProperty).Missing(); n != 70 {
			t.Fatalf("a gap of %d, want the 70 behind the first page", n)
		}
		s.instant(t, fmt.Sprint("C", time.Now().UnixNano()), 3, "2026-03-01T00:00:00Z")
	}
	report, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, Force: true})
	if err != nil || report.Missing() != 0 {
		t.Errorf("a gap of %d, %v", report.Missing(), err)
	}
	s.vow(t)
	if n := s.mustSync(t, catalog.VOWProperty).Missing(); n != 0 {
		t.Errorf("a gap of %d", n)
	}
}

// Rows that move on, leave or come while a pass walks are no gap, nor are those that
// a source commits late.
func TestNoFalseGap(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		var keys []string
		err := s.source.Each(simulator.VOW, simulator.Property, func(r simulator.Row) error { keys = append(keys, r.Key); return nil })
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		s.log.on = func(e agent.Event) {
			p, ok := e.(agent.PageFetched)
			if !ok || p.Stream != catalog.VOWProperty || p.Records == 0 || n+3 > len(keys) {
				return
			}
			now := time.Now()
			err := errors.Join(
				s.source.Touch(simulator.Property, keys[n], now, map[string]any{"StandardStatus": "Closed"}),
				s.source.Remove(simulator.Property, keys[n+1]),
				s.source.Add(simulator.Property, listing(fmt.Sprint("NOW", n), now)),
				s.source.Add(simulator.Property, listing(fmt.Sprint("LATE", n), now.Add(-time.Duration(n)*time.Second))),
			)
			if err != nil {
				t.Errorf("change: %v", err)
			}
			n += 3
		}
		for i := range 3 {
			report := s.mustSync(t, catalog.VOWProperty)
			if report.Missing() != 0 {
				t.Errorf("run %d: a gap of %d", i, report.Missing())
			}
		}
		if n == 0 {
			t.Fatal("nothing was changed")
		}
	})
}

// Records without a timestamp come with the first backfill, by key; they move no
// place, and a source that will not list them leaves a gap.
func TestBackfillFetchesTheUnstamped(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, bare()), db)
		s.config.Sizes["property"].Page = 3
		for i := range 50 {
			record := listing(fmt.Sprintf("L%02d", i), time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC))
			if i%10 == 5 {
				delete(record, "ModificationTimestamp")
			}
			s.add(t, simulator.Property, record)
		}
		report := s.mustSync(t, catalog.VOWProperty)
		s.vow(t)
		if p := pass(t, report, catalog.VOWProperty); p.Counters.Written != 50 || p.Counters.Failed != 0 || p.Check.Unaccounted() != 0 {
			t.Errorf("%+v, %+v", p.Counters, p.Check)
		}
		if p := s.position(t, catalog.VOWProperty); p.Key != "L49" {
			t.Errorf("the position is %+v", p)
		}
		asked := 0
		for _, r := range s.source.Requests() {
			if strings.Contains(r.Query["$filter"], "eq null") {
				asked++
			}
		}
		if asked == 0 || asked > 5 {
			t.Errorf("asked %d times for records without a timestamp", asked)
		}
		s.source.ResetRequests()
		s.mustSync(t, catalog.VOWProperty)
		for _, r := range s.source.Requests() {
			if strings.Contains(r.Query["$filter"], "eq null") {
				t.Error("a later pass asks for them again")
			}
		}
	})
	s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
	s.add(t, simulator.Property, listing("L1", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	s.add(t, simulator.Property, map[string]any{"ListingKey": "L2"})
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 400}, Match: func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "eq%20null") }})
	})
	if n := s.mustSync(t, catalog.VOWProperty).Missing(); n != 1 {
		t.Errorf("a gap of %d, want the record that the source will not list", n)
	}
	report, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, Force: true})
	if err != nil || report.Missing() != 1 {
		t.Errorf("behind a forced pass, which is not told it either: a gap of %d, %v", report.Missing(), err)
	}
}

// An empty page with a next link is no end: what lies behind comes, and the walk
// goes on by timestamp and key. Links in a circle are an error.
func TestEmptyPageWithALink(t *testing.T) {
	t.Parallel()
	for _, counts := range []bool{true, false} {
		s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
		s.config.Sizes["property"].Page = 5
		for i := range 40 {
			s.add(t, simulator.Property, listing(fmt.Sprintf("L%02d", i), time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)))
		}
		s.source.Set(func(f *simulator.Faults) {
			f.NextLink, f.CountAbsent = simulator.NextLinkAfter, !counts
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.EmptyPageLink}, Match: onlyPages, Every: 2})
		})
		s.mustSync(t, catalog.VOWProperty)
		s.vow(t)
	}
	s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
	s.add(t, simulator.Property, listing("L1", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	s.source.Set(func(f *simulator.Faults) {
		f.NextLink = simulator.NextLinkAfter
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.LinkLoop}, Match: onlyPages})
	})
	if _, err := s.sync(t, catalog.VOWProperty); !errors.Is(err, agent.ErrStuck) {
		t.Errorf("error %v, want ErrStuck", err)
	}
}
