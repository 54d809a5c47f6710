package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

var (
	full   = flag.Bool("full", false, "the sizes of docs/BENCHMARKS.md; takes an hour")
	write  = flag.String("write", "", "directory to write BENCHMARKS.md and its plot to")
	rounds = flag.Int("rounds", 0, "how often each contestant runs, in turn; 0: 3, or 1 in small")
	only   = flag.String("only", "", "the one table to make: backfill, repeat, slow, growth, start, keys, checkpoints, pages, indexes, compression")
)

// sizes are how much of everything there is.
type sizes struct {
	properties, media int
	rounds            int
	slowMedia         int           // records of the slow source
	latency           time.Duration // of the slow source, for each page
	growth            []int         // media records
	parents           int           // of the start
	keys              int           // of the key set
	padded            int           // listings of 12 KB
	padding           int
	indexed           int // listings of the loads with and without indexes, and of the two compressions
}

func chosen() sizes {
	s := sizes{
		properties: 300, media: 3000, rounds: 1, slowMedia: 3000, latency: 20 * time.Millisecond, growth: []int{1000, 2000},
		parents: 5000, keys: 20_000, padded: 200, padding: 12_000, indexed: 200,
	}
	if *full {
		s = sizes{
			properties: 100_000, media: 1_000_000, rounds: 3, slowMedia: 1_000_000, latency: 2 * time.Second,
			growth: []int{100_000, 300_000, 1_000_000}, parents: 1_000_000, keys: 10_000_000, padded: 50_000, padding: 12_000, indexed: 30_000,
		}
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	return s
}

func TestMain(m *testing.M) {
	if os.Getenv(oldWayVariable) != "" {
		os.Exit(oldWayMain())
	}
	os.Exit(m.Run())
}

// TestBenchmarks makes all tables.
func TestBenchmarks(t *testing.T) {
	s := chosen()
	b := &bench{sizes: s, agent: buildAgent(t)}
	b.server = pgtest.Start(t)
	b.url = b.server.URL()
	db := harness.OpenPostgres(t, b.url, "public")
	// The tests' servers do without; a benchmark of what is durable does not.
	db.Exec(t, "ALTER SYSTEM SET fsync = on")
	db.Exec(t, "ALTER SYSTEM SET max_wal_size = '4GB'")
	db.Exec(t, "SELECT pg_reload_conf()")
	b.db = db
	for _, table := range []struct {
		name string
		make func(*testing.T)
	}{
		{"backfill", b.backfill},
		{"repeat", b.repeat},
		{"slow", b.slow},
		{"growth", b.growth},
		{"pages", b.pages},
		{"checkpoints", b.checkpoints},
		{"start", b.start},
		{"keys", b.keys},
		{"indexes", b.indexes},
		{"compression", b.compression},
	} {
		if *only == "" || *only == table.name {
			table.make(t)
		}
		if t.Failed() {
			return
		}
	}
	t.Log("\n" + b.report.text())
	if *write != "" {
		if err := b.report.write(*write); err != nil {
			t.Fatal(err)
		}
	}
}

// bench is one run of the benchmarks.
type bench struct {
	sizes  sizes
	agent  string // the binary
	server *pgtest.Server
	url    string
	db     *harness.Database
	report report
	number int // of the schemas
}

// schema makes an empty schema and leaves the server in peace: what the run
// before has written is on the disk.
func (b *bench) schema(tb testing.TB) string {
	tb.Helper()
	b.number++
	name := fmt.Sprintf("bench%d", b.number)
	b.db.Exec(tb, "CREATE SCHEMA "+name)
	b.db.Exec(tb, "CHECKPOINT")
	return name
}

func (b *bench) drop(tb testing.TB, schema string) {
	tb.Helper()
	b.db.Exec(tb, "DROP SCHEMA "+schema+" CASCADE")
}

// source serves a feed of one kind, uncompressed: gzip would be the simulator's
// work, on the cores that are measured.
func source(tb testing.TB, properties, media int, change func(*simulator.Options)) *harness.Source {
	tb.Helper()
	o := simulator.Options{
		Seed: 1, Properties: properties, MediaPerListing: float64(media) / float64(properties),
		RoomsPerListing: -1, OpenHousesPerListing: -1, OrphanShare: -1, End: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC),
	}
	o.Faults.Uncompressed = true
	if change != nil {
		change(&o)
	}
	s := harness.NewSource(tb, o)
	// The orders are built at the first question for each, and the rows printed
	// before, like those of COPY: the source shares the cores that are measured.
	for _, of := range []struct {
		feed     simulator.Feed
		resource string
	}{{simulator.IDX, simulator.Property}, {simulator.VOW, simulator.Property}, {simulator.VOW, simulator.Media}} {
		if err := s.Each(of.feed, of.resource, func(simulator.Row) error { return errEnough }); err != nil && err != errEnough { //nolint:errorlint // its own
			tb.Fatal(err)
		}
		if err := s.Render(of.feed, of.resource); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

type enough struct{}

func (enough) Error() string { return "enough" }

var errEnough = enough{}
