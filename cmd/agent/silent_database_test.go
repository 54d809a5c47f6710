package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

// Moments at which a database can fall silent.
func moments() map[string]pgtest.Moment {
	return map[string]pgtest.Moment{
		"in COPY":      pgtest.InCopy,
		"in a COMMIT":  pgtest.Commit,
		"in the claim": "FOR UPDATE",
		"at the lease": "SET lease_until = clock_timestamp() + make_interval(secs => $1) WHERE",
		"in SyncLog":   "agent_run",
	}
}

// throughProxy puts a proxy between the agent and its database, which the agent
// has migrated already.
func throughProxy(t *testing.T) (*setup, *pgtest.Proxy) {
	t.Helper()
	s := newSetup(t, harness.Small(), harness.NewPostgres(t))
	if c := start(t, append([]string{"migrate"}, s.args()[1:]...)...); c.wait(t) != 0 {
		t.Fatal(c.output())
	}
	proxy := pgtest.NewProxy(t, s.db.URL)
	s.db.URL = proxy.URL()
	return s, proxy
}

// leave sends the signal and expects the end within two seconds.
func leave(t *testing.T, c *command) {
	t.Helper()
	begun := time.Now()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	code := c.wait(t)
	if took := time.Since(begun); code != exitInterrupted || took > 2*time.Second {
		t.Errorf("exit %d after %s, want %d within 2s:\n%s", code, took, exitInterrupted, c.output())
	}
}

// A signal ends the program within two seconds, whatever it waits for in a
// database that says nothing.
func TestSignalWhileTheDatabaseIsSilent(t *testing.T) {
	t.Parallel()
	for name, at := range moments() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, proxy := throughProxy(t)
			if name == "at the lease" {
				s.source.Set(func(f *simulator.Faults) { f.Latency = 300 * time.Millisecond })
			}
			proxy.FreezeAt(at)
			c := start(t, s.args("--lease", "3s")...)
			<-proxy.Frozen()
			leave(t, c)
			proxy.Thaw()
			if c := start(t, s.args("--lease", "3s")...); c.wait(t) != 0 {
				t.Errorf("the next run:\n%s", c.output())
			}
			harness.Compare(t, s.source, s.db, harness.AllFeeds())
		})
	}
	t.Run("a stopped pooler", func(t *testing.T) {
		t.Parallel()
		s := newSetup(t, harness.Small(), harness.NewPostgres(t))
		address, stop := pgtest.StoppablePooler(t, s.db.URL)
		s.source.Set(func(f *simulator.Faults) { f.Latency = 100 * time.Millisecond })
		c := start(t, s.args("--database-url", address)...)
		c.until(t, "Progress:")
		stop()
		leave(t, c)
	})
}

// A database that falls silent is noticed, although its connections stay open:
// status names it, the run tries again, and goes on when it is back.
func TestDatabaseFallsSilent(t *testing.T) {
	t.Parallel()
	for name, at := range moments() {
		if name == "at the lease" {
			continue // of which the run itself need not notice anything
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, proxy := throughProxy(t)
			proxy.FreezeAt(at)
			c := start(t, s.args("--lease", "6s", "--retry-for", "2m")...)
			<-proxy.Frozen()
			deadline := time.Now().Add(time.Minute)
			for {
				if p := s.status(t).Problem; p != nil && strings.Contains(p.Text, "connection to PostgreSQL") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("no problem shows:\n%s", c.output())
				}
				time.Sleep(200 * time.Millisecond)
			}
			if !strings.Contains(c.output(), "no answer for") {
				t.Errorf("the output does not say so:\n%s", c.output())
			}
			proxy.Thaw()
			if code := c.wait(t); code != 0 {
				t.Errorf("exit %d:\n%s", code, c.output())
			}
			harness.Compare(t, s.source, s.db, harness.AllFeeds())
		})
	}
}
