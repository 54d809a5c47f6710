package agent_test

import (
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// forgetRules makes the state file that of an older agent.
func (s *setup) forgetRules(tb testing.TB) {
	tb.Helper()
	file, err := checkpoint.Open(s.config.StateDir, time.Now())
	must(tb, err)
	must(tb, file.Update(func(tx *checkpoint.Tx) error {
		for _, name := range agent.Streams() {
			st, ok, err := tx.Stream(name)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			st.RejectRules = 0
			if err := tx.PutStream(name, st); err != nil {
				return err
			}
		}
		return tx.PutNote("keys_complete", false) // rows are taken away behind the index
	}))
	must(tb, file.Close())
}

// What an older agent rejected for a reason that no longer holds is asked for once
// after the upgrade, and brings the photos that were passed by; also where the run
// that asks is broken off. What is still bad, or gone, is not asked for again, and
// neither is what was rejected for another reason.
func TestOutlivedRejectsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at = "2026-07-01T12:00:00Z"
		reasons := map[string]string{
			"UTF8": "text is not valid UTF-8", "NULL": `text holds a NUL character (\u0000)`, "HALF": "text holds half of a surrogate pair",
			"SHORT": `ModificationTimestamp is not a timestamp: "2026-07-01T12:00Z"`, "GONE": "text is not valid UTF-8",
			"STILL": `ModificationTimestamp is not a timestamp: "soon"`, "OTHER": "no ListingKey",
		}
		for key := range reasons {
			if key == "GONE" {
				continue
			}
			s.listing(t, key, at, `A\u0000jax`)
			s.photo(t, "P-"+key, key, at)
		}
		// Far behind them, so that --lookback reads none of them again.
		s.listing(t, "LATER", "2026-07-02T12:00:00Z", "Ajax")
		s.photo(t, "LATER", "LATER", "2026-07-02T12:00:00Z")
		s.mustSync(t, catalog.VOWProperty, catalog.Media)
		// As the older agent has left it.
		_ = s.source.Remove(simulator.Property, "STILL")
		must(t, s.source.AddRaw(simulator.Property, "STILL", at, "", []byte(`{"ListingKey":"STILL","ModificationTimestamp":"soon"}`)))
		now := "now()"
		if !db.Postgres {
			now = "'2026-07-01T13:00:00.000000Z'"
		}
		db.Exec(t, "DELETE FROM "+db.Table("agent_reject"))
		for key, reason := range reasons {
			db.Exec(t, "DELETE FROM "+db.Table("vow_property")+" WHERE listing_key = '"+key+"'")
			db.Exec(t, "DELETE FROM "+db.Table("media")+" WHERE resource_record_key = '"+key+"'")
			db.Exec(t, "INSERT INTO "+db.Table("agent_orphan")+" (stream, parent_key, first_seen_at) VALUES ('media', '"+key+"', "+now+")")
			db.Exec(t, "INSERT INTO "+db.Table("agent_reject")+" (stream, record_key, parent_key, reason, body, body_bytes, run_id, first_seen_at, last_seen_at)"+
				" VALUES ('vow_property', '"+key+"', '', '"+reason+"', CAST('{}' AS "+map[bool]string{true: "bytea", false: "blob"}[db.Postgres]+"), 2, 'r', "+now+", "+now+")")
		}
		s.forgetRules(t)

		asked := func() (n int) {
			for _, r := range s.source.Requests() {
				if r.Resource == simulator.Property && (strings.Contains(r.RawQuery, "ListingKey%20in%20") || strings.Contains(r.RawQuery, "ListingKey%20eq%20")) {
					n++
				}
			}
			s.source.ResetRequests()
			return n
		}
		s.source.ResetRequests()
		s.config.RetryFor = 0
		s.source.Set(func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: simulator.Property, Fault: simulator.Fault{Kind: simulator.Status, Status: 503}})
		})
		if _, err := s.sync(t, catalog.VOWProperty, catalog.Media); err == nil || asked() == 0 {
			t.Fatalf("the questions were not broken off: %v", err)
		}
		s.config.RetryFor = 10 * time.Second
		s.source.Set(func(f *simulator.Faults) { f.Strikes = nil })
		report := s.mustSync(t, catalog.VOWProperty, catalog.Media)
		if asked() == 0 {
			t.Error("nothing was asked for")
		}
		if n := db.Count(t, "vow_property", "listing_key IN ('UTF8', 'NULL', 'HALF', 'SHORT') AND city = 'Ajax'"); n != 4 {
			t.Errorf("%d of 4 listings", n)
		}
		if n := db.Count(t, "media", "media_key LIKE 'P-%'"); n != 4 {
			t.Errorf("%d of 4 photos", n)
		}
		if n := report.Totals; n.Written != 8 || n.Repaired != 4 || n.Failed != 1 {
			t.Errorf("totals %+v", n)
		}
		left := db.Strings(t, "SELECT record_key, '' FROM "+db.Table("agent_reject")+" WHERE repaired IS NULL ORDER BY 1")
		if len(left) != 3 || left[0][0] != "GONE" || left[1][0] != "OTHER" || left[2][0] != "STILL" {
			t.Errorf("rejects left: %v", left)
		}
		s.mustSync(t, catalog.VOWProperty, catalog.Media)
		if n := asked(); n != 0 {
			t.Errorf("asked again, %d times", n)
		}
	})
}
