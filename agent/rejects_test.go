package agent_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

func (s *setup) rejects(tb testing.TB, streams ...string) (keys []string) {
	tb.Helper()
	err := agent.Rejects(tb.Context(), s.config, streams, func(r record.Reject) error {
		if (r.Reason == "") == (r.Repaired == "") || r.Bytes == 0 || r.FirstSeen.IsZero() || r.LastSeen.Before(r.FirstSeen) {
			tb.Errorf("reject %+v", r)
		}
		keys = append(keys, r.Key)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// Rejects are asked for by key, more than fit one question or one look; what is
// good now goes in and leaves the list, what is not stays, and no position moves.
func TestRetryRejects(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at, many = "2025-03-01T12:00:00Z", 1100
		put := func(key, city string) {
			_ = s.source.Remove(simulator.Property, key) // none at first
			text := fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":%q,"City":%q}`, key, at, city)
			if city == "" {
				text = fmt.Sprintf(`{"ListingKey":%q,"ModificationTimestamp":"2025-03-01T24:00:00Z"}`, key)
			}
			if err := s.source.AddRaw(simulator.Property, key, at, "", []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		good := []string{catalog.VOWProperty}
		for i := range many {
			if i%3 == 0 { // with good ones between, or the run would stop at a thousand
				put(fmt.Sprintf("BAD%04d-good", i), "Ajax")
			}
			put(fmt.Sprintf("BAD%04d", i), "")
		}
		s.mustSync(t)
		if n := len(s.rejects(t, good...)); n != many {
			t.Fatalf("%d rejects, want %d", n, many)
		}
		if n := len(s.rejects(t, catalog.Media)); n != 0 {
			t.Errorf("%d rejects of photos", n)
		}
		before, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for i := range many - 2 {
			put(fmt.Sprintf("BAD%04d", i), "Ajax")
		}
		a, err := agent.Open(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		done, err := a.RetryRejects(t.Context(), nil)
		if err := errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(done, func(r agent.Retried) bool { return r.Stream == catalog.VOWProperty })
		if i < 0 || done[i].Asked != many || done[i].Left != 2 {
			t.Errorf("retried %+v", done)
		}
		if keys := s.rejects(t, good...); !slices.Equal(keys, []string{"BAD1098", "BAD1099"}) {
			t.Errorf("left are %v", keys)
		}
		after, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for i := range before.Streams {
			if b, c := before.Streams[i].Position, after.Streams[i].Position; b != nil && (b.Timestamp != c.Timestamp || b.Key != c.Key) {
				t.Errorf("%s moved from %v to %v", before.Streams[i].Name, b, c)
			}
		}
		if n := db.Count(t, "vow_property", "listing_key LIKE 'BAD%'"); n != many-2+(many+2)/3 {
			t.Errorf("%d rows", n)
		}
	})
}

func (s *setup) retryRejects(tb testing.TB, streams ...string) ([]agent.Retried, error) {
	tb.Helper()
	a, err := agent.Open(tb.Context(), s.config)
	if err != nil {
		tb.Fatal(err)
	}
	done, err := a.RetryRejects(tb.Context(), streams)
	return done, errors.Join(err, a.Close())
}

const badListing = `{"ListingKey":"BAD1","ModificationTimestamp":"soon"}`

// Rejects are asked for again of the source, feed and filter that they came
// from, and of no other: what another one has under the same key is not stored.
func TestRetryRejectsOfAnotherSource(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		must(t, s.source.AddRaw(simulator.Property, "BAD1", "2025-03-01T12:00:00Z", "", []byte(badListing)))
		s.mustSync(t, catalog.VOWProperty, catalog.Media)
		own, other := s.config, harness.NewSource(t, harness.Small())
		must(t, other.Add(simulator.Property, map[string]any{"ListingKey": "BAD1", "ModificationTimestamp": "2025-03-01T12:00:00Z"}))
		s.config.SourceURL = other.URL
		if _, err := s.retryRejects(t, catalog.VOWProperty); !errors.Is(err, agent.ErrChanged) || !errors.Is(err, agent.ErrConfig) {
			t.Errorf("another source: %v, want ErrChanged", err)
		}
		s.config = own
		s.config.Filters["media"] = "ResourceName eq 'Office'"
		if _, err := s.retryRejects(t, catalog.Media); !errors.Is(err, agent.ErrChanged) {
			t.Errorf("another filter: %v, want ErrChanged", err)
		}
		if n := len(other.Requests()); n != 0 {
			t.Errorf("the other source was asked %d times", n)
		}
		if n := db.Count(t, "vow_property", "listing_key = 'BAD1'"); n != 0 {
			t.Error("the other source's record is stored")
		}
		if keys := s.rejects(t); len(keys) != 1 {
			t.Errorf("rejects %v", keys)
		}
		if run := history(t, s)[0]; run.Done || run.Task != agent.TaskRetryRejects || run.Error == "" {
			t.Errorf("the history says %+v", run)
		}
	})
}

// Asking again for rejects is a run: under way it is in the status, then in the
// history, with what it did. It makes no row of SyncLog, nor does it make the
// copy current; the next sync accounts for it.
func TestRetryRejectsIsARun(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		must(t, s.source.AddRaw(simulator.Property, "BAD1", "2025-03-01T12:00:00Z", "", []byte(badListing)))
		must(t, s.source.AddRaw(simulator.Property, "BAD2", "2025-03-01T12:00:00Z", "", []byte(strings.ReplaceAll(badListing, "BAD1", "BAD2"))))
		s.mustSync(t, catalog.VOWProperty)
		before, rows := s.status(t), db.Count(t, "synclog", "")
		must(t, s.source.Remove(simulator.Property, "BAD1"))
		must(t, s.source.Add(simulator.Property, map[string]any{"ListingKey": "BAD1", "ModificationTimestamp": "2025-03-01T12:00:00Z"}))

		// While it runs: looked at when its first group is stored.
		a, err := agent.Open(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		var during agent.Status
		s.log.on = func(e agent.Event) {
			if _, ok := e.(agent.GroupStored); ok && during.Run == nil {
				during, err = a.Status()
			}
		}
		done, retryErr := a.RetryRejects(t.Context(), []string{catalog.VOWProperty})
		s.log.on = nil
		if err := errors.Join(err, retryErr, a.Close()); err != nil {
			t.Fatal(err)
		}
		if len(done) != 1 || done[0].Asked != 2 || done[0].Left != 1 {
			t.Errorf("retried %+v", done)
		}
		if during.Run == nil || during.Run.Task != agent.TaskRetryRejects || !slices.Equal(during.Run.Streams, []string{catalog.VOWProperty}) {
			t.Errorf("the status during it says %+v", during.Run)
		}
		run := history(t, s)[0]
		if !run.Done || run.Task != agent.TaskRetryRejects || run.Written != 1 || run.Failed != 1 || run.InSyncLog || during.Run != nil && run.ID != during.Run.ID {
			t.Errorf("the history says %+v", run)
		}
		if n := db.Count(t, "agent_reject", "run_id = '"+run.ID+"'"); n != 1 {
			t.Error("the reject that is left does not name the run")
		}
		after := s.status(t)
		if after.Rejects != 1 || after.LastRun == nil || after.LastRun.ID != run.ID {
			t.Errorf("the status says %d rejects, last run %+v", after.Rejects, after.LastRun)
		}
		if !after.LastSuccessAt.Equal(*before.LastSuccessAt) {
			t.Error("it counts as a sync")
		}
		if n := db.Count(t, "synclog", ""); n != rows {
			t.Errorf("%d rows more in SyncLog", n-rows)
		}
		s.mustSync(t, catalog.VOWProperty)
		if log := db.Strings(t, "SELECT total_processed, total_failed FROM "+db.Table("synclog")+" ORDER BY id DESC LIMIT 1")[0]; strings.Join(log, " ") != "2 1" {
			t.Errorf("the next row of SyncLog has %v, want the two that were asked for", log)
		}
	})
}

// One that dies or fails is in the history like a sync, and hides no problem of
// the syncs.
func TestRetryRejectsThatFails(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	must(t, s.source.AddRaw(simulator.Property, "BAD1", "2025-03-01T12:00:00Z", "", []byte(badListing)))
	s.mustSync(t, catalog.VOWProperty)
	token := s.config.VOWToken
	s.config.VOWToken = "wrong"
	if _, err := s.sync(t, catalog.VOWProperty); err == nil {
		t.Fatal("a sync with a wrong token")
	}
	for range 2 {
		if _, err := s.retryRejects(t, catalog.VOWProperty); err == nil {
			t.Error("a wrong token is no error")
		}
	}
	s.config.VOWToken = token
	if _, err := s.retryRejects(t, catalog.VOWProperty); err != nil {
		t.Error(err)
	}
	runs := history(t, s)
	var told []string
	for _, r := range runs {
		told = append(told, fmt.Sprintf("%s %t %d", r.Task, r.Done, r.Repeats))
	}
	if want := []string{"rejects retry true 0", "rejects retry false 1", " false 0", " true 0"}; !slices.Equal(told, want) {
		t.Errorf("the history is %q, want %q", told, want)
	}
	if p := s.status(t).Problem; p == nil || p.What != "run" {
		t.Errorf("the problem of the last sync is %+v", p)
	}
}

func (s *setup) status(tb testing.TB) agent.Status {
	tb.Helper()
	status, err := agent.ReadStatus(tb.Context(), s.config.StateDir, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return status
}
