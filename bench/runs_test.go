package bench

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/simulator"
	"resoagent/keyset"
)

const mebibyte = 1 << 20

// migrate makes the agent's tables for those that load into them without it.
func (b *bench) migrate(tb testing.TB, schema string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), b.agent, "migrate", "--database-url", b.url, "--schema", schema, "--state-dir", stateDir(tb))
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("migrate: %v\n%s", err, out)
	}
}

// contestant is one way to load rows. It makes its tables, or has them made,
// before its clock starts.
type contestant struct {
	name string
	copy string // the contestant that it is compared with
	run  func(schema string) result
}

// backfill lets COPY, the old way and the agent load the same rows in turn: one
// feed of listings and their media, and the listings of both feeds, each of which
// goes into a table of its own.
func (b *bench) backfill(t *testing.T) {
	s := source(t, b.sizes.properties, b.sizes.media, nil)
	idx, vow, media := rows(t, s, "idx_property"), rows(t, s, "vow_property"), rows(t, s, "media")
	plain := func(loads ...load) func(string) result {
		return func(schema string) result { b.migrate(t, schema); return b.copyPlain(t, schema, loads...) }
	}
	agent := func(flags ...string) func(string) result {
		return func(schema string) result {
			return b.sync(t, b.agent, s, schema, stateDir(t), append(flags, "--idx-token", simulator.DefaultIDXToken)...)
		}
	}
	contestants := []contestant{
		{"COPY", "COPY", plain(vow, media)},
		{"old way", "COPY", func(schema string) result { b.migrate(t, schema); return b.oldWay(t, s, schema) }},
		{"agent", "COPY", agent("--vow", "--media")},
		{"COPY, listings of two feeds", "COPY, listings of two feeds", plain(idx, vow)},
		{"agent, listings of two feeds", "COPY, listings of two feeds", agent("--idx", "--vow")},
		{"COPY, two feeds and media", "COPY, two feeds and media", plain(idx, vow, media)},
		{"agent, two feeds and media", "COPY, two feeds and media", agent("--idx", "--vow", "--media")},
	}
	// The server's log files are made while the first load runs, and used again by
	// the others.
	warm := b.schema(t)
	contestants[0].run(warm)
	b.drop(t, warm)
	results := make(map[string][]result)
	for range b.sizes.rounds {
		for _, c := range contestants {
			schema := b.schema(t)
			r := c.run(schema)
			t.Logf("%s: %s, %.0f rows/s", c.name, r.took, r.perSecond())
			results[c.name] = append(results[c.name], r)
			b.drop(t, schema)
		}
	}
	old := median(results["old way"]).perSecond()
	table := b.report.table(titleBackfill, fmt.Sprintf("%s media rows of 770 bytes and %s listings of 8 KB in VOW, %s of them in IDX too, throttle 0, over HTTP. Medians of %d rounds; the contestants take turns. COPY has the same rows typed and in memory, in the source's order, one connection, and tables with the same indexes. Rows/s are those of all rows together; those of the old way are of one feed and its media.",
		number(len(media.entries)), number(len(vow.entries)), number(len(idx.entries)), b.sizes.rounds),
		"contestant", "rows/s", "to COPY", "to the old way", "seconds", "client CPU s", "RssAnon", "VmHWM", "WAL", "fetched")
	for _, c := range contestants {
		r := median(results[c.name])
		memory, high, toOld := "-", "-", "-"
		if c.name != c.copy {
			memory, high = size(r.anonymous), size(r.resident)
		}
		if c.copy == "COPY" {
			toOld = ratio(r.perSecond() / old)
		}
		table.row(c.name, number(int(r.perSecond())), ratio(r.perSecond()/median(results[c.copy]).perSecond()), toOld, seconds(r.took), seconds(r.cpu),
			memory, high, size(r.wal), size(r.fetched))
	}
	b.report.plot = median(results["agent"]).samples
}

// repeat runs the agent a second time over what is there.
func (b *bench) repeat(t *testing.T) {
	s := source(t, b.sizes.properties, b.sizes.media, nil)
	schema, state := b.schema(t), stateDir(t)
	b.sync(t, b.agent, s, schema, state, "--vow", "--media")
	// What the first run left to do to the server's autovacuum and checkpoint is not the second one's.
	b.db.Exec(t, "VACUUM ANALYZE")
	b.db.Exec(t, "CHECKPOINT")
	again := b.sync(t, b.agent, s, schema, state, "--vow", "--media")
	table := b.report.table("Nothing new", "A second run over the data of the backfill. WAL is that of positions, lease and run records, with the full images of the pages they touch.",
		"run", "seconds", "rows fetched", "WAL", "RssAnon")
	table.row("nothing has changed", seconds(again.took), number(int(again.rows)), size(again.wal), size(again.anonymous))
	forced := b.sync(t, b.agent, s, schema, state, "--vow", "--media", "--force")
	table.row("all of it again (--force), nothing differs", seconds(forced.took), number(int(forced.rows)), size(forced.wal), size(forced.anonymous))
	b.drop(t, schema)
}

// slow reads a source that needs long for a page.
func (b *bench) slow(t *testing.T) {
	s := source(t, max(b.sizes.slowMedia/10, 100), b.sizes.slowMedia, nil)
	table := b.report.table("A slow source", fmt.Sprintf("%s media rows, %s for each answer, pages of 2,000.", number(b.sizes.slowMedia), b.sizes.latency),
		"windows at a time", "seconds", "rows/s", "to one at a time", "requests", "RssAnon")
	// The shorter one first: what it is compared with takes a quarter of an hour.
	results := make(map[int]result)
	requests := make(map[int]int)
	for _, parallel := range []int{8, 1} {
		schema, state := b.schema(t), stateDir(t)
		b.sync(t, b.agent, s, schema, state, "--vow")
		s.Set(func(f *simulator.Faults) { f.Latency = b.sizes.latency })
		page := 2000
		if !*full {
			page = 50
		}
		r := b.sync(t, b.agent, s, schema, state, "--media", "--parallel", fmt.Sprint(parallel), "--media-batch-size", fmt.Sprint(page))
		s.Set(func(f *simulator.Faults) { f.Latency = 0 })
		t.Logf("%d at a time: %s", parallel, r.took)
		results[parallel], requests[parallel] = r, s.Counters().Requests
		b.drop(t, schema)
	}
	for _, parallel := range []int{1, 8} {
		r := results[parallel]
		table.row(fmt.Sprint(parallel), seconds(r.took), number(int(r.perSecond())), ratio(r.perSecond()/results[1].perSecond()),
			number(requests[parallel]), size(r.anonymous))
	}
}

// growth shows that a row costs the same however many there are.
func (b *bench) growth(t *testing.T) {
	table := b.report.table("Growth", "Media rows into an empty table.", "rows", "seconds", "microseconds a row", "RssAnon", "VmHWM", "state file")
	for _, n := range b.sizes.growth {
		s := source(t, max(n/20, 50), n, nil)
		schema, state := b.schema(t), stateDir(t)
		b.sync(t, b.agent, s, schema, state, "--vow")
		r := b.sync(t, b.agent, s, schema, state, "--media")
		table.row(number(int(r.rows)), seconds(r.took), fmt.Sprintf("%.1f", float64(r.took.Microseconds())/float64(r.rows)),
			size(r.anonymous), size(r.resident), size(fileSize(t, filepath.Join(state, checkpoint.FileName))))
		b.drop(t, schema)
	}
}

// pages shows that memory does not grow with the page.
func (b *bench) pages(t *testing.T) {
	s := source(t, b.sizes.padded, b.sizes.padded, func(o *simulator.Options) { o.PropertyPadding = b.sizes.padding })
	table := b.report.table("Page size", fmt.Sprintf("%s listings of %s, with and without gzip.", number(b.sizes.padded), size(int64(b.sizes.padding))),
		"records a page", "gzip", "seconds", "fetched", "RssAnon", "VmHWM")
	for _, page := range []int{500, 5000, 10_000} {
		for _, gzip := range []bool{false, true} {
			s.Set(func(f *simulator.Faults) { f.Uncompressed = !gzip })
			schema := b.schema(t)
			r := b.sync(t, b.agent, s, schema, stateDir(t), "--vow", "--property-batch-size", fmt.Sprint(page))
			table.row(number(page), yes(gzip), seconds(r.took), size(r.fetched), size(r.anonymous), size(r.resident))
			b.drop(t, schema)
		}
	}
}

// checkpoints compares with a build that writes no checkpoints.
func (b *bench) checkpoints(t *testing.T) {
	without := buildAgent(t, "nocheckpoints")
	s := source(t, b.sizes.properties, b.sizes.media, nil)
	results := make(map[string][]result)
	for range b.sizes.rounds {
		for name, binary := range map[string]string{"with": b.agent, "without": without} {
			schema, state := b.schema(t), stateDir(t)
			results[name] = append(results[name], b.sync(t, binary, s, schema, state, "--vow", "--media"))
			b.drop(t, schema)
		}
	}
	with, off := median(results["with"]), median(results["without"])
	table := b.report.table("Checkpoints", "The backfill with checkpoints, and by a build that leaves those of media out of the state file (tag nocheckpoints; of listings it keeps the keys). Medians.",
		"checkpoints", "seconds", "rows/s", "to without")
	table.row("on", seconds(with.took), number(int(with.perSecond())), ratio(with.perSecond()/off.perSecond()))
	table.row("off", seconds(off.took), number(int(off.perSecond())), ratio(1))
}

// start measures the time to the first request with many parents.
func (b *bench) start(t *testing.T) {
	s := source(t, 100, 100, nil)
	schema, state := b.schema(t), stateDir(t)
	b.sync(t, b.agent, s, schema, state, "--vow", "--media")
	addParents(t, state, b.sizes.parents)
	var mu sync.Mutex
	var first time.Time
	s.Set(func(f *simulator.Faults) {
		f.OnRequest = func(int, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if first.IsZero() {
				first = time.Now()
			}
		}
	})
	var took []time.Duration
	var r result
	for range max(3, b.sizes.rounds) {
		first = time.Time{}
		begun := time.Now()
		r = b.sync(t, b.agent, s, schema, state, "--vow", "--media")
		took = append(took, first.Sub(begun))
	}
	slices.Sort(took)
	table := b.report.table("Start", fmt.Sprintf("From the start of the process to its first request, with %s parents in the state file. Median of %d.", number(b.sizes.parents), len(took)),
		"parents", "seconds", "state file", "RssAnon")
	table.row(number(b.sizes.parents), fmt.Sprintf("%.2f", took[len(took)/2].Seconds()), size(fileSize(t, filepath.Join(state, checkpoint.FileName))), size(r.anonymous))
	b.drop(t, schema)
}

func addParents(tb testing.TB, state string, n int) {
	tb.Helper()
	file, err := checkpoint.Open(state, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // of a test
	var set *keyset.Set
	err = file.View(func(tx *checkpoint.Tx) (err error) {
		set, err = keyset.Load(tx.Bolt())
		return err
	})
	for i := 0; i < n && err == nil; i += 20_000 {
		err = file.Update(func(tx *checkpoint.Tx) error { return set.Add(tx.Bolt(), parentKeys(i, min(n, i+20_000))) })
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// parentKeys are keys like the source's: a letter and digits.
func parentKeys(from, to int) []string {
	keys := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		keys = append(keys, fmt.Sprintf("W%08d", i))
	}
	return keys
}

// keys measures the key set alone.
func (b *bench) keys(t *testing.T) {
	dir := stateDir(t)
	addParents(t, dir, b.sizes.keys)
	file, err := checkpoint.Open(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // of a test
	var set *keyset.Set
	var took []time.Duration
	err = file.View(func(tx *checkpoint.Tx) (err error) {
		if set, err = keyset.Load(tx.Bolt()); err != nil {
			return err
		}
		for i := range 200 {
			page := parentKeys(i*b.sizes.keys/250, i*b.sizes.keys/250+2000) // of children, each of another parent
			if i%4 == 0 {
				page = page[:2000/20]
				page = slices.Repeat(page, 20)
			}
			begun := time.Now()
			if _, err := set.Missing(tx.Bolt(), page); err != nil {
				return err
			}
			took = append(took, time.Since(begun))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(took)
	stats := set.Stats()
	table := b.report.table("Key set", "Membership of a page of 2,000 children, of as many parents, in the whole set by turns.",
		"keys", "Bloom filter", "index, bytes a key", "2,000 children, median", "slowest of 200")
	bytes := fileSize(t, filepath.Join(dir, checkpoint.FileName))
	table.row(number(b.sizes.keys), size(int64(stats.BloomBits/8)), fmt.Sprintf("%.0f", float64(bytes)/float64(b.sizes.keys)),
		milliseconds(took[len(took)/2]), milliseconds(took[len(took)-1]))
}

func fileSize(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Size()
}

// median is the result whose time is in the middle.
func median(results []result) result {
	sorted := slices.SortedFunc(slices.Values(results), func(a, b result) int { return int(a.took - b.took) })
	if len(sorted) == 0 {
		return result{took: time.Second}
	}
	return sorted[len(sorted)/2]
}
