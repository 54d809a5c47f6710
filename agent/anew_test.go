package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// arrive lets listings appear that change today and whose children are years old:
// no pass by time asks for those any more.
func (s *setup) arrive(tb testing.TB, name string, listings int) {
	tb.Helper()
	const old = "2012-03-04T05:06:07Z"
	for i := range listings {
		key := fmt.Sprintf("%s%05d", name, i)
		now := time.Date(2026, 7, 3, 8, 0, i, 0, time.UTC).Format(time.RFC3339)
		s.add(tb, simulator.Property, map[string]any{"ListingKey": key, "ModificationTimestamp": now})
		s.add(tb, simulator.Media, map[string]any{
			"MediaKey": key + "-1", "ResourceRecordKey": key, "ResourceName": "Property", "MediaModificationTimestamp": old, "MediaStatus": "Active",
		})
		s.add(tb, simulator.PropertyRooms, map[string]any{"RoomKey": key + "-2", "ListingKey": key, "ModificationTimestamp": old})
		s.add(tb, simulator.OpenHouse, map[string]any{"OpenHouseKey": key + "-3", "ListingKey": key, "ModificationTimestamp": old})
	}
}

// waiting counts what children wait for of the listings that have arrived, and what
// streams are owed.
func (s *setup) waiting(tb testing.TB, name string) int64 {
	tb.Helper()
	return s.db.Count(tb, "agent_orphan", "parent_key LIKE '"+name+"%' OR stream LIKE 'anew:%'")
}

// A listing that is new brings its children, however old they are: in the run that
// brings it, and also where that run ends between the two, or the state file is lost
// there.
func TestNewListingsBringTheirChildren(t *testing.T) {
	t.Parallel()
	for _, between := range []string{"one run", "a run of listings", "a lost state file"} {
		t.Run(between, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := newSetup(t, harness.NewSource(t, harness.Small()), db)
				s.mustSync(t)
				s.arrive(t, "NEW", 7)
				if between != "one run" {
					s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
					if n := s.waiting(t, "NEW"); n != 3*7 {
						t.Errorf("%d entries of new listings, want 7 for each of 3 streams", n)
					}
				}
				if between == "a lost state file" {
					if err := os.Remove(filepath.Join(s.config.StateDir, "state.db")); err != nil {
						t.Fatal(err)
					}
				}
				s.mustSync(t)
				s.compare(t)
				if n := s.waiting(t, "NEW"); n != 0 {
					t.Errorf("%d entries are left", n)
				}
				for _, p := range of[agent.PassStarted](s.log) {
					if p.Forced {
						t.Errorf("%s was read anew for a few listings", p.Stream)
					}
				}
			})
		})
	}
}

// A stream that has not begun yet reads everything anyway and is owed nothing.
func TestStreamsThatHaveNotBegunAreOwedNothing(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty, catalog.Rooms)
		s.arrive(t, "NEW", 3)
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
		if media, rooms := db.Count(t, "agent_orphan", "stream = 'media'"), db.Count(t, "agent_orphan", "stream = 'rooms'"); media != 0 || rooms < 3 {
			t.Errorf("%d entries of media, which has not begun, and %d of rooms", media, rooms)
		}
		s.mustSync(t)
		s.compare(t)
	})
}

// Where many listings are new, their children come with a pass from the beginning.
// It is interrupted, more listings arrive, and the state file is set back to before:
// nothing is forgotten.
func TestManyNewListingsAreReadAnew(t *testing.T) {
	t.Parallel()
	for _, back := range []string{"", "before", "within"} {
		t.Run("set back "+back, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := newSetup(t, harness.NewSource(t, harness.Small()), db)
				s.config.SetFewNew(10)
				if back == "before" {
					s.config.Parallel = 1 // the walk that ends the pass is the one that is interrupted
				}
				s.mustSync(t)
				path := filepath.Join(s.config.StateDir, "state.db")
				copied := func() []byte {
					content, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					return content
				}
				s.arrive(t, "MANY", 40)
				s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
				before := copied()
				s.config.RetryFor = 0
				s.fault(simulator.Media, simulator.Strike{After: 3, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
				if _, err := s.sync(t); err == nil {
					t.Fatal("no error")
				}
				if n := db.Count(t, "agent_orphan", "stream = 'anew:media'"); n != 1 || db.Count(t, "agent_orphan", "stream = 'media' AND parent_key LIKE 'MANY%'") != 0 {
					t.Fatalf("%d debts of media, want one in place of the listings", n)
				}
				within := copied()
				s.arrive(t, "MORE", 3) // is not part of the pass that was interrupted
				s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
				switch back {
				case "before":
					s.restore(t, path, before)
				case "within":
					s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty, catalog.Rooms)
					s.restore(t, path, within)
				}
				s.mustSync(t)
				s.compare(t)
				if n := s.waiting(t, "M"); n != 0 {
					t.Errorf("%d entries are left", n)
				}
				forced := 0
				for _, p := range of[agent.PassStarted](s.log) {
					if p.Forced && p.Stream == catalog.Media {
						forced++
					}
				}
				if forced == 0 {
					t.Error("media was not read anew")
				}
				if again := s.mustSync(t); again.Totals.Processed() != 0 {
					t.Errorf("a run with nothing new processed %+v", again.Totals)
				}
			})
		})
	}
}

func (s *setup) restore(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// A forced pass that had begun before the listings came pays nothing: what it has
// passed by already are their children.
func TestManyNewListingsBehindAForcedPass(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.SetFewNew(10)
		s.config.Parallel = 1
		s.mustSync(t)
		s.config.RetryFor = 0
		s.fault(simulator.Media, simulator.Strike{After: 3, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
		if _, err := s.syncWith(t, t.Context(), agent.Selection{Force: true}); err == nil {
			t.Fatal("no error")
		}
		s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
		s.arrive(t, "MANY", 40)
		s.mustSync(t)
		s.compare(t)
		if n := s.waiting(t, "M"); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}
