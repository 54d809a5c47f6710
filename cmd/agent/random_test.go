package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

var (
	randomKills = flag.Int("random.kills", 20, "kills of TestRandomKills")
	randomSeed  = flag.Uint64("random.seed", 0, "its seed; 0: another one each time")
	randomFor   = flag.Duration("random.for", 0, "go on killing for so long, however many kills that are")
)

// Agent, PostgreSQL and source are killed at random moments, in one history, in
// which listings and photos come and the state file is lost now and then. Each
// time the agent comes to its end everything is there, row by row.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	seed := *randomSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	k := newKilling(t, seed)
	t.Logf("seed %d", seed)
	begun := time.Now()
	for k.kills() < *randomKills || time.Since(begun) < *randomFor {
		k.life(t)
		if t.Failed() {
			t.Fatalf("seed %d, after %v", seed, k.count)
		}
	}
	k.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	for !k.run(t, 0) {
		t.Log("once more")
	}
	k.compare(t)
	t.Logf("kills: %v; %d times at the end and compared row by row", k.count, k.compared)
}

type killing struct {
	*setup
	*rand.Rand
	server   *pgtest.Server
	sim      *simulator.Simulator
	http     *http.Server
	address  string
	count    map[string]int
	compared int
	listings int
}

func newKilling(tb testing.TB, seed uint64) *killing {
	tb.Helper()
	k := &killing{Rand: rand.New(rand.NewPCG(seed, 0)), server: pgtest.Start(tb), count: make(map[string]int), address: "127.0.0.1:0"}
	o := simulator.Options{Seed: seed, Properties: 300, MediaPerListing: 10, RoomsPerListing: 3, OrphanShare: 0.05}
	o.Faults.Latency = 40 * time.Millisecond
	sim, err := simulator.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	k.sim = sim
	k.serve(tb)
	tb.Cleanup(func() { sim.Close(); _ = k.http.Close() })
	k.setup = &setup{
		source: &harness.Source{Simulator: sim, URL: "http://" + k.address + "/odata"},
		db:     harness.OpenPostgres(tb, k.server.URL(), "public"), dir: filepath.Join(tb.TempDir(), "state"),
	}
	return k
}

// serve serves the source, at the address that it had before.
func (k *killing) serve(tb testing.TB) {
	tb.Helper()
	listener, err := net.Listen("tcp", k.address)
	if err != nil {
		tb.Fatal(err)
	}
	k.address = listener.Addr().String()
	k.http = &http.Server{Handler: k.sim, ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(listener) }(k.http)
}

func (k *killing) kills() (n int) {
	for _, c := range k.count {
		n += c
	}
	return n
}

// life is one run of the agent, with news before it, and kills during it.
func (k *killing) life(tb testing.TB) {
	tb.Helper()
	if k.run(tb, 1+k.IntN(3)) {
		k.compare(tb)
		k.news(tb)
		if k.IntN(3) == 0 {
			if err := os.Remove(filepath.Join(k.dir, "state.db")); err != nil {
				tb.Fatal(err)
			}
		}
		if c := start(tb, append([]string{"reset", "--yes", "--all"}, k.args()[1:]...)...); c.wait(tb) != 0 {
			tb.Fatalf("reset:\n%s", c.output())
		}
	}
}

// run lets the agent run, killing this and that at random moments, and tells
// whether it came to its end.
func (k *killing) run(tb testing.TB, kills int) bool {
	tb.Helper()
	c := start(tb, k.args("--quiet")...)
	exit := make(chan int, 1)
	go func() { exit <- c.wait(tb) }()
	for range kills {
		select {
		case code := <-exit:
			return k.ended(tb, c, code, false)
		case <-time.After(time.Duration(20+k.IntN(600)) * time.Millisecond):
		}
		switch k.IntN(6) {
		case 0:
			k.server.Kill()
			k.server.Restart()
			k.count["postgres"]++
		case 1:
			_ = k.http.Close() // cuts every connection
			k.serve(tb)
			k.count["source"]++
		default:
			_ = c.Process.Kill()
			k.count["agent"]++
			return k.ended(tb, c, <-exit, true)
		}
	}
	return k.ended(tb, c, <-exit, false)
}

func (k *killing) ended(tb testing.TB, c *command, code int, killed bool) bool {
	tb.Helper()
	if code != 0 && (code != -1 || !killed) {
		tb.Fatalf("exit %d:\n%s", code, c.output())
	}
	return code == 0
}

func (k *killing) compare(tb testing.TB) {
	tb.Helper()
	harness.Compare(tb, k.source, k.db, harness.AllFeeds())
	k.compared++
}

func (k *killing) news(tb testing.TB) {
	tb.Helper()
	for range 10 {
		k.listings++
		at := time.Date(2026, 7, 1, 0, k.listings, 0, 0, time.UTC).Format(time.RFC3339)
		key := fmt.Sprintf("NEWS%d", k.listings)
		k.add(tb, simulator.Media, map[string]any{
			"MediaKey": "P" + key, "ResourceRecordKey": fmt.Sprintf("NEWS%d", k.listings+5), "ResourceName": "Property",
			"MediaModificationTimestamp": at,
		})
		k.add(tb, simulator.Property, map[string]any{"ListingKey": key, "ModificationTimestamp": at})
	}
}
