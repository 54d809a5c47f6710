// Package harness is what the tests of the whole agent share: the simulator
// behind a real HTTP server, destinations of both kinds, and the comparison of
// every row of a destination with what the simulator serves.
package harness

import (
	"net/http/httptest"
	"testing"

	"resoagent/internal/simulator"
)

// Source is a simulator that is being served.
type Source struct {
	*simulator.Simulator
	URL string // of the service root
}

// NewSource serves a simulator until the test ends.
func NewSource(tb testing.TB, o simulator.Options) *Source {
	tb.Helper()
	sim, err := simulator.New(o)
	if err != nil {
		tb.Fatalf("make simulator: %v", err)
	}
	server := httptest.NewServer(sim)
	tb.Cleanup(func() {
		sim.Close() // lets go of stalled answers, which the server's Close would wait for
		server.Close()
	})
	return &Source{Simulator: sim, URL: server.URL + "/odata"}
}

// Small is enough data for several pages of each resource, and quick.
func Small() simulator.Options {
	return simulator.Options{Seed: 7, Properties: 130, MediaPerListing: 5, RoomsPerListing: 2, OpenHousesPerListing: 0.6, OrphanShare: 0.1}
}

// Pages counts the requests for pages of a resource since the last reset;
// counts of records ($top=0) are left out.
func (s *Source) Pages(resource string) (n int) {
	for _, r := range s.Requests() {
		if r.Resource == resource && r.Query["$top"] != "0" {
			n++
		}
	}
	return n
}
