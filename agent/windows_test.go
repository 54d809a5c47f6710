package agent_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// A backfill is cut into closed windows that follow each other and end before
// now; each is read by itself, and what lies behind them last.
func TestWindows(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Parallel = 4
		s.mustSync(t)
		s.compare(t)
		started := of[agent.PassStarted](s.log)
		if n := started[2].Windows; started[2].Stream != catalog.Media || n < 3 {
			t.Fatalf("%d windows of %s", n, started[2].Stream)
		}
		var before []string // the windows' ends, as they were asked for
		behind := false
		for _, r := range s.source.Requests() {
			if r.Resource != simulator.Media || r.Query["$top"] == "0" || r.Query["$top"] == "1" {
				continue
			}
			_, end, closed := strings.Cut(r.Query["$filter"], "MediaModificationTimestamp lt ")
			if closed && behind {
				t.Errorf("a window is read behind the open end: %s", r.Query["$filter"])
			}
			behind = behind || !closed
			if closed && len(end) >= 20 {
				before = append(before, end[:20])
			}
		}
		for _, text := range before {
			if at, err := record.ParseTimestamp(text); err != nil || at.Nanosecond() != 0 || at.After(time.Now().Add(-s.config.Lookback)) {
				t.Errorf("a window ends at %s: %v", text, err)
			}
		}
		if len(before) == 0 || !behind {
			t.Errorf("%d pages of windows; behind them was read: %t", len(before), behind)
		}
		// The second run has nothing to cut.
		s.mustSync(t)
		for _, e := range of[agent.PassStarted](s.log)[5:] {
			if e.Windows != 0 {
				t.Errorf("the second run cuts %s into %d windows", e.Stream, e.Windows)
			}
		}
	})
}

// A source that does not count gets one walk, and so does a short pass.
func TestNoWindows(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*setup){
		"no count": func(s *setup) { s.source.Set(func(f *simulator.Faults) { f.CountRefused = 501 }) },
		"absent":   func(s *setup) { s.source.Set(func(f *simulator.Faults) { f.CountAbsent = true }) },
		"short": func(s *setup) {
			s.config.Sizes["media"].Page, s.config.Sizes["rooms"].Page, s.config.Sizes["property"].Page = 100, 100, 100
		},
		"parallel 1": func(s *setup) { s.config.Parallel = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.Parallel = 4
			change(s)
			s.mustSync(t)
			s.compare(t)
			for _, e := range of[agent.PassStarted](s.log) {
				if e.Windows != 0 {
					t.Errorf("%s was cut into %d windows", e.Stream, e.Windows)
				}
			}
		})
	}
}

// A photo that is deleted while windows are read is gone in the end, whichever
// window has it in hand; one that changes is there in its last version.
func TestChangesWhileWindowsAreRead(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Parallel = 4
		s.mustSync(t, catalog.VOWProperty)
		var keys []string
		err := s.source.Each(simulator.VOW, simulator.Media, func(r simulator.Row) error {
			keys = append(keys, r.Key)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		s.log.on = func(e agent.Event) {
			p, ok := e.(agent.PageFetched)
			if !ok || p.Window == 0 || p.Records == 0 || n+2 > len(keys) {
				return
			}
			for i, fields := range []map[string]any{{"MediaStatus": "Deleted"}, {"ImageHeight": 1.0}} {
				if err := s.source.Touch(simulator.Media, keys[n+i], time.Now(), fields); err != nil {
					t.Errorf("touch: %v", err)
				}
			}
			n += 2
		}
		s.mustSync(t, catalog.Media)
		if n == 0 {
			t.Fatal("nothing was changed")
		}
		// A photo moves its listing's PhotosChangeTimestamp, and no timestamp that is read by.
		if _, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, Force: true}); err != nil {
			t.Fatal(err)
		}
		harness.Compare(t, s.source, db, harness.Feeds{VOW: true, Media: simulator.VOW})
	})
}

// What a window has done is kept when another one fails, and the next run goes
// on in each of them.
func TestOneWindowFails(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Parallel = 4
	s.mustSync(t, catalog.VOWProperty)
	s.fault(simulator.Media, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 400}, After: 8})
	_, err := s.sync(t, catalog.Media)
	if err == nil || !strings.Contains(err.Error(), "media, window ") || errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want one of a window", err)
	}
	status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	media := status.Streams[2]
	if media.Pass == nil || len(media.Pass.Windows) == 0 || media.Processed == 0 {
		t.Fatalf("nothing was kept: %+v", media)
	}
	done := media.Processed + media.Skipped
	s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
	s.source.ResetRequests()
	s.mustSync(t, catalog.Media)
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
	total := int64(s.source.Count(simulator.VOW, simulator.Media))
	if fetched := int64(s.source.Counters().Rows); fetched > total-done+1 {
		t.Errorf("%d records were fetched again", fetched-(total-done))
	}
}

// An empty page is not the end of a window either, as long as the source counts
// more in it.
func TestEmptyPagesInWindows(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Parallel = 4
	s.mustSync(t, catalog.VOWProperty)
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{
			Fault: simulator.Fault{Kind: simulator.EmptyPage}, Next: 3, Resource: simulator.Media,
			Match: func(r *http.Request) bool { // pages of the first window; what the last ones miss is found behind them
				q := r.URL.RawQuery
				return strings.Contains(q, "$top=50") && strings.Contains(q, "%20lt%20") && !strings.Contains(q, "%20ge%20")
			},
		})
	})
	s.mustSync(t, catalog.Media)
	if started := of[agent.PassStarted](s.log); started[1].Windows < 3 {
		t.Fatalf("%d windows", started[1].Windows)
	}
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
}
