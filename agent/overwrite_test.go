package agent_test

import (
	"net/url"
	"strings"
	"testing"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

// Many rows that differ are overwritten, by a user who may make temporary tables
// and by one who may not; those that are the same are not touched.
func TestManyRowsAreOverwritten(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	root := harness.OpenPostgres(t, address.String(), "public")
	role := strings.TrimPrefix(address.Path, "/") // a name that nobody else has
	root.Exec(t, "CREATE ROLE "+role+" LOGIN")
	root.Exec(t, "GRANT CREATE ON DATABASE "+role+" TO "+role)
	root.Exec(t, "GRANT CREATE ON SCHEMA public TO "+role)
	defer func() {
		root.Exec(t, "DROP OWNED BY "+role)
		root.Exec(t, "DROP ROLE "+role)
	}()
	address.User = url.User(role)
	o := harness.Small()
	o.MediaPerListing = 14
	s := newSetup(t, harness.NewSource(t, o), harness.OpenPostgres(t, address.String(), "public"))
	s.config.Parallel = 1
	s.config.Sizes["media"].Page = 2000 // a group of more than a thousand
	s.mustSync(t, catalog.VOWProperty, catalog.Media)
	for _, right := range []string{"GRANT", "REVOKE"} {
		to := map[string]string{"GRANT": " TO ", "REVOKE": " FROM "}[right]
		root.Exec(t, right+" TEMPORARY ON DATABASE "+role+to+"PUBLIC, "+role)
		s.db.Exec(t, "UPDATE media SET record = '{\"wrong\":true}', record_hash = 1, media_url = 'wrong' WHERE media_key > '1'")
		wrong := s.db.Count(t, "media", "record_hash = 1")
		report, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.Media}, Force: true})
		if err != nil {
			t.Fatalf("%s: %v", right, err)
		}
		if p := pass(t, report, catalog.Media); p.Counters.Written != wrong || wrong < 1000 || p.Counters.Unchanged == 0 {
			t.Errorf("%s: %d wrong rows, counters %+v", right, wrong, p.Counters)
		}
		harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
	}
}
