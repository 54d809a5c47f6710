package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// mostResident is what a process may have in memory, whatever the source sends.
const mostResident = 128 << 20

// peak is the most that a process has had in memory so far, or 0 if it is gone.
func peak(pid int) (bytes int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // none: it is gone
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// Whatever a source floods the agent with, the process stays small, and says what
// it was where it cannot go on.
func TestFloods(t *testing.T) {
	t.Parallel()
	const (
		row    = `{"ListingKey":"A1","ModificationTimestamp":"2024-01-01T00:00:00Z"`
		around = "more than 64 KiB beside its records"
	)
	page := func(r *http.Request) bool { return !strings.Contains(r.URL.RawQuery, "$count") }
	binary := filepath.Join(t.TempDir(), "agent") // as it is released: the race detector has memory of its own
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	megabytes := func(n int) string { return strings.Repeat("x", n<<20) }
	for name, test := range map[string]struct {
		flood simulator.Fault
		match func(*http.Request) bool
		code  int
		says  string
	}{
		"context":           {simulator.Fault{Begin: `{"@odata.context":"`, Piece: "x", End: `","value":[]}`}, page, exitFailed, around},
		"next link":         {simulator.Fault{Begin: `{"value":[],"@odata.nextLink":"`, Piece: "x", End: `"}`}, page, exitFailed, around},
		"count in a page":   {simulator.Fault{Begin: `{"@odata.count":1`, Piece: "0", End: `,"value":[]}`}, page, exitFailed, around},
		"name":              {simulator.Fault{Begin: `{"`, Piece: "x", End: `":1,"value":[]}`}, page, exitFailed, around},
		"names":             {simulator.Fault{Begin: `{"value":[]`, Piece: `,"x":1`, End: `}`}, page, exitFailed, around},
		"unknown member":    {simulator.Fault{Begin: `{"x":[1`, Piece: ",[{}]", End: `],"value":[]}`}, page, exitFailed, around},
		"brackets":          {simulator.Fault{Begin: `{"x":`, Piece: "[", End: `}`}, page, exitFailed, around},
		"error in 200":      {simulator.Fault{Begin: `{"error":{"message":"`, Piece: "x", End: `"}}`}, page, exitFailed, around},
		"spaces before":     {simulator.Fault{Begin: ` `, Piece: " ", End: `{"value":[]}`}, page, exitFailed, around},
		"spaces behind":     {simulator.Fault{Begin: `{"value":[]}`, Piece: " "}, page, exitFailed, around},
		"error of 400":      {simulator.Fault{Status: 400, Begin: `{"error":{"message":"`, Piece: "x", End: `"}}`}, page, exitFailed, "HTTP 400"},
		"error of 401":      {simulator.Fault{Status: 401, Begin: `{"error":{"message":"`, Piece: "x", End: `"}}`}, page, exitFailed, "HTTP 401"},
		"spaces in a list":  {simulator.Fault{Begin: `{"value":[`, Piece: " ", Bytes: 1100 << 20, End: `]}`}, page, exitFailed, "more than 1024 MiB"},
		"empty objects":     {simulator.Fault{Begin: `{"value":[{}`, Piece: ",{}", End: `]}`}, page, exitGap, "no ListingKey"},
		"the same record":   {simulator.Fault{Begin: `{"value":[` + row + `}`, Piece: "," + row + "}", End: `]}`}, page, exitFailed, "the same"},
		"large records":     {simulator.Fault{Begin: `{"value":[` + row + `}`, Piece: "," + row + `,"X":"` + megabytes(7) + `"}`, Bytes: 84 << 20, End: `]}`}, page, exitFailed, "the same"},
		"too large records": {simulator.Fault{Begin: `{"value":[` + row + `}`, Piece: "," + row + `,"X":"` + megabytes(9) + `"}`, Bytes: 27 << 20, End: `]}`}, page, exitFailed, "the same"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, func(t *testing.T, db *harness.Database) {
				s := newSetup(t, simulator.Options{Seed: 5, Properties: 20, MediaPerListing: -1}, db)
				test.flood.Kind = simulator.Flood
				s.source.Set(func(f *simulator.Faults) {
					f.Strike(simulator.Strike{Fault: test.flood, Resource: simulator.Property, Match: test.match})
				})
				begun := time.Now()
				c := prepared(t, s.args("--idx", "--retry-for", "5s", "--property-batch-size", "5000", "--property-db-batch-size", "100")...)
				if c.Path = binary; c.Start() != nil {
					t.Fatal("the program does not start")
				}
				var most int64
				done := make(chan int)
				go func() { done <- c.wait(t) }()
				for code, running := 0, true; running; {
					select {
					case code = <-done:
						running = false
						t.Logf("exit %d after %s, %d MiB", code, time.Since(begun), most>>20)
						if code != test.code {
							t.Errorf("exit %d, want %d", code, test.code)
						}
					case <-time.After(5 * time.Millisecond):
						most = max(most, peak(c.Process.Pid))
					}
				}
				if most > mostResident || most == 0 {
					t.Errorf("%d MiB of memory", most>>20)
				}
				if !strings.Contains(c.output(), test.says) {
					t.Errorf("does not say %q:\n%.3000s", test.says, c.output())
				}
			})
		})
	}
}
