package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// stopAfter ends ctx when so many groups of a stream have been stored.
func (s *setup) stopAfter(tb testing.TB, stream string, groups int) (context.Context, func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	s.log.on = func(e agent.Event) {
		if p, ok := e.(agent.Progress); ok && p.Stream == stream {
			if groups--; groups == 0 {
				cancel()
			}
		}
	}
	return ctx, cancel
}

// slow makes pages come slowly enough that groups (one a second at most) end
// inside the pass.
func (s *setup) slow(pages time.Duration) {
	s.source.Set(func(f *simulator.Faults) { f.Latency = pages })
}

// An interrupted pass goes on in the middle of its page, says where, goes on
// with its counters, and asks for no page again that was stored.
func TestInterruptedPassGoesOn(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.VOWProperty)
		s.slow(400 * time.Millisecond) // longer than a group takes to ripen, also with four windows
		ctx, cancel := s.stopAfter(t, catalog.Media, 1)
		defer cancel()
		if _, err := s.syncWith(t, ctx, agent.Selection{Streams: []string{catalog.Media}}); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v, want the interruption", err)
		}
		s.log.on = nil
		status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		before := status.Streams[2]
		done := before.Processed + before.Skipped
		total := int64(s.source.Count(simulator.VOW, simulator.Media))
		if before.Pass == nil || done == 0 || done >= total {
			t.Fatalf("nothing was interrupted: %+v", before)
		}
		s.slow(0)
		s.source.ResetRequests()
		report := s.mustSync(t, catalog.Media)
		harness.Compare(t, s.source, db, harness.Feeds{VOW: true, Media: simulator.VOW})
		started := of[agent.PassStarted](s.log)
		if last := started[len(started)-1]; !last.Resumed || last.Done != done || last.From == "" || last.Total == nil {
			t.Errorf("the resumed pass says %+v, want %d done", last, done)
		}
		p := pass(t, report, catalog.Media)
		if p.Counters.Seen() != p.Check.Source || p.Check.Unaccounted() != 0 {
			t.Errorf("counters %+v, check %+v: the counters of the pass did not go on", p.Counters, p.Check)
		}
		// The page that was on its way at the interruption may be counted late.
		late := int64(s.config.Sizes["media"].Page)
		if fetched := int64(s.source.Counters().Rows); fetched > total-done+late {
			t.Errorf("%d records were fetched again", fetched-(total-done))
		}
	})
}

func TestForcedPassGoesOnForced(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t, catalog.VOWProperty, catalog.Media)
	s.db.Exec(t, "UPDATE media SET record = '{\"wrong\":true}', record_hash = 1, record_timestamp = '2030-01-01T00:00:00.000000Z'")
	position := s.db.Strings(t, "SELECT position_timestamp, position_key FROM agent_position WHERE stream = 'media'")
	s.slow(400 * time.Millisecond) // longer than a group takes to ripen, also with four windows
	ctx, cancel := s.stopAfter(t, catalog.Media, 1)
	defer cancel()
	if _, err := s.syncWith(t, ctx, agent.Selection{Streams: []string{catalog.Media}, Force: true}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the interruption", err)
	}
	if s.db.Count(t, "media", "record_hash = 1") == 0 {
		t.Fatal("nothing was left to do")
	}
	now := s.db.Strings(t, "SELECT position_timestamp, position_key FROM agent_position WHERE stream = 'media'")
	if diff := cmp.Diff(position, now); diff != "" {
		t.Errorf("the saved position moved back with the forced pass:\n%s", diff)
	}
	s.log.on = nil
	s.slow(0)
	s.mustSync(t, catalog.Media) // without --force
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
}

// The state file is lost: position, pass and keys come back from the destination.
func TestStateFileLost(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
		s.slow(400 * time.Millisecond) // longer than a group takes to ripen, also with four windows
		ctx, cancel := s.stopAfter(t, catalog.Media, 1)
		defer cancel()
		if _, err := s.syncWith(t, ctx, agent.Selection{}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		s.log.on = nil
		s.slow(0)
		if err := os.Remove(filepath.Join(s.config.StateDir, "state.db")); err != nil {
			t.Fatal(err)
		}
		s.source.ResetRequests()
		report := s.mustSync(t)
		s.compare(t)
		if n := pass(t, report, catalog.VOWProperty).Counters.Seen(); n != 0 {
			t.Errorf("%d listings were fetched again", n)
		}
		if p := pass(t, report, catalog.Media); p.Counters.Seen() != p.Check.Source {
			t.Errorf("media: %+v of %d; the pass did not go on", p.Counters, p.Check.Source)
		}
		if !strings.Contains(noticesOf(s), "taking the position from the destination") {
			t.Errorf("nothing says so: %s", noticesOf(s))
		}
		if keys := of[agent.KeysLoaded](s.log); len(keys) == 0 || !keys[0].Rebuilt && !keys[1].Rebuilt {
			t.Errorf("the key set was not rebuilt: %+v", keys)
		}
	})
}

func noticesOf(s *setup) string {
	var b strings.Builder
	for _, n := range of[agent.Notice](s.log) {
		b.WriteString(n.Text + "\n")
	}
	return b.String()
}

// A backup of yesterday comes back, of one store or of the other: the older one
// is right, the key set is made anew, and every row is there in the end.
func TestStoresDisagree(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"state file", "destination"} {
		t.Run("older "+which, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.mustSync(t)
			state := filepath.Join(s.config.StateDir, "state.db")
			database := strings.TrimPrefix(s.db.URL, "sqlite:")
			s.db.Exec(t, "PRAGMA wal_checkpoint(TRUNCATE)")
			saved := map[string]string{"state file": state, "destination": database}[which]
			copyFile(t, saved, saved+".backup")
			// A day of changes: new listings with photos, changes, a listing that is gone.
			at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
			for i := range 120 {
				key := fmt.Sprintf("NEW%d", i)
				when := at.Add(time.Duration(i) * time.Second).Format(time.RFC3339)
				if err := s.source.Add(simulator.Property, map[string]any{"ListingKey": key, "ModificationTimestamp": when}); err != nil {
					t.Fatal(err)
				}
				photo := map[string]any{"MediaKey": "p" + key, "ResourceRecordKey": key, "ResourceName": "Property", "MediaModificationTimestamp": when}
				if err := s.source.Add(simulator.Media, photo); err != nil {
					t.Fatal(err)
				}
			}
			s.config.Sizes["property"].Page = 20 // several commits
			for range 3 {
				s.mustSync(t)
				at = at.Add(time.Hour)
				if err := s.source.Touch(simulator.Property, "NEW7", at, map[string]any{"PublicRemarks": at.String()}); err != nil {
					t.Fatal(err)
				}
			}
			s.mustSync(t)
			if which == "destination" {
				s.db.Exec(t, "PRAGMA wal_checkpoint(TRUNCATE)")
				s.db.Close(t)
				for _, tail := range []string{"-wal", "-shm"} {
					_ = os.Remove(database + tail) // may not be there
				}
			}
			copyFile(t, saved+".backup", saved)
			if which == "destination" {
				s.db.Reopen(t)
			}
			report := s.mustSync(t)
			s.compare(t)
			if !strings.Contains(noticesOf(s), "commits behind") {
				t.Errorf("nothing says what was decided: %s", noticesOf(s))
			}
			if pass(t, report, catalog.VOWProperty).Counters.Seen() == 0 {
				t.Error("nothing was fetched again")
			}
			s.mustSync(t)
			s.compare(t)
		})
	}
}

func copyFile(tb testing.TB, from, to string) {
	tb.Helper()
	in, err := os.Open(from)
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		tb.Fatal(err)
	}
	if err := out.Close(); err != nil {
		tb.Fatal(err)
	}
}

// Another destination is refused until the streams are reset; then everything
// is fetched for it.
func TestDestinationSwitched(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t)
	s.db = harness.NewPostgres(t)
	s.config.DatabaseURL, s.config.Schema = s.db.URL, s.db.Schema
	for range 2 {
		_, err := s.sync(t)
		if !errors.Is(err, agent.ErrEmptied) || !errors.Is(err, agent.ErrConfig) || !strings.Contains(err.Error(), "agent reset --all") {
			t.Fatalf("error %v, want a refusal", err)
		}
	}
	if n := s.db.Count(t, "vow_property", ""); n != 0 {
		t.Errorf("%d listings were written all the same", n)
	}
	s.reset(t, agent.Streams()...)
	report := s.mustSync(t)
	s.compare(t)
	if p := pass(t, report, catalog.Media); p.Check == nil || p.Check.Unaccounted() != 0 {
		t.Errorf("media: %+v", p.Check)
	}
}

// What is fetched has changed: refused, and --force is named; with it, all is
// fetched again.
func TestChangedFilterIsRefused(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t)
	s.config.Filters["media"] = "ResourceName eq 'Property' and MediaCategory eq 'Photo'"
	_, err := s.sync(t, catalog.Media)
	if !errors.Is(err, agent.ErrChanged) || !errors.Is(err, agent.ErrConfig) || !strings.Contains(err.Error(), "--media --force") {
		t.Fatalf("error %v", err)
	}
	if _, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.Media}, Force: true}); err != nil {
		t.Fatal(err)
	}
	s.mustSync(t, catalog.Media)
}

// While an agent's lease runs, another one is refused; when it has run out, or
// from the same place, a new one takes over, and the old one stops at its next
// commit.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		source := harness.NewSource(t, harness.Small())
		first, second := newSetup(t, source, db), newSetup(t, source, db)
		second.config.Host = "other-host"
		first.config.Lease = time.Minute // no renewal comes between
		first.slow(100 * time.Millisecond)
		refused, lost := false, make(chan struct{})
		first.log.on = func(e agent.Event) {
			if p, ok := e.(agent.Progress); !ok || p.Stream != catalog.VOWProperty || refused {
				return
			}
			refused = true
			_, err := second.sync(t)
			if !errors.Is(err, agent.ErrInUse) || !strings.Contains(err.Error(), "test-host") {
				t.Errorf("the second agent's error: %v, want ErrInUse that names the owner", err)
			}
			// As if the lease had run out while the first agent was stalled.
			db.Exec(t, "UPDATE "+db.Table("agent_owner")+" SET lease_until = NULL")
			if _, err := second.sync(t, catalog.IDXProperty); err != nil {
				t.Errorf("the second agent after the lease: %v", err)
			}
			close(lost)
		}
		_, err := first.sync(t)
		<-lost
		if !errors.Is(err, agent.ErrInUse) {
			t.Errorf("the first agent's error: %v, want ErrInUse", err)
		}
		first.slow(0)
		second.mustSync(t)
		second.compare(t)
		// Given back at a clean end: the first may go on at once.
		first.log.on = nil
		first.mustSync(t)
		first.compare(t)
	})
}

func TestStateDirectoryInUse(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	a, err := agent.Open(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := agent.Open(t.Context(), s.config); !errors.Is(err, agent.ErrInUse) {
		t.Errorf("error %v, want ErrInUse", err)
	}
}

// Status works while a run is under way, with its counters, and says so.
func TestStatusDuringARun(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	// A path too long for a socket: the agent listens elsewhere.
	s.config.StateDir = filepath.Join(s.config.StateDir, strings.Repeat("long", 30))
	s.slow(400 * time.Millisecond)
	var during agent.Status
	s.log.on = func(e agent.Event) {
		if p, ok := e.(agent.Progress); ok && p.Stream == catalog.Media && during.Run == nil {
			status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
			if err != nil {
				t.Errorf("status during the run: %v", err)
			}
			during = status
		}
	}
	report := s.mustSync(t)
	media := during.Streams[2]
	if !during.Running || during.Run == nil || during.Run.ID != report.ID || len(during.Run.Streams) != 5 {
		t.Errorf("during the run: %+v", during)
	}
	if media.Pass == nil || media.Pass.Total == nil || media.Processed == 0 {
		t.Fatalf("media during its pass: %+v", media)
	}
	position := media.Position
	for _, w := range media.Pass.Windows {
		if position == nil {
			position = w.Position
		}
	}
	if position == nil || position.Sequence == 0 || (*parallel > 1) != (len(media.Pass.Windows) > 0) {
		t.Errorf("media during its pass stands at %+v, with the windows %+v", position, media.Pass.Windows)
	}
	after, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
	if err != nil || after.Running || after.Run != nil || after.Streams[2].Pass != nil || after.Streams[2].LastFinishedAt == nil {
		t.Errorf("after the run: %+v, %v", after, err)
	}
	text, err := json.Marshal(after)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		`"state_dir"`, `"running"`, `"run":null`, `"streams":[`, `"position":{"timestamp"`, `"pass":null`, `"last_finished_at"`,
		`"key_set":{"keys":130,"bloom_bits":`, `"bloom_false_positive_rate"`, `"orphan_parents"`, `"pending_synclog":0`, `"state_file_bytes"`,
	} {
		if !strings.Contains(string(text), key) {
			t.Errorf("the JSON has no %s: %s", key, text)
		}
	}
}

// The stores disagree, and the next run crashes between the destination's first
// commit and that of the state file: the account that was found wrong must not
// come back.
func TestCrashAfterStoresDisagreed(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"a new destination", "a destination from a backup"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			o := harness.Small()
			s := newSetup(t, harness.NewSource(t, o), harness.NewSQLite(t))
			s.config.Sizes["property"].Page = 20
			early := filepath.Join(t.TempDir(), "early.sqlite")
			s.mustSync(t, catalog.VOWProperty)
			if how == "a destination from a backup" {
				s.db.Exec(t, "VACUUM INTO '"+early+"'")
				at := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
				for i := range 60 {
					when := at.Add(time.Duration(i) * time.Minute).Format(time.RFC3339)
					if err := s.source.Add(simulator.Property, map[string]any{"ListingKey": fmt.Sprintf("NEW%d", i), "ModificationTimestamp": when}); err != nil {
						t.Fatal(err)
					}
				}
				for range 3 {
					s.mustSync(t, catalog.VOWProperty)
				}
				s.db = harness.OpenSQLite(t, early)
			} else {
				s.db = harness.NewSQLite(t)
			}
			s.config.DatabaseURL = s.db.URL
			if how == "a new destination" {
				s.reset(t, catalog.VOWProperty)
			}
			s.crashAtFirstCommit(t, agent.Selection{Streams: []string{catalog.VOWProperty}})
			s.mustSync(t, catalog.VOWProperty)
			harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true})
		})
	}
}

// crashAtFirstCommit runs over streams and leaves what a crash between the first
// commit of the destination and that of the state file leaves.
func (s *setup) crashAtFirstCommit(tb testing.TB, sel agent.Selection) {
	tb.Helper()
	state := filepath.Join(s.config.StateDir, "state.db")
	s.slow(700 * time.Millisecond)
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	s.log.on = func(e agent.Event) {
		switch e.(type) {
		case agent.PassStarted:
			copyFile(tb, state, state+".crashed")
		case agent.Progress:
			cancel()
		}
	}
	if _, err := s.syncWith(tb, ctx, sel); !errors.Is(err, context.Canceled) {
		tb.Fatalf("error %v, want the interruption", err)
	}
	s.log.on = nil
	s.slow(0)
	copyFile(tb, state+".crashed", state)
}

func TestForcedPassStaysForcedAfterItsFirstCommit(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Sizes["property"].Page = 20
	s.mustSync(t, catalog.VOWProperty)
	s.db.Exec(t, "UPDATE vow_property SET record = '{\"wrong\":true}', record_hash = 1, record_timestamp = '2030-01-01T00:00:00.000000Z'")
	s.crashAtFirstCommit(t, agent.Selection{Streams: []string{catalog.VOWProperty}, Force: true})
	s.mustSync(t, catalog.VOWProperty) // without --force
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true})
}

// Children alone, after a crash that left the state file one group of listings
// behind: their parents are known all the same.
func TestChildrenAfterACrashOfListings(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.mustSync(t, catalog.VOWProperty)
	when := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
	for i := range 120 { // three pages: some are stored before the interruption
		key := fmt.Sprintf("NEW%03d", i)
		listing := map[string]any{"ListingKey": key, "ModificationTimestamp": when}
		photo := map[string]any{"MediaKey": "p" + key, "ResourceRecordKey": key, "ResourceName": "Property", "MediaModificationTimestamp": when}
		if err := errors.Join(s.source.Add(simulator.Property, listing), s.source.Add(simulator.Media, photo)); err != nil {
			t.Fatal(err)
		}
	}
	s.crashAtFirstCommit(t, agent.Selection{Streams: []string{catalog.VOWProperty}})
	there := s.db.Count(t, "vow_property", "listing_key LIKE 'NEW%'")
	s.mustSync(t, catalog.Media)
	photos := s.db.Count(t, "media", "resource_record_key LIKE 'NEW%'")
	if there == 0 || photos != there {
		t.Errorf("%d new listings are there, with %d photos", there, photos)
	}
}
