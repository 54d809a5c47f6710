package agent_test

import (
	"testing"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// Property shows IDX until VOW has finished a backfill, and VOW from then on, also
// while it is read anew.
func TestPropertyShowsTheFullestFeed(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.RetryFor, s.config.Parallel = 0, 1
		shows := func(table string) {
			t.Helper()
			property, rows := db.Count(t, "property", ""), db.Count(t, table, "")
			both := db.Int(t, "SELECT count(*) FROM "+db.Table("property")+" p JOIN "+db.Table(table)+" l ON l.listing_key = p.listing_key AND l.record_hash = p.record_hash")
			if property != rows || both != rows {
				t.Errorf("Property has %d rows, %d of them those of %s, which has %d", property, both, table, rows)
			}
		}
		s.mustSync(t, catalog.IDXProperty)
		shows("idx_property")
		s.fault(simulator.Property, simulator.Strike{After: 2, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
		if _, err := s.sync(t, catalog.VOWProperty); err == nil {
			t.Fatal("no error")
		}
		if n := db.Count(t, "vow_property", ""); n == 0 || n == int64(harness.Small().Properties) {
			t.Fatalf("%d rows of VOW, want a part", n)
		}
		shows("idx_property")
		s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
		s.mustSync(t)
		shows("vow_property")
		s.reset(t, catalog.VOWProperty)
		s.mustSync(t, catalog.IDXProperty)
		shows("vow_property")
	})
}

// Where there is no token for the other feed, there is nothing to wait for.
func TestPropertyShowsTheOnlyFeed(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.IDXToken, s.config.RetryFor, s.config.Parallel = "", 0, 1
		s.fault(simulator.Property, simulator.Strike{After: 2, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
		if _, err := s.sync(t, catalog.VOWProperty); err == nil {
			t.Fatal("no error")
		}
		if property, rows := db.Count(t, "property", ""), db.Count(t, "vow_property", ""); property != rows || rows == 0 {
			t.Errorf("Property has %d rows in the middle of the only feed's backfill, which has %d", property, rows)
		}
	})
}

// An agent that may only write cannot exchange the view. It goes on, and so does
// its 'agent migrate'; that of the owner does it, beside whoever writes.
func TestPropertyOfAnotherUser(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	owner := s.config
	if _, err := agent.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	s.config.DatabaseURL = user(t, db)
	db.Exec(t, "GRANT ALL ON ALL TABLES IN SCHEMA "+db.Schema+" TO u_"+db.Schema)
	db.Exec(t, "GRANT ALL ON ALL SEQUENCES IN SCHEMA "+db.Schema+" TO u_"+db.Schema)
	s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
	if _, err := agent.Migrate(t.Context(), s.config); err != nil {
		t.Error(err)
	}
	idx, vow := db.Count(t, "idx_property", ""), db.Count(t, "vow_property", "")
	if n := db.Count(t, "property", ""); n != idx || n == vow {
		t.Errorf("Property has %d rows, IDX %d, VOW %d", n, idx, vow)
	}
	if _, err := agent.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if n := db.Count(t, "property", ""); n != vow {
		t.Errorf("Property has %d rows, VOW %d", n, vow)
	}
}
