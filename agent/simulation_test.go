package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/record"
	"resoagent/keyset"
	"resoagent/migrations"
)

var (
	simulationSeed = flag.Uint64("simulation.seed", 0, "the one history to run; 0: many, from 1 on")
	simulationFor  = flag.Duration("simulation.for", 3*time.Second, "how long to run histories")
)

// Histories of a feed, an agent and its two stores, drawn from a seed: listings
// and photos come, change, come late, before their listing, or broken; calls
// fail with and without effect; the agent dies between any two writes; state
// file and destination are lost or set back. The fakes check with each commit
// that no child is without parent and that no position is ahead of the rows, and
// at the end everything must be there, row by row.
func TestSimulation(t *testing.T) {
	if *simulationSeed != 0 {
		history(t, *simulationSeed)
		return
	}
	begun, n := time.Now(), uint64(0)
	for time.Since(begun) < *simulationFor && !t.Failed() {
		n++
		history(t, n)
	}
	t.Logf("%d histories in %s, %.0f a minute", n, time.Since(begun).Round(time.Second), float64(n)/time.Since(begun).Minutes())
}

func history(t *testing.T, seed uint64) {
	t.Helper()
	dir := memoryDir(t)
	synctest.Test(t, func(t *testing.T) {
		h := newSimulation(seed, dir)
		if err := h.play(t.Context()); err != nil {
			t.Errorf("seed %d: %v\nrun it alone: go test ./agent -run TestSimulation -simulation.seed %d\n%s",
				seed, err, seed, strings.Join(h.story, "\n"))
		}
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// memoryDir is a directory in memory where there is one: the state file's syncs
// are not what is tested here.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "resoagent-")
	if err != nil {
		dir = tb.TempDir()
	}
	return dir
}

// simulation is one history.
type simulation struct {
	*rand.Rand
	config Config
	clock  time.Time
	later  atomic.Int64 // nanoseconds that have passed in the run under way
	feed   *fakeFeed
	store  *fakeStore
	story  []string

	copies  [][]byte     // of the state file
	backups []*fakeTruth // of the destination
	settled bool         // the last run came to its end, and nothing is new since
}

func newSimulation(seed uint64, dir string) *simulation {
	h := &simulation{Rand: rand.New(rand.NewPCG(seed, 1)), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.config = DefaultConfig()
	c := &h.config
	c.SourceURL, c.IDXToken, c.VOWToken, c.StateDir = "https://source.example/odata", "idx", "vow", dir
	c.anewFrom = 1 + h.IntN(5)
	for _, s := range catalog.All().Settings() {
		*c.Sizes[s.Settings] = Sizes{Page: 2 + h.IntN(8), Batch: 1 + h.IntN(4)}
	}
	c.Parallel = 1 + h.IntN(4)
	c.RetryFor, c.Now = 24*time.Hour, func() time.Time { return h.clock.Add(time.Duration(h.later.Load())) }
	h.feed = &fakeFeed{
		rows: make(map[string][]*fakeRow), now: c.Now, pass: func() { h.later.Add(int64(time.Second)) },
		cap: h.IntN(2) * (2 + h.IntN(3)), noCount: h.IntN(4) == 0,
	}
	h.feed.add(catalog.VOWProperty, h.feed.newKey(), "", h.clock) // without listings children are not looked at
	h.store = &fakeStore{fakeTruth: newTruth(), feed: h.feed, draw: h.IntN, state: h.stateFile}
	return h
}

func (h *simulation) tell(format string, args ...any) {
	h.story = append(h.story, fmt.Sprintf(format, args...))
}

func (h *simulation) stateFile() []byte {
	b, err := os.ReadFile(filepath.Join(h.config.StateDir, checkpoint.FileName))
	if err != nil {
		return nil
	}
	return b
}

func (h *simulation) play(ctx context.Context) error {
	for range 3 + h.IntN(6) {
		h.news()
		if err := h.run(ctx, true); err != nil {
			return err
		}
		if err := h.mishap(); err != nil {
			return err
		}
	}
	for range 2 { // the second brings home what the first brought parents for
		h.store.trouble, h.feed.trouble, h.feed.lively = false, false, false
		if err := h.run(ctx, false); err != nil {
			return err
		}
	}
	return h.store.compare()
}

// news is what happens at the source between two runs.
func (h *simulation) news() {
	if h.settled && h.IntN(3) == 0 {
		// What was put aside before knows nothing of a row that comes late.
		h.copies, h.backups = nil, nil
		at := h.clock.Add(-time.Duration(61+h.IntN(200)) * time.Second)
		row := h.feed.add(catalog.Media, fmt.Sprint("late", h.Uint32()), h.feed.anyKey(h.IntN), at)
		row.late = true
		h.tell("late row %s at %s", row.key, at.Format(time.TimeOnly))
	}
	for range h.IntN(12) {
		if h.IntN(4) > 0 {
			h.clock = h.clock.Add(time.Duration(1+h.IntN(300)) * time.Second)
		}
		at := h.clock.Add(-time.Minute)
		switch n := h.IntN(20); {
		case n < 6:
			h.feed.add(catalog.VOWProperty, h.feed.newKey(), "", at)
		case n < 8:
			h.feed.touch(catalog.VOWProperty, at, h.IntN)
		case n < 14:
			h.feed.add([]string{catalog.Media, catalog.Rooms}[h.IntN(2)], fmt.Sprint("c", h.Uint32()), h.feed.anyKey(h.IntN), at)
		case n < 16:
			h.feed.touch(catalog.Media, at, h.IntN)
		case n < 17:
			if r := h.feed.touch(catalog.Media, at, h.IntN); r != nil {
				r.deleted = true
			}
		case n < 18:
			h.feed.add(catalog.Media, fmt.Sprint("bad", h.Uint32()), h.feed.anyKey(h.IntN), at).bad = true
		case n < 19 && h.IntN(2) == 0: // enough for several windows
			for range 20 + h.IntN(40) {
				h.clock = h.clock.Add(time.Duration(h.IntN(3)) * time.Second)
				h.feed.add(catalog.Media, fmt.Sprint("m", h.Uint32()), h.feed.anyKey(h.IntN), h.clock.Add(-time.Minute))
			}
		default: // a cluster of one second
			for range 5 + h.IntN(10) {
				h.feed.add(catalog.Rooms, fmt.Sprint("s", h.Uint32()), h.feed.anyKey(h.IntN), at)
			}
		}
		// Everything behind gets a later timestamp: rows of one second come at once.
		h.clock = h.clock.Add(time.Second)
	}
	h.clock = h.clock.Add(time.Minute)
}

// mishap is what happens to the stores between two runs.
func (h *simulation) mishap() error {
	path := filepath.Join(h.config.StateDir, checkpoint.FileName)
	if h.IntN(3) == 0 && h.store.hasMarks() {
		h.backups = append(h.backups, h.store.clone())
	}
	if b := h.stateFile(); h.IntN(3) == 0 && b != nil {
		h.copies = append(h.copies, b)
	}
	switch n := h.IntN(20); {
	case n == 0:
		h.tell("state file lost")
		h.settled = false
		return os.Remove(path)
	case n <= 2 && len(h.copies) > 0:
		h.tell("state file set back")
		h.settled = false
		return os.WriteFile(path, h.copies[h.IntN(len(h.copies))], 0o600)
	case n <= 4 && len(h.backups) > 0:
		h.tell("destination set back")
		h.settled = false
		h.store.fakeTruth = h.backups[h.IntN(len(h.backups))].clone()
	}
	return nil
}

// run is one life of the agent.
func (h *simulation) run(ctx context.Context, mayDie bool) error {
	file, err := checkpoint.Open(h.config.StateDir, h.clock)
	if err != nil {
		return err
	}
	a := &Agent{
		config: h.config, source: newPaced(h.feed, &h.config), dest: h.store, owner: h.store, tables: h.store, aside: h.store, log: h.store, file: file,
		migrate: func(context.Context, record.Owner) (migrations.Result, error) {
			return migrations.Result{}, h.store.call(func() error { return nil })
		},
	}
	err = file.View(func(tx *checkpoint.Tx) (err error) {
		a.keys, err = keyset.Load(tx.Bolt())
		return err
	})
	if err != nil {
		return errors.Join(err, file.Close())
	}
	h.store.trouble, h.feed.trouble, h.store.dieIn, h.store.dead = mayDie, mayDie, 0, nil
	h.feed.lively = mayDie && h.IntN(2) == 0
	if mayDie && h.IntN(2) == 0 {
		h.store.dieIn = 1 + h.IntN(40)
	}
	sel := Selection{}
	if mayDie && h.IntN(4) == 0 {
		sel.Streams = [][]string{{catalog.IDXProperty, catalog.VOWProperty}, {catalog.Media}, {catalog.Media, catalog.Rooms}}[h.IntN(3)]
	}
	streams, _, err := h.config.selected(sel)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	report := Report{ID: fmt.Sprint("run-", h.Uint64()), Started: h.clock}
	err = a.run(ctx, streams, Selection{Force: mayDie && h.IntN(10) == 0}, &report)
	if closed := file.Close(); closed != nil {
		return closed
	}
	// What comes next is behind what came during the run, also by its timestamp.
	h.clock = h.clock.Add(time.Duration(h.later.Swap(0)) + 2*time.Minute)
	if n := report.Missing(); n != 0 { // the feed sends all that it counts
		return fmt.Errorf("a gap of %d in %+v", n, report.Passes)
	}
	h.tell("run %v at %s: %v", sel.Streams, h.clock.Format(time.TimeOnly), err)
	h.settled = err == nil && len(sel.Streams) == 0
	switch {
	case h.store.broken != nil:
		return h.store.broken
	case h.store.dead != nil:
		return os.WriteFile(filepath.Join(h.config.StateDir, checkpoint.FileName), h.store.dead, 0o600)
	case errors.Is(err, ErrNoKeys):
		return nil
	}
	return err
}

// brief is an error that passes; lost is that of a process that is dead.
type brief struct{}

func (brief) Error() string                     { return "it did not work this time" }
func (brief) Temporary() bool                   { return true }
func (brief) RetryAfter() (time.Duration, bool) { return 0, false }

var errDead = errors.New("dead")

// shapeOf is the stream that the feed keeps a stream's rows under.
func shapeOf(stream string) string {
	if stream == catalog.IDXProperty {
		return catalog.VOWProperty
	}
	return stream
}
