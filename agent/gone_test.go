package agent_test

import (
	"os"
	"strings"
	"testing"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
)

// A database file that is removed, or has another one put in its place, while a
// run writes into it ends that run, with what to do.
func TestDatabaseFileGone(t *testing.T) {
	t.Parallel()
	for name, replaced := range map[string]bool{"removed": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			path := strings.TrimPrefix(s.config.DatabaseURL, "sqlite:")
			s.log.on = func(e agent.Event) {
				if p, ok := e.(agent.PassFinished); !ok || p.Stream != catalog.IDXProperty {
					return
				}
				if err := os.Rename(path, path+".away"); err != nil {
					t.Error(err)
				}
				if replaced {
					if err := os.WriteFile(path, nil, 0o600); err != nil {
						t.Error(err)
					}
				}
			}
			_, err := s.sync(t)
			if err == nil || !strings.Contains(err.Error(), path+": it was removed or replaced") || !strings.Contains(err.Error(), "put the file back") {
				t.Fatalf("error %v, want that the file is gone", err)
			}
			// Put back, everything goes on.
			s.log.on = nil
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			s.mustSync(t)
			s.compare(t)
		})
	}
}
