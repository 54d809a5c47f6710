package agent_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// bare is a source without any rows of its own, so that a test's few are all there is.
func bare() simulator.Options {
	o := harness.Small()
	o.Properties, o.MediaPerListing, o.RoomsPerListing, o.OpenHousesPerListing, o.OrphanShare = -1, -1, -1, -1, -1
	return o
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// vow compares the listings.
func (s *setup) vow(tb testing.TB) {
	tb.Helper()
	harness.Compare(tb, s.source, s.db, harness.Feeds{VOW: true})
}

// A record stamped ahead of the present is stored and hides nothing that comes
// until then.
func TestAheadHidesNothing(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, bare()), db)
		now := time.Now()
		s.add(t, simulator.Property, listing("W1", now.Add(-time.Hour)))
		s.add(t, simulator.Property, listing("AHEAD", now.Add(time.Hour)))
		s.mustSync(t, catalog.VOWProperty)
		s.vow(t)
		if p := s.position(t, catalog.VOWProperty); p.Key != "W1" {
			t.Errorf("the position is %+v, want that of W1", p)
		}
		if err := s.source.Touch(simulator.Property, "W1", now, map[string]any{"StandardStatus": "Closed"}); err != nil {
			t.Fatal(err)
		}
		s.add(t, simulator.Property, listing("NEW", now))
		s.mustSync(t, catalog.VOWProperty)
		s.vow(t)
		// And once more, since the record ahead is asked for by each pass.
		s.add(t, simulator.Property, listing("NEWER", now.Add(time.Second)))
		s.mustSync(t, catalog.VOWProperty)
		s.vow(t)
	})
}

// All stamps are ahead: local time marked as UTC, or a host whose clock is wrong.
// Each run ends, brings what is new, and says what it goes by.
func TestClocks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		zone   time.Duration // by which the source's stamps are ahead of its clock
		agent  time.Duration // by which the agent's clock is off
		source time.Duration // by which the source's Date is off
		says   bool
	}{
		"local time marked Z":           {zone: 10 * time.Hour},
		"the agent's clock is behind":   {agent: -30 * 24 * time.Hour, says: true},
		"the agent's clock is ahead":    {agent: 30 * 24 * time.Hour, says: true},
		"the agent's clock is a bit on": {agent: 3 * time.Minute},
		"the source's Date is behind":   {source: -20 * 24 * time.Hour, says: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
			s.config.Now = func() time.Time { return time.Now().Add(test.agent) }
			s.source.Set(func(f *simulator.Faults) { f.ClockOffset = test.source })
			s.config.Sizes["property"].Page = 7
			for i := range 40 {
				s.add(t, simulator.Property, listing(fmt.Sprintf("L%02d", i), time.Now().Add(test.zone-time.Duration(i)*time.Hour)))
			}
			for i := range 3 {
				s.source.ResetRequests()
				s.mustSync(t, catalog.VOWProperty)
				s.vow(t)
				if n := s.source.Pages(simulator.Property); n > 20 {
					t.Errorf("run %d asks for %d pages", i, n)
				}
				s.add(t, simulator.Property, listing(fmt.Sprintf("N%02d", i), time.Now().Add(test.zone)))
			}
			s.mustSync(t, catalog.VOWProperty)
			s.vow(t)
			said := 0
			for _, n := range of[agent.Notice](s.log) {
				if n.Warning {
					said++
				}
			}
			if test.says != (said > 0) || said > 4 {
				t.Errorf("%d warnings in 4 runs, want %t", said, test.says)
			}
		})
	}
}

// A pass that is interrupted while it is far ahead goes on there, and what has come
// to the present meanwhile is in the same run.
func TestInterruptedAheadOfThePresent(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
	s.config.Sizes["property"].Page, s.config.Sizes["property"].Batch = 10, 10
	s.add(t, simulator.Property, listing("W1", time.Now().Add(-time.Hour)))
	at := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100 {
		s.add(t, simulator.Property, listing(fmt.Sprintf("F%03d", i), at.Add(time.Duration(i)*time.Second)))
	}
	s.slow(200 * time.Millisecond)
	ctx, cancel := s.stopAfter(t, catalog.VOWProperty, 2)
	defer cancel()
	if _, err := s.syncWith(t, ctx, agent.Selection{Streams: []string{catalog.VOWProperty}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the interruption", err)
	}
	s.log.on = nil
	s.slow(0)
	if p := s.position(t, catalog.VOWProperty); p.Key != "W1" {
		t.Errorf("the position is %+v, want that of W1", p)
	}
	before := s.db.Count(t, "vow_property", "")
	s.add(t, simulator.Property, listing("NEW", time.Now()))
	s.source.ResetRequests()
	s.mustSync(t, catalog.VOWProperty)
	s.vow(t)
	first := s.source.Requests()[0].Query["$filter"]
	for _, r := range s.source.Requests() {
		if r.Query["$top"] != "0" {
			first = r.Query["$filter"]
			break
		}
	}
	if before < 20 || len(first) < 30 || !strings.Contains(first, "2099") {
		t.Errorf("with %d rows stored, the run goes on from %s", before, first)
	}
}

// A record that shows another timestamp than the one it is sorted by moves no place
// of a page that holds others: nothing between is skipped, in windows or without,
// wherever in its page it stands, and however it is wrong.
func TestMisprintedTimestamps(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, shows := range map[string]func(at time.Time) string{
		"the year 9999":   func(time.Time) string { return "9999-12-31T23:59:59Z" },
		"a day too late":  func(at time.Time) string { return stamp(at.Add(24 * time.Hour)) },
		"1970":            func(time.Time) string { return "1970-01-01T00:00:00Z" },
		"a day too early": func(at time.Time) string { return stamp(at.Add(-24 * time.Hour)) },
	} {
		for _, lanes := range []int{1, 4} {
			for _, every := range []int{50, 7} { // the last of each page, and somewhere
				t.Run(fmt.Sprintf("%s, %d windows, each %d", name, lanes, every), func(t *testing.T) {
					t.Parallel()
					s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
					s.config.Parallel = lanes
					odd := 0
					for i := range 581 {
						key, at := fmt.Sprintf("L%04d", i), begin.Add(time.Duration(i)*time.Hour)
						if i%every != every-1 || i == 580 {
							s.add(t, simulator.Property, listing(key, at))
							continue
						}
						odd++
						raw := fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":%q}`, key, shows(at))
						if err := s.source.AddRaw(simulator.Property, key, stamp(at), "", []byte(raw)); err != nil {
							t.Fatal(err)
						}
					}
					report, err := s.sync(t, catalog.VOWProperty)
					n, inside := s.db.Count(t, "vow_property", ""), strings.HasPrefix(name, "a day")
					switch {
					case inside && (errors.Is(err, agent.ErrDisorder) || err == nil && n+report.Missing() == 581):
						// Inside what was asked for it cannot be told from disorder, or from a
						// place to go on from. It is said.
					case err != nil || n != 581 || report.Missing() != 0:
						t.Errorf("%d of 581 listings, %d of them misprinted; a gap of %d; %v", n, odd, report.Missing(), err)
					}
				})
			}
		}
	}
}

// A source whose timestamps do not keep to the windows at all gets one walk.
func TestWindowsAreGivenUp(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
	s.config.Parallel = 4
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 600 {
		key, at := fmt.Sprintf("L%04d", i), begin.Add(time.Duration(i)*time.Minute)
		if i < 300 {
			s.add(t, simulator.Property, listing(key, at))
			continue
		}
		// It prints local time and filters by UTC.
		raw := fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":%q}`, key, stamp(at.Add(5*time.Hour)))
		if err := s.source.AddRaw(simulator.Property, key, stamp(at), "", []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.sync(t, catalog.VOWProperty)
	given := false
	for _, n := range of[agent.Notice](s.log) {
		given = given || strings.Contains(n.Text, "without windows")
	}
	if !given {
		t.Errorf("the windows were not given up (error %v)", err)
	}
}

// Keys of one instant in an order that is not bytewise, and a crash between the two
// commits, are no two histories.
func TestOrderOfKeysIsNoHistory(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		o := bare()
		o.Faults.Collation = simulator.NumericAware
		s := newSetup(t, harness.NewSource(t, o), db)
		s.config.Sizes["property"].Page, s.config.Sizes["property"].Batch = 3, 3
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 12 {
			s.add(t, simulator.Property, listing(fmt.Sprintf("L%d", i+1), at)) // L9 before L10
		}
		s.stateFileBehind(t)
		s.mustSync(t, catalog.VOWProperty)
		s.vow(t)
		for _, n := range of[agent.Notice](s.log) {
			if strings.Contains(n.Text, "different histories") {
				t.Errorf("notice: %s", n.Text)
			}
		}
	})
}

// stateFileBehind stops a run behind its second commit and puts the state file
// back to where it was behind the first.
func (s *setup) stateFileBehind(tb testing.TB) {
	tb.Helper()
	state := filepath.Join(s.config.StateDir, "state.db")
	s.slow(400 * time.Millisecond)
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	commits := 0
	s.log.on = func(e agent.Event) {
		if _, ok := e.(agent.Progress); !ok {
			return
		}
		if commits++; commits == 1 {
			copyFile(tb, state, state+".behind")
		} else {
			cancel()
		}
	}
	if _, err := s.syncWith(tb, ctx, agent.Selection{Streams: []string{catalog.VOWProperty}}); !errors.Is(err, context.Canceled) || commits < 2 {
		tb.Fatalf("%d commits, error %v, want the interruption", commits, err)
	}
	s.log.on = nil
	s.slow(0)
	copyFile(tb, state+".behind", state)
}

// Records of one window that show a timestamp of another, or of none, move neither.
func TestStraysMoveNoPlace(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, bare()), harness.NewSQLite(t))
	s.config.Parallel = 4
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 600 {
		key, at := fmt.Sprintf("L%04d", i), begin.Add(time.Duration(i)*time.Hour)
		if i > 200 || i%50 != 49 { // of the first window the last of each page
			s.add(t, simulator.Property, listing(key, at))
			continue
		}
		raw := fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":%q}`, key, stamp(at.Add(60*24*time.Hour)))
		if err := s.source.AddRaw(simulator.Property, key, stamp(at), "", []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	report := s.mustSync(t, catalog.VOWProperty)
	if windows := of[agent.PassStarted](s.log)[0].Windows; windows < 2 {
		t.Fatalf("%d windows", windows)
	}
	if n := s.db.Count(t, "vow_property", ""); n != 600 || report.Missing() != 0 {
		t.Errorf("%d of 600 listings, a gap of %d", n, report.Missing())
	}
}
