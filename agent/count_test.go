package agent_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

func onlyCounts(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "$count=true") }

// A source that serves pages and fails to count costs the counts: the copy becomes
// complete all the same, and it is said once a stream. A plan shows what it can.
func TestCountsThatFail(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]simulator.Fault{
		"500":           {Kind: simulator.Status, Status: http.StatusInternalServerError},
		"503":           {Kind: simulator.Status, Status: http.StatusServiceUnavailable},
		"504":           {Kind: simulator.Status, Status: http.StatusGatewayTimeout},
		"408":           {Kind: simulator.Status, Status: http.StatusRequestTimeout},
		"403":           {Kind: simulator.StatusHTML},
		"a stall":       {Kind: simulator.Stall},
		"a reset":       {Kind: simulator.Reset},
		"HTML":          {Kind: simulator.HTMLBody},
		"a body cut":    {Kind: simulator.CutClean, Bytes: 10},
		"error and 200": {Kind: simulator.ErrorBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.StallTimeout, s.config.RetryFor = 300*time.Millisecond, time.Hour
			s.source.Set(func(f *simulator.Faults) { f.Strike(simulator.Strike{Fault: fault, Match: onlyCounts}) })
			items, _, err := agent.Plan(t.Context(), s.config, agent.Selection{Streams: []string{catalog.VOWProperty}})
			if err != nil || len(items) != 1 || items[0].Records != nil {
				t.Errorf("plan %+v, %v", items, err)
			}
			s.log = &journal{}
			report := s.mustSync(t, catalog.VOWProperty, catalog.Media)
			harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
			for _, stream := range []string{catalog.VOWProperty, catalog.Media} {
				if p := pass(t, report, stream); p.Check != nil {
					t.Errorf("%s was checked against a count that is none: %+v", stream, p.Check)
				}
				if n := strings.Count(noticesOf(s), stream+": the source fails to count"); n != 1 {
					t.Errorf("it was said %d times of %s", n, stream)
				}
			}
		})
	}
}

// Counts that begin to fail in the middle of windows, and at the check behind a
// backfill, do not end the run either.
func TestCountsThatFailLater(t *testing.T) {
	t.Parallel()
	for _, after := range []int{1, 4, 8} {
		s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
		s.config.Parallel, s.config.RetryFor = 4, time.Hour
		s.mustSync(t, catalog.VOWProperty)
		s.source.Set(func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 504}, Match: onlyCounts, After: after})
		})
		s.mustSync(t, catalog.Media)
		harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
		if n := strings.Count(noticesOf(s), "media: the source fails to count"); n != 1 {
			t.Errorf("it was said %d times", n)
		}
	}
}

// A source that is away when a pass begins is waited for; it is not taken for one
// that does not count.
func TestAwayIsNotUncounted(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Parallel, s.config.RetryFor = 4, time.Minute
	s.mustSync(t, catalog.VOWProperty)
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 503}, Next: 5})
	})
	report := s.mustSync(t, catalog.Media)
	if p := pass(t, report, catalog.Media); p.Check == nil || p.Check.Unaccounted() != 0 {
		t.Errorf("check %+v", p.Check)
	}
	started := of[agent.PassStarted](s.log)
	if e := started[len(started)-1]; e.Windows < 3 || e.Total == nil {
		t.Errorf("%d windows, total %v", e.Windows, e.Total)
	}
	if text := noticesOf(s); strings.Contains(text, "fails to count") {
		t.Errorf("notices: %s", text)
	}
}
