package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"resoagent/internal/crashpoint"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// crashing builds the agent with its crash points, once for all tests.
//
//nolint:gochecknoglobals // a build that the tests share, made at the first use
var crashing = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "resoagent-crash-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-tags", "crashpoints", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w:\n%s", err, out)
	}
	return binary, nil
})

// At each step of the protocol the real program is killed several times: in the
// first backfill, when there is something new, and when the state file was lost.
// After each the next run makes everything right.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(binary)) })
	harness.Each(t, func(t *testing.T, _ *harness.Database) {
		for _, version := range []int{2, 5} {
			t.Run(fmt.Sprintf("upgrade-%d", version), func(t *testing.T) {
				t.Parallel()
				db := harness.NewSQLite(t)
				if strings.Contains(t.Name(), "/postgres/") {
					db = harness.NewPostgres(t)
				}
				moves(t, binary, db, version)
			})
		}
		for _, point := range crashpoint.Points() {
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				db := harness.NewSQLite(t)
				if filepath.Base(t.Name()[:len(t.Name())-len(point)-1]) == "postgres" {
					db = harness.NewPostgres(t)
				}
				s := &crashes{setup: newSetup(t, simulator.Options{
					Seed: 11, Properties: 60, MediaPerListing: 4, RoomsPerListing: 1, OpenHousesPerListing: 0.5, OrphanShare: 0.1,
				}, db), binary: binary, point: point}
				s.history(t)
			})
		}
	})
}

type crashes struct {
	*setup
	binary, point string
	kills         int
}

func (s *crashes) history(t *testing.T) {
	t.Helper()
	s.orphans(t)
	for _, n := range []int{1, 2, 3} {
		s.crash(t, n)
	}
	if s.point == crashpoint.ClaimNoted {
		// Twice in a row, while the lease of a run that died before still runs.
		s.sync(t, crashpoint.BeforeCommit+":1")
		s.crash(t, 1)
		s.crash(t, 1)
	}
	s.recover(t)

	if s.point == crashpoint.Filled {
		// Killed behind the one table, and then behind the other.
		s.newColumns(t)
		s.crash(t, 1)
		s.crash(t, 1)
		s.recover(t)
		s.newColumns(t)
	}
	s.news(t)
	s.crash(t, 1)
	s.crash(t, 4)
	s.recover(t)

	if err := os.Remove(filepath.Join(s.dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	s.crash(t, 1)
	s.recover(t)
	if s.kills < 2 {
		t.Errorf("the point was reached %d times, want 2 or more", s.kills)
	}
}

// newColumns has the next run find columns that the tables do not have yet.
func (s *crashes) newColumns(tb testing.TB) {
	tb.Helper()
	s.db.Exec(tb, "ALTER TABLE "+s.db.Table("propertyrooms")+" DROP COLUMN room_type")
	s.db.Exec(tb, "ALTER TABLE "+s.db.Table("openhouse")+" DROP COLUMN open_house_date")
}

// sync runs the program; point "" lets it come to its end.
func (s *crashes) sync(tb testing.TB, point string) (code int, output string) {
	tb.Helper()
	c := &command{Cmd: exec.CommandContext(tb.Context(), s.binary, s.args("--quiet")...)}
	c.Env = append(os.Environ(), crashpoint.Variable+"="+point)
	c.Stdout, c.Stderr = c, c
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	return c.wait(tb), c.output()
}

// crash kills a run where it passes the point for the n-th time; one that does
// not pass it so often comes to its end.
func (s *crashes) crash(tb testing.TB, n int) {
	tb.Helper()
	switch code, output := s.sync(tb, fmt.Sprintf("%s:%d", s.point, n)); code {
	case -1:
		s.kills++
	case 0:
	default:
		tb.Fatalf("exit %d:\n%s", code, output)
	}
}

func (s *crashes) recover(tb testing.TB) {
	tb.Helper()
	if code, output := s.sync(tb, ""); code != 0 {
		tb.Fatalf("the run behind the crash: exit %d:\n%s", code, output)
	}
	harness.Compare(tb, s.source, s.db, harness.AllFeeds())
	if rows, runs := s.db.Count(tb, "SyncLog", ""), s.db.Count(tb, "agent_run", ""); rows != runs {
		tb.Errorf("%d rows in SyncLog of %d runs", rows, runs)
	}
}

// orphans adds photos of listings that news will bring.
func (s *crashes) orphans(tb testing.TB) {
	tb.Helper()
	for i := range 20 {
		s.add(tb, simulator.Media, map[string]any{
			"MediaKey": fmt.Sprintf("EARLY%d", i), "ResourceRecordKey": fmt.Sprintf("NEW%d", i), "ResourceName": "Property",
			"MediaModificationTimestamp": time.Date(2026, 7, 1, 0, 0, i, 0, time.UTC).Format(time.RFC3339),
		})
	}
}

func (s *crashes) news(tb testing.TB) {
	tb.Helper()
	for i := range 20 {
		at := time.Date(2026, 7, 2, 0, i, 0, 0, time.UTC).Format(time.RFC3339)
		s.add(tb, simulator.Property, map[string]any{"ListingKey": fmt.Sprintf("NEW%d", i), "ModificationTimestamp": at})
		s.add(tb, simulator.Media, map[string]any{
			"MediaKey": fmt.Sprintf("PHOTO%d", i), "ResourceRecordKey": fmt.Sprintf("NEW%d", i), "ResourceName": "Property",
			"MediaModificationTimestamp": at,
		})
	}
}

func (s *setup) add(tb testing.TB, resource string, values map[string]any) {
	tb.Helper()
	if err := s.source.Add(resource, values); err != nil {
		tb.Fatal(err)
	}
}
