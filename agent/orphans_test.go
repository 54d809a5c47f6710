package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// orphans adds photos of listings that are not there, and gives the function
// that lets the listings appear.
func (s *setup) orphans(tb testing.TB, listings int) (appear func()) {
	tb.Helper()
	at := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)
	for i := range listings {
		parent := fmt.Sprintf("LATE%05d", i)
		for photo := range 2 {
			when := at.Add(time.Duration(i) * time.Second).Format(time.RFC3339)
			s.add(tb, simulator.Media, map[string]any{
				"MediaKey": fmt.Sprintf("%s-%d", parent, photo), "ResourceRecordKey": parent, "ResourceName": "Property",
				"MediaModificationTimestamp": when, "MediaStatus": "Active",
			})
		}
	}
	return func() {
		for i := range listings {
			when := at.Add(24*time.Hour + time.Duration(i)*time.Second).Format(time.RFC3339)
			s.add(tb, simulator.Property, map[string]any{"ListingKey": fmt.Sprintf("LATE%05d", i), "ModificationTimestamp": when})
		}
	}
}

func (s *setup) add(tb testing.TB, resource string, values map[string]any) {
	tb.Helper()
	if err := s.source.Add(resource, values); err != nil {
		tb.Fatal(err)
	}
}

// late counts the entries of orphans' parents that have appeared by now.
func (s *setup) late(tb testing.TB) int64 {
	tb.Helper()
	return s.db.Count(tb, "agent_orphan", "stream = 'media' AND parent_key LIKE 'LATE%'")
}

// A listing appears a day after its photos. Runs over listings alone lie
// between; then the photos come, in whatever way the source takes the question.
func TestOrphansComeHome(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]func(*simulator.Faults){
		"in":              func(*simulator.Faults) {},
		"no in":           func(f *simulator.Faults) { f.NoIn = 501 },
		"no in, by 400":   func(f *simulator.Faults) { f.NoIn = 400 },
		"short addresses": func(f *simulator.Faults) { f.MaxURL = 600 },
		"no counts":       func(f *simulator.Faults) { f.CountAbsent = true },
		"page cap":        func(f *simulator.Faults) { f.PageCap = 3 },
		"whole seconds":   func(f *simulator.Faults) { f.Precision = simulator.HiddenMicroseconds },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := newSetup(t, harness.NewSource(t, harness.Small()), db)
				appear := s.orphans(t, 30)
				s.mustSync(t)
				if n := s.late(t); n != 30 {
					t.Fatalf("%d parents are waited for, want 30", n)
				}
				appear()
				s.mustSync(t, catalog.IDXProperty)
				s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
				s.source.Set(faults)
				report := s.mustSync(t)
				s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
				s.compare(t)
				if n := s.late(t); n != 0 {
					t.Errorf("%d parents are waited for still", n)
				}
				if report.Totals.Written != 60 {
					t.Errorf("the run wrote %d records, want the 60 photos", report.Totals.Written)
				}
				if home := of[agent.OrphansHome](s.log); len(home) != 3 || home[0].Stream != catalog.Media || home[0].Parents != 30 {
					t.Errorf("told of %+v", home)
				}
				logged := db.Strings(t, "SELECT CAST(total_successful AS text), '' FROM "+db.Table("synclog")+" ORDER BY id DESC LIMIT 1")
				if got, want := logged[0][0], fmt.Sprint(report.Totals.Successful()); got != want {
					t.Errorf("SyncLog counts %s records of the run, its report %s", got, want)
				}
				if again := s.mustSync(t); again.Totals.Processed() != 0 {
					t.Errorf("a run with nothing new processed %+v", again.Totals)
				}
			})
		})
	}
}

// Many come in few questions.
func TestThousandsOfOrphans(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Sizes["media"].Page, s.config.Sizes["media"].Batch = 2000, 100
		s.config.Sizes["property"].Page = 2000
		s.config.SetFewNew(10_000)
		appear := s.orphans(t, 5000)
		s.mustSync(t)
		appear()
		s.source.ResetRequests()
		s.mustSync(t)
		s.compare(t)
		if n := s.late(t); n != 0 {
			t.Errorf("%d parents are waited for still", n)
		}
		asked := 0
		for _, r := range s.source.Requests() {
			if r.Resource == simulator.Media && strings.Contains(r.Query["$filter"], " in (") {
				asked++
			}
		}
		if asked == 0 || asked > 5000/100*5 {
			t.Errorf("%d questions for 5,000 parents", asked)
		}
	})
}

// A crash between two groups of the photos, and a state file that is lost, only
// cost what was under way.
func TestOrphansSurviveCrashes(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.SetFewNew(1000)
		appear := s.orphans(t, 250)
		s.mustSync(t)
		appear()
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
		// The first question breaks off when some of its photos are stored: its
		// parents are waited for still.
		s.config.RetryFor = 0
		s.slow(500 * time.Millisecond)
		s.fault(simulator.Media, simulator.Strike{After: 3, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
		if _, err := s.sync(t); err == nil {
			t.Fatal("no error")
		}
		if photos := db.Count(t, "media", "media_key LIKE 'LATE%'"); s.late(t) != 250 || photos == 0 {
			t.Fatalf("%d parents are waited for, want 250; %d photos", s.late(t), photos)
		}
		// The second question breaks off: what the first one brought stays.
		s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
		s.source.Set(func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: simulator.Media, Match: onlyPages, After: 8, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
		})
		if _, err := s.sync(t); err == nil {
			t.Fatal("no error")
		}
		s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
		some := s.late(t)
		if some == 0 || some == 250 {
			t.Fatalf("%d parents are waited for after the interruption, want some of 250", some)
		}
		if err := os.Remove(filepath.Join(s.config.StateDir, "state.db")); err != nil {
			t.Fatal(err)
		}
		s.mustSync(t)
		s.compare(t)
		if n := s.late(t); n != 0 {
			t.Errorf("%d parents are waited for still", n)
		}
	})
}
