package agent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// A timestamp that was wrong and is put right does not make what comes with it
// an older version: neither a change nor a soft delete is lost.
func TestCorrectedTimestamps(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		now := time.Now().UTC().Truncate(time.Second)
		s.add(t, simulator.Property, map[string]any{"ListingKey": "W2", "ModificationTimestamp": "2099-01-01T00:00:00Z", "StandardStatus": "Active"})
		for _, key := range []string{"P1", "P2"} {
			s.add(t, simulator.Media, map[string]any{
				"MediaKey": key, "ResourceRecordKey": "W2", "ResourceName": "Property", "MediaStatus": "Active",
				"MediaModificationTimestamp": "2099-01-01T00:00:00Z",
			})
		}
		s.mustSync(t)
		s.compare(t)
		must(t, s.source.Touch(simulator.Media, "P1", now.Add(-time.Minute), map[string]any{"MediaStatus": "Deleted"}))
		must(t, s.source.Touch(simulator.Media, "P2", now.Add(-time.Minute), map[string]any{"Order": 7}))
		must(t, s.source.Touch(simulator.Property, "W2", now.Add(-time.Minute), map[string]any{"StandardStatus": "Closed"}))
		report := s.mustSync(t)
		if n := pass(t, report, catalog.Media).Counters; n.Deleted != 1 || n.Written != 1 || n.Older != 0 {
			t.Errorf("photos: %+v, want one deleted and one written", n)
		}
		if n := pass(t, report, catalog.VOWProperty).Counters; n.Written != 1 || n.Older != 0 {
			t.Errorf("listings: %+v, want one written", n)
		}
		if n := db.Count(t, "vow_listing", "listing_key = 'W2' AND standard_status = 'Closed'"); n != 1 {
			t.Error("the listing is not closed")
		}
		harness.Compare(t, s.source, db, harness.Feeds{VOW: true, Media: simulator.VOW, Rooms: simulator.VOW, OpenHouse: simulator.VOW})
	})
}

// A version or a soft delete that is a little older than the row stays out, and
// that is said wherever a run is accounted for; a forced pass writes it.
func TestOlderVersionsAreCounted(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		at := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
		s.add(t, simulator.Property, map[string]any{"ListingKey": "W2", "ModificationTimestamp": at.Format(time.RFC3339), "PublicRemarks": "first"})
		s.add(t, simulator.Media, map[string]any{
			"MediaKey": "P1", "ResourceRecordKey": "W2", "ResourceName": "Property", "MediaStatus": "Active",
			"MediaModificationTimestamp": at.Format(time.RFC3339),
		})
		s.mustSync(t, catalog.VOWProperty, catalog.Media)
		must(t, s.source.Touch(simulator.Media, "P1", at.Add(-3*time.Second), map[string]any{"MediaStatus": "Deleted"}))
		must(t, s.source.Touch(simulator.Property, "W2", at.Add(-3*time.Second), map[string]any{"PublicRemarks": "second"}))
		report := s.mustSync(t, catalog.VOWProperty, catalog.Media)
		for _, stream := range []string{catalog.VOWProperty, catalog.Media} {
			if n := pass(t, report, stream).Counters; n.Older != 1 || n.Processed() != 0 || n.Seen() != 1 {
				t.Errorf("%s: %+v, want one older", stream, n)
			}
		}
		if db.Count(t, "media", "media_key = 'P1'") != 1 || db.Count(t, "vow_property", "listing_key = 'W2' AND CAST(record AS text) LIKE '%first%'") != 1 {
			t.Error("the newer rows have not stayed")
		}
		if run := history(t, s)[0]; run.Older != 2 || run.Deleted != 0 || run.Unchanged != 0 || run.Processed != 0 {
			t.Errorf("the history says %+v, want two older", run)
		}
		status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range status.Streams {
			if want := st.Name == catalog.VOWProperty || st.Name == catalog.Media; (st.Older == 1) != want {
				t.Errorf("the status says %+v", st)
			}
		}
		if log := db.Strings(t, "SELECT total_processed, total_successful, total_failed FROM "+db.Table("synclog")+" ORDER BY id DESC LIMIT 1")[0]; strings.Join(log, " ") != "0 0 0" {
			t.Errorf("SyncLog says %v", log)
		}
		if _, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty, catalog.Media}, Force: true}); err != nil {
			t.Fatal(err)
		}
		harness.Compare(t, s.source, db, harness.Feeds{VOW: true, Media: simulator.VOW})
	})
}

// Records without a timestamp are stored like others, and are no place for
// anything; one that cannot be read is a reject.
func TestRecordsWithoutTimestamp(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Filters["media"] = "" // raw records have no fields that a filter could see
		raw := func(resource, key, at, parent, text string) {
			_ = s.source.Remove(resource, key) // none at first
			if err := s.source.AddRaw(resource, key, at, parent, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		const last = "2026-07-09T00:00:00Z" // they stand at the very end
		raw(simulator.Property, "NONE", last, "", `{"ListingKey":"NONE","ModificationTimestamp":null,"City":"Ajax"}`)
		raw(simulator.Property, "ODD", last, "", `{"ListingKey":"ODD","ModificationTimestamp":"soon"}`)
		raw(simulator.Media, "NONE-1", last, "NONE", `{"MediaKey":"NONE-1","ResourceRecordKey":"NONE","ResourceName":"Property"}`)
		raw(simulator.PropertyRooms, "NONE-2", last, "NONE", `{"RoomKey":"NONE-2","ListingKey":"NONE"}`)
		raw(simulator.OpenHouse, "NONE-3", last, "NONE", `{"OpenHouseKey":"NONE-3","ListingKey":"NONE"}`)
		s.mustSync(t)
		for _, stream := range agent.Streams() {
			if p := s.position(t, stream); p.Timestamp >= last {
				t.Errorf("%s was moved to %+v", stream, p)
			}
		}
		for _, table := range []string{"media", "propertyrooms", "openhouse"} {
			parent := map[bool]string{true: "resource_record_key", false: "listing_key"}[table == "media"]
			if n := db.Count(t, table, parent+" = 'NONE' AND record_timestamp IS NULL"); n != 1 {
				t.Errorf("%d rows of %s without timestamp, want 1", n, table)
			}
		}
		for _, table := range []string{"idx_property", "vow_property"} {
			if n := db.Count(t, table, "listing_key = 'NONE' AND record_timestamp IS NULL"); n != 1 {
				t.Errorf("the listing without timestamp is not in %s", table)
			}
		}
		if rejects := s.rejects(t); strings.Join(rejects, " ") != "ODD ODD" { // of both feeds
			t.Errorf("rejects %v", rejects)
		}
		// A later version of it is no older one, with a timestamp or without.
		raw(simulator.Property, "NONE", last, "", `{"ListingKey":"NONE","City":"Barrie"}`)
		s.mustSync(t, catalog.VOWProperty)
		raw(simulator.Media, "NONE-1", last, "NONE", `{"MediaKey":"NONE-1","ResourceRecordKey":"NONE","ResourceName":"Property","MediaModificationTimestamp":"2026-07-09T00:00:00Z"}`)
		s.mustSync(t, catalog.Media)
		if db.Count(t, "vow_listing", "listing_key = 'NONE' AND city = 'Barrie'") != 1 || db.Count(t, "media", "media_key = 'NONE-1' AND record_timestamp IS NOT NULL") != 1 {
			t.Error("a later version was not stored")
		}
		if _, err := s.syncWith(t, t.Context(), agent.Selection{Force: true}); err != nil { // COPY over, staging, both feeds
			t.Fatal(err)
		}
	})
}

// Questions by parent and by key ask for all there is, whatever its timestamp,
// and go on behind a page by key alone.
func TestQuestionsByKeyHaveNoBoundByTime(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Filters["media"] = ""
		raw := func(resource, key, at, parent, text string) {
			_ = s.source.Remove(resource, key) // none at first
			if err := s.source.AddRaw(resource, key, at, parent, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		// One photo tells that its listing is missing; what the others are stamped
		// hides them from every question that is bound by time.
		const hidden, photos = "1969-12-31T00:00:00Z", 130
		s.add(t, simulator.Media, map[string]any{
			"MediaKey": "LATE-0", "ResourceRecordKey": "LATE", "ResourceName": "Property", "MediaModificationTimestamp": "2026-07-01T00:00:00Z",
		})
		for i := range photos {
			key := fmt.Sprintf("LATE-%03d", i+1)
			raw(simulator.Media, key, hidden, "LATE", `{"MediaKey":"`+key+`","ResourceRecordKey":"LATE","ResourceName":"Property"}`)
		}
		const bad = `{"ListingKey":"BAD","ModificationTimestamp":"soon"}`
		raw(simulator.Property, "BAD", "2026-07-01T00:00:00Z", "", bad)
		s.mustSync(t, catalog.VOWProperty, catalog.Media)
		s.add(t, simulator.Property, map[string]any{"ListingKey": "LATE", "ModificationTimestamp": "2026-07-02T00:00:00Z"})
		s.source.ResetRequests()
		s.mustSync(t, catalog.VOWProperty, catalog.Media)
		if n := db.Count(t, "media", "resource_record_key = 'LATE'"); n != photos+1 {
			t.Errorf("%d photos have come home, want %d", n, photos+1)
		}
		if n := db.Count(t, "agent_orphan", "parent_key = 'LATE'"); n != 0 {
			t.Error("the listing's entry is left")
		}
		// A reject by its key, likewise.
		raw(simulator.Property, "BAD", hidden, "", `{"ListingKey":"BAD"}`)
		a, err := agent.Open(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.RetryRejects(t.Context(), []string{catalog.VOWProperty})
		if err := errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		if rejects := s.rejects(t); len(rejects) != 0 || db.Count(t, "vow_property", "listing_key = 'BAD' AND record_timestamp IS NULL") != 1 {
			t.Errorf("rejects %v, or no row", rejects)
		}
		asked := 0
		for _, r := range s.source.Requests() {
			filter := r.Query["$filter"]
			if !strings.Contains(filter, "ResourceRecordKey eq 'LATE'") && !strings.Contains(filter, "ListingKey eq 'BAD'") {
				continue
			}
			asked++
			if strings.Contains(filter+r.Query["$orderby"], "Timestamp") {
				t.Errorf("asked by time: %s, in the order of %s", filter, r.Query["$orderby"])
			}
		}
		if asked < 5 {
			t.Errorf("%d questions by parent or key, want several pages of them", asked)
		}
	})
}
