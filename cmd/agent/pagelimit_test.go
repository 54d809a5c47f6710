package main

import (
	"strings"
	"testing"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A page size that the source refuses, and names its own limit, is told with the
// setting; with that the sync goes on.
func TestPageLimitIsTold(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	s.source.Set(func(f *simulator.Faults) { f.WholeTop = 60 })
	c := start(t, s.args()...)
	if code := c.wait(t); code != exitFailed || !strings.Contains(c.output(), "; set --property-batch-size to 60\n") {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	sizes := []string{"--property-batch-size", "60", "--media-batch-size", "60", "--rooms-batch-size", "60", "--openhouse-batch-size", "60"}
	c = start(t, s.args(sizes...)...)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}
