package agent_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Connections of the tests' own database handles are closed, but not waited for.
		goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
	)
}

// journal keeps the events of an agent.
type journal struct {
	mu     sync.Mutex
	events []agent.Event
	one    sync.Mutex
	on     func(agent.Event) // called with each event, one at a time, if set
}

func (j *journal) observe(e agent.Event) {
	j.mu.Lock()
	j.events = append(j.events, e)
	on := j.on
	j.mu.Unlock()
	if on != nil {
		j.one.Lock()
		defer j.one.Unlock()
		on(e)
	}
}

// of are the events of one type.
func of[E agent.Event](j *journal) (out []E) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// setup is a source, a destination and what an agent between them needs.
type setup struct {
	source *harness.Source
	db     *harness.Database
	config agent.Config
	log    *journal
}

// parallel is how many windows the tests read at a time, but for those that look
// at a single walk.
var parallel = flag.Int("parallel-windows", agent.DefaultConfig().Parallel, "windows of a pass that are read at a time")

// newSetup has small pages, so that every stream has several, no delays, and
// little patience.
func newSetup(tb testing.TB, source *harness.Source, db *harness.Database) *setup {
	tb.Helper()
	s := &setup{source: source, db: db, config: agent.DefaultConfig(), log: &journal{}}
	c := &s.config
	c.SourceURL, c.DatabaseURL, c.Schema = source.URL, db.URL, db.Schema
	c.IDXToken, c.VOWToken = simulator.DefaultIDXToken, simulator.DefaultVOWToken
	c.StateDir = tb.TempDir()
	if err := os.Chmod(c.StateDir, 0o700); err != nil {
		tb.Fatal(err)
	}
	for _, sizes := range c.Sizes {
		*sizes = agent.Sizes{Page: 50, Batch: 20}
	}
	c.RetryFor, c.StallTimeout = 10*time.Second, 5*time.Second
	c.Parallel = *parallel
	c.UserAgent, c.Host = "resoagent/test", "test-host"
	c.Observe = func(e agent.Event) { s.log.observe(e) }
	return s
}

// sync runs once over streams (none: all).
func (s *setup) sync(tb testing.TB, streams ...string) (agent.Report, error) {
	tb.Helper()
	return s.syncWith(tb, tb.Context(), agent.Selection{Streams: streams})
}

func (s *setup) syncWith(tb testing.TB, ctx context.Context, sel agent.Selection) (agent.Report, error) {
	tb.Helper()
	a, err := agent.Open(ctx, s.config)
	if err != nil {
		return agent.Report{}, err
	}
	report, err := a.Sync(ctx, sel)
	return report, errors.Join(err, a.Close())
}

// mustSync fails the test unless the run is done.
func (s *setup) mustSync(tb testing.TB, streams ...string) agent.Report {
	tb.Helper()
	report, err := s.sync(tb, streams...)
	if err != nil {
		tb.Fatalf("sync: %v", err)
	}
	return report
}

func (s *setup) compare(tb testing.TB) {
	tb.Helper()
	harness.Compare(tb, s.source, s.db, harness.AllFeeds())
}

// pass finds a stream's pass in a report.
func pass(tb testing.TB, r agent.Report, stream string) agent.PassReport {
	tb.Helper()
	i := slices.IndexFunc(r.Passes, func(p agent.PassReport) bool { return p.Stream == stream })
	if i < 0 {
		tb.Fatalf("the report has no pass of %s", stream)
	}
	return r.Passes[i]
}

// fault sets a strike on the pages, not the counts, of a resource.
func (s *setup) fault(resource string, strike simulator.Strike) {
	strike.Resource, strike.Match = resource, onlyPages
	s.source.Set(func(f *simulator.Faults) { f.Strike(strike) })
}
