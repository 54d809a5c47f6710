package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// The destination comes back from a backup, the state file is lost, and later
// the destination comes back from a backup of the time before: both stores have
// come as far by number, but in different histories. The destination is right
// about its rows.
func TestTwoHistories(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Lookback = 0
	database := strings.TrimPrefix(s.db.URL, "sqlite:")
	backup := func(name string) {
		s.db.Exec(t, "PRAGMA wal_checkpoint(TRUNCATE)")
		copyFile(t, database, database+name)
	}
	restore := func(name string) {
		s.db.Exec(t, "PRAGMA wal_checkpoint(TRUNCATE)")
		s.db.Close(t)
		for _, tail := range []string{"-wal", "-shm"} {
			_ = os.Remove(database + tail) // may not be there
		}
		copyFile(t, database+name, database)
		s.db.Reopen(t)
	}
	at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	s.mustSync(t)
	backup(".monday")
	s.add(t, simulator.Property, listing("TUESDAY", at))
	s.mustSync(t)
	backup(".tuesday")

	restore(".monday")
	if err := os.Remove(filepath.Join(s.config.StateDir, "state.db")); err != nil {
		t.Fatal(err)
	}
	s.add(t, simulator.Property, listing("WEDNESDAY", at.Add(24*time.Hour)))
	s.mustSync(t)
	s.compare(t)

	restore(".tuesday")
	s.mustSync(t)
	s.compare(t)
	if !strings.Contains(noticesOf(s), "different histories") {
		t.Errorf("nothing says what was decided: %s", noticesOf(s))
	}
}
