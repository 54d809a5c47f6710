package main

import (
	"fmt"
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// What the source counts and does not send is said by the run, by its exit code, and
// by the history and status of later; behind a forced sync there is no more of it.
func TestGapIsSaid(t *testing.T) {
	t.Parallel()
	o := simulator.Options{Properties: -1, MediaPerListing: -1, RoomsPerListing: -1, OpenHousesPerListing: -1, OrphanShare: -1}
	o.Faults.Precision = simulator.RoundedMilliseconds
	o.Faults.PageCap = 50
	s := newSetup(t, o, harness.NewSQLite(t))
	for i := range 202 {
		at := "2026-01-01T00:00:00.0066667Z"
		if i == 201 {
			at = "2026-01-02T00:00:00Z" // so that the instant is not the last one
		}
		s.add(t, simulator.Property, map[string]any{"ListingKey": fmt.Sprintf("L%04d", i), "ModificationTimestamp": at})
	}
	c := start(t, s.args("--vow")...)
	code, out := c.wait(t), c.output()
	if code != exitGap || !strings.Contains(out, "Gap: 151 records") || !strings.Contains(out, "--force") || strings.Contains(out, "next run brings") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	for _, args := range [][]string{{"history"}, {"history", "--json"}, {"status"}, {"status", "--json"}} {
		c := start(t, append(args, "--state-dir", s.dir)...)
		if c.wait(t) != exitDone || !strings.Contains(c.output(), "151") || !strings.Contains(strings.ToLower(c.output()), "gap") {
			t.Errorf("agent %s does not tell of the gap:\n%s", strings.Join(args, " "), c.output())
		}
	}
	c = start(t, s.args("--vow", "--force")...)
	if code := c.wait(t); code != exitDone || s.db.Count(t, "vow_property", "") != 202 {
		t.Errorf("behind a forced sync: exit code %d, %d listings:\n%s", code, s.db.Count(t, "vow_property", ""), c.output())
	}
}
