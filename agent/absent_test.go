package agent_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A resource that the source does not have is left out with a word, and the streams
// behind it go on. It comes when it is there.
func TestResourceThatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"404": http.StatusNotFound, "204": http.StatusNoContent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := newSetup(t, harness.NewSource(t, harness.Small()), db)
				gone := func(resource string) {
					s.source.Set(func(f *simulator.Faults) {
						f.Strikes = nil
						f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: status}, Resource: resource})
					})
				}
				gone(simulator.Media)
				report := s.mustSync(t)
				if len(report.LeftOut) != 1 || report.LeftOut[0].Stream != catalog.Media || len(report.Passes) != 4 || !report.Mirrored {
					t.Errorf("left out %+v, %d passes", report.LeftOut, len(report.Passes))
				}
				if text := noticesOf(s); strings.Count(text, "media is left out") != 1 || !strings.Contains(text, name) || strings.Contains(text, "--source-url") {
					t.Errorf("notices: %s", text)
				}
				rest := harness.AllFeeds()
				rest.Media = ""
				harness.Compare(t, s.source, db, rest)
				s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
				s.mustSync(t)
				s.compare(t)
				// Where it was there before, its rows and its place stay.
				gone(simulator.Media)
				if report := s.mustSync(t); len(report.LeftOut) != 1 {
					t.Errorf("left out %+v", report.LeftOut)
				}
				s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
				s.source.ResetRequests()
				s.mustSync(t)
				s.compare(t)
				if n := s.source.Pages(simulator.Media); n > 4 {
					t.Errorf("%d pages of photos: the place was not kept", n)
				}
			})
		})
	}
}

// Where nothing at all is there it is the address that is wrong.
func TestNoResourceIsThere(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 404}})
	})
	if _, err := s.sync(t); err == nil || !strings.Contains(err.Error(), "check --source-url") {
		t.Errorf("error %v", err)
	}
	if n := s.source.Counters().Requests; n > 12 {
		t.Errorf("%d requests", n)
	}
}

// A resource that is gone behind pages that it has sent is an outage: it is waited
// for, and then the run stops, and its place is kept.
func TestResourceThatVanishes(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 4} {
		s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
		s.config.Parallel, s.config.RetryFor = parallel, time.Second
		s.mustSync(t, catalog.VOWProperty)
		s.source.Set(func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 404}, Resource: simulator.Media, After: 12})
		})
		report, err := s.sync(t, catalog.Media)
		if err == nil || !strings.Contains(err.Error(), "gave up after") || !strings.Contains(err.Error(), "HTTP 404") ||
			strings.Contains(err.Error(), "--source-url") || len(report.LeftOut) > 0 {
			t.Errorf("error %v, left out %v", err, report.LeftOut)
		}
		stored := s.db.Count(t, "media", "")
		if stored == 0 {
			t.Error("nothing was kept")
		}
		s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
		s.source.ResetRequests()
		s.mustSync(t, catalog.Media)
		harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
		if rows := int64(s.source.Counters().Rows); rows > int64(s.source.Count(simulator.VOW, simulator.Media))-stored/2 {
			t.Errorf("%d rows came again, %d were stored", rows, stored)
		}
	}
}

// A source that says of an empty list that it is not there is copied like another,
// with its counts or without: at the end of each walk, where nothing is new, and for
// listings that have no children.
func TestEmptyListIsNotThere(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*simulator.Faults){
		"404":                        func(f *simulator.Faults) { f.EmptyList = 404 },
		"204":                        func(f *simulator.Faults) { f.EmptyList = 204 },
		"404 without counts":         func(f *simulator.Faults) { f.EmptyList, f.CountRefused = 404, 501 },
		"404, counts of 0 are there": func(f *simulator.Faults) { f.EmptyList, f.EmptyCount = 404, true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.RetryFor = 2 * time.Second
			s.source.Set(change)
			when := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
			photo := map[string]any{
				"MediaKey": "LATE-1", "ResourceRecordKey": "LATE", "ResourceName": "Property", "MediaModificationTimestamp": when, "MediaStatus": "Active",
			}
			s.add(t, simulator.Media, photo)
			s.mustSync(t)
			for _, key := range []string{"LATE", "BARE"} { // one whose photo was there before it, one that has none
				s.add(t, simulator.Property, map[string]any{"ListingKey": key, "ModificationTimestamp": when})
			}
			for range 2 {
				report := s.mustSync(t)
				if len(report.LeftOut) > 0 {
					t.Errorf("left out %+v", report.LeftOut)
				}
				s.compare(t)
			}
		})
	}
}
