package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/pgtest"
	"resoagent/internal/simulator"
)

// Faults that pass: the run goes on, says that it waited, and loses nothing.
func TestPassingFaults(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]simulator.Fault{
		"429 with the vendor's header": {Kind: simulator.Throttled, Wait: time.Second},
		"429 with Retry-After":         {Kind: simulator.Throttled, Hint: simulator.HintSeconds, Wait: time.Second},
		"429 with a date":              {Kind: simulator.Throttled, Hint: simulator.HintDate, Wait: time.Second},
		"429 without a hint":           {Kind: simulator.Throttled, Hint: simulator.HintNone},
		"503":                          {Kind: simulator.Status, Status: http.StatusServiceUnavailable},
		"500":                          {Kind: simulator.Status, Status: http.StatusInternalServerError},
		"408":                          {Kind: simulator.Status, Status: http.StatusRequestTimeout},
		"error body with 200":          {Kind: simulator.ErrorBody},
		"HTML with 200":                {Kind: simulator.HTMLBody},
		"empty body":                   {Kind: simulator.EmptyBody},
		"no value":                     {Kind: simulator.NoValue},
		"second document":              {Kind: simulator.SecondDocument},
		"cut with a length":            {Kind: simulator.CutLength, Bytes: -1},
		"cut chunked":                  {Kind: simulator.CutChunked, Bytes: -1},
		"cut clean":                    {Kind: simulator.CutClean, Bytes: -1},
		"reset":                        {Kind: simulator.Reset},
		"disorder":                     {Kind: simulator.Disorder},
		"duplicates":                   {Kind: simulator.Duplicate},
		"empty although there is more": {Kind: simulator.EmptyPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.RetryFor = 2 * time.Minute // a busy machine meets several in a row
			// Each third page, so that it also hits in the middle; an empty page
			// twice running is what the count must find out.
			s.fault(simulator.Media, simulator.Strike{Fault: f, Every: 3})
			if f.Kind == simulator.Disorder {
				s.config.Parallel = 1 // or it could meet the same page twice running, which is an error
			}
			if f.Kind == simulator.EmptyPage {
				s.source.Set(func(sf *simulator.Faults) { sf.Strikes = nil })
				s.fault(simulator.Media, simulator.Strike{Fault: f, Next: 3})
			}
			report := s.mustSync(t, catalog.VOWProperty, catalog.Media)
			harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
			waits := of[agent.Retrying](s.log)
			quiet := f.Kind == simulator.Disorder || f.Kind == simulator.Duplicate || f.Kind == simulator.Reset
			if len(waits) == 0 && !quiet {
				t.Error("no line says that something was tried again")
			}
			for _, w := range waits {
				if w.Attempt < 1 || w.What == "" || w.Err == nil {
					t.Errorf("retry %+v", w)
				}
			}
			if f.Kind == simulator.Throttled && f.Wait > 0 &&
				(waits[0].Wait > time.Second || (f.Hint != simulator.HintDate && waits[0].Wait < time.Second)) {
				t.Errorf("waited %s, the source asked for 1s", waits[0].Wait)
			}
			if n := pass(t, report, catalog.Media).Counters.Failed; n != 0 {
				t.Errorf("%d records failed", n)
			}
		})
	}
}

// Faults that do not pass: the run stops with an error that names stream and
// cause; the position is kept; without the fault the next run completes.
func TestLastingFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault    simulator.Fault
		is       error
		says     string
		requests int // most page requests of media that it may take; 0: do not count
	}{
		"401":            {fault: simulator.Fault{Kind: simulator.Status, Status: 401}, says: "check the feed's token", requests: 3},
		"403 with HTML":  {fault: simulator.Fault{Kind: simulator.StatusHTML}, says: "HTTP 403", requests: 3},
		"400":            {fault: simulator.Fault{Kind: simulator.Status, Status: 400}, says: "HTTP 400", requests: 4},
		"501":            {fault: simulator.Fault{Kind: simulator.Status, Status: 501}, says: "HTTP 501", requests: 4},
		"redirect":       {fault: simulator.Fault{Kind: simulator.Redirect, Target: "https://elsewhere.example"}, says: "not followed", requests: 3},
		"500 for ever":   {fault: simulator.Fault{Kind: simulator.Status, Status: 500}, says: "gave up after"},
		"disorder":       {fault: simulator.Fault{Kind: simulator.Disorder}, is: agent.ErrDisorder, says: "media"},
		"same page":      {fault: simulator.Fault{Kind: simulator.SamePage}, is: agent.ErrDisorder, says: "media"},
		"empty for ever": {fault: simulator.Fault{Kind: simulator.EmptyPage}, is: agent.ErrIncomplete, says: "records are left"},
		"stall":          {fault: simulator.Fault{Kind: simulator.Stall, Bytes: 3000}, says: "--stall-timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
			s.config.Parallel = 1 // one walk, and its pages by number
			s.config.RetryFor, s.config.StallTimeout = 2*time.Second, time.Minute
			if test.fault.Kind == simulator.Stall {
				s.config.StallTimeout = 2 * time.Second // which a busy machine keeps
			}
			s.fault(simulator.Media, simulator.Strike{Fault: test.fault, After: 2})
			_, err := s.sync(t)
			if err == nil {
				t.Fatal("the run was done")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v, want %v", err, test.is)
			}
			if !strings.Contains(err.Error(), test.says) || !regexp.MustCompile(`^media, page \d+, behind 20\d\d-`).MatchString(err.Error()) {
				t.Errorf("error %q does not say %q and where it was", err, test.says)
			}
			if n := s.source.Pages(simulator.Media); test.requests > 0 && n > test.requests {
				t.Errorf("%d pages were asked for, want at most %d: it is not tried again", n, test.requests)
			}
			if s.db.Count(t, "media", "") == 0 {
				t.Error("nothing of the pages before the fault was kept")
			}
			s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
			s.mustSync(t)
			s.compare(t)
			if n := s.db.Count(t, "SyncLog", ""); n != 1 {
				t.Errorf("SyncLog has %d rows, want 1: only a run that is done is in it", n)
			}
		})
	}
}

// The delay between pages is kept, grows after a 429 and shrinks back.
func TestThrottle(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Sizes["property"].Throttle = 120 * time.Millisecond
	s.mustSync(t, catalog.VOWProperty)
	if gap := shortestGap(s.source, 0); gap < 120*time.Millisecond {
		t.Errorf("two pages followed each other after %s, want 120ms or more", gap)
	}

	s = newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Sizes["property"].Page = 12 // eleven pages
	s.fault(simulator.Property, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Throttled, Wait: 10 * time.Millisecond}, Next: 3})
	s.mustSync(t, catalog.VOWProperty)
	var at []time.Time
	for _, r := range s.source.Requests() {
		if r.Query["$top"] != "0" && r.Status == http.StatusOK {
			at = append(at, r.Time)
		}
	}
	first, last := at[1].Sub(at[0]), at[len(at)-1].Sub(at[len(at)-2])
	if first < 500*time.Millisecond {
		t.Errorf("after three 429s the next page came after %s, want a delay that has grown", first)
	}
	if last > first/2 {
		t.Errorf("the delay was %s after the 429s and is still %s at the end", first, last)
	}
}

func shortestGap(source *harness.Source, than time.Duration) time.Duration {
	shortest := time.Hour
	var before time.Time
	for _, r := range source.Requests() {
		if r.Query["$top"] == "0" {
			continue
		}
		if !before.IsZero() {
			if gap := r.Time.Sub(before); gap > than && gap < shortest {
				shortest = gap
			}
		}
		before = r.Time
	}
	return shortest
}

// Bad records are rejects; their neighbours go in; a later good version clears
// the reject.
func TestRejects(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.config.Filters["media"] = "" // raw records have no fields that a filter could see
		at := "2025-03-01T12:00:00Z"
		parent := ""
		if err := s.source.Each(simulator.VOW, simulator.Property, func(r simulator.Row) error { parent = r.Key; return nil }); err != nil {
			t.Fatal(err)
		}
		bad := map[string]string{
			"bad":       `{"MediaKey":"bad","ResourceRecordKey":%q,"ResourceName":"Property","MediaModificationTimestamp":"soon"}`,
			"nul":       `{"MediaKey":"n\u0000ul","ResourceRecordKey":%q,"ResourceName":"Property","MediaModificationTimestamp":%q}`,
			"surrogate": `{"MediaKey":"surrogate","ResourceRecordKey":"%s\ud800","ResourceName":"Property","MediaModificationTimestamp":%q}`,
			"utf8":      "{\"MediaKey\":\"utf8\",\"ResourceRecordKey\":%q,\"ResourceName\":\"Property\",\"MediaModificationTimestamp\":\"%s\xff\"}",
			"noparent":  `{"MediaKey":"noparent","ResourceName":"Property","MediaModificationTimestamp":%[2]q}`,
			"nokey":     `{"ResourceRecordKey":%q,"ResourceName":"Property","MediaModificationTimestamp":%q}`,
			"number":    `5`,
			"control":   "{\"MediaKey\":\"control\",\"ResourceRecordKey\":%q,\"MediaModificationTimestamp\":%q,\"LongDescription\":\"a\x01b\"}",
			"deep":      `{"MediaKey":"deep","ResourceRecordKey":%q,"MediaModificationTimestamp":%q,"X":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		}
		for key, raw := range bad {
			text := raw
			if strings.Contains(raw, "%") {
				text = fmt.Sprintf(raw, parent, at)
			}
			if err := s.source.AddRaw(simulator.Media, key, at, parent, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		report := s.mustSync(t, catalog.VOWProperty, catalog.Media)
		p := pass(t, report, catalog.Media)
		if p.Counters.Failed != int64(len(bad)) || p.Check.Unaccounted() != 0 || p.Check.Rejected != int64(len(bad)) {
			t.Errorf("counters %+v, check %+v; want %d rejected and no gap", p.Counters, p.Check, len(bad))
		}
		rows := db.Strings(t, "SELECT record_key, reason, body_bytes FROM "+db.Table("agent_reject")+" WHERE stream = 'media' ORDER BY record_key")
		if len(rows) != len(bad) {
			t.Fatalf("rejects: %v", rows)
		}
		for _, row := range rows {
			if row[1] == "" || row[2] == "0" {
				t.Errorf("reject %v has no reason or no bytes", row)
			}
		}
		// Good ones come in their place.
		for key := range bad {
			if err := s.source.Remove(simulator.Media, key); err != nil {
				t.Fatal(err)
			}
		}
		good := fmt.Sprintf(`{"MediaKey":"bad","ResourceRecordKey":%q,"ResourceName":"Property","MediaModificationTimestamp":"2026-07-01T00:00:00Z"}`, parent)
		if err := s.source.AddRaw(simulator.Media, "bad", "2026-07-01T00:00:00Z", parent, []byte(good)); err != nil {
			t.Fatal(err)
		}
		s.mustSync(t, catalog.Media)
		if n := db.Count(t, "agent_reject", "record_key = 'bad'"); n != 0 {
			t.Error("the reject was not cleared by the good version")
		}
		harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
	})
}

// What PostgreSQL alone refuses is found by halving; the neighbours go in.
func TestDatabaseRefusesARecord(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewPostgres(t))
	s.mustSync(t, catalog.VOWProperty)
	s.db.Exec(t, "ALTER TABLE "+s.db.Table("media")+" ADD CHECK (right(media_key, 1) <> '7')")
	report := s.mustSync(t, catalog.Media)
	n := pass(t, report, catalog.Media)
	if n.Counters.Failed == 0 || n.Check.Unaccounted() != 0 {
		t.Errorf("counters %+v, check %+v", n.Counters, n.Check)
	}
	refused := s.db.Count(t, "agent_reject", "right(record_key, 1) = '7' AND reason LIKE '%check constraint%23514%'")
	if refused != n.Counters.Failed || refused != s.db.Count(t, "agent_reject", "") {
		t.Errorf("%d rejects of those refused, %d failed", refused, n.Counters.Failed)
	}
	events := of[agent.RecordsRefused](s.log)
	if len(events) == 0 || events[0].Page == 0 || events[0].First == "" || !strings.Contains(events[0].Reason, "23514") {
		t.Errorf("events %+v", events)
	}
}

// A dropped column is nobody's bad record: the run stops and nothing is rejected.
// The next one makes it again.
func TestDroppedColumnStops(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.VOWProperty)
		s.log.on = func(e agent.Event) { // when the tables have been looked at
			if _, ok := e.(agent.PassStarted); ok {
				db.Exec(t, "ALTER TABLE "+db.Table("media")+" DROP COLUMN media_status")
			}
		}
		_, err := s.sync(t, catalog.Media)
		s.log.on = nil
		if err == nil || errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		if db.Postgres && !strings.Contains(err.Error(), "42703") {
			t.Errorf("error %q does not name the SQLSTATE", err)
		}
		if n := db.Count(t, "agent_reject", "") + db.Count(t, "media", ""); n != 0 {
			t.Errorf("%d rows and rejects", n)
		}
		s.mustSync(t, catalog.Media) // makes the column again
		harness.Compare(t, s.source, db, harness.Feeds{VOW: true, Media: simulator.VOW})
		if n := db.Count(t, "media", "media_status IS NULL"); n != 0 {
			t.Errorf("%d rows lack the column's value", n)
		}
	})
}

func TestTooManyRejectsStop(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		o := harness.Small()
		o.MediaPerListing = 12
		s := newSetup(t, harness.NewSource(t, o), db)
		s.mustSync(t, catalog.VOWProperty)
		if db.Postgres {
			db.Exec(t, "ALTER TABLE "+db.Table("media")+" ADD CHECK (media_key = 'none')")
		} else {
			db.Exec(t, "CREATE TRIGGER no_media BEFORE INSERT ON media BEGIN SELECT RAISE(ABORT, 'no'); END")
		}
		_, err := s.sync(t, catalog.Media)
		if !errors.Is(err, agent.ErrRejects) {
			t.Fatalf("error %v, want ErrRejects", err)
		}
		if n := db.Count(t, "agent_reject", ""); n > 1000 {
			t.Errorf("%d rejects were stored", n)
		}
	})
}

// Values that do not fit their typed column leave it null; the JSON keeps them.
func TestUnfitValues(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		raw := `{"ListingKey":"ODD1","ModificationTimestamp":"2025-01-01T00:00:00Z","ListPrice":2.0E7,"BedroomsTotal":3.0,` +
			`"KitchensTotal":1.5,"BathroomsTotalInteger":"4","CloseDate":"0000-00-00","City":7,"LotWidth":"wide","TaxAnnualAmount":1e400,` +
			`"OriginalEntryTimestamp":"infinity","WaterfrontYN":"Y"}`
		if err := s.source.AddRaw(simulator.Property, "ODD1", "2025-01-01T00:00:00Z", "", []byte(raw)); err != nil {
			t.Fatal(err)
		}
		report := s.mustSync(t, catalog.VOWProperty)
		if p := report.Passes[0]; p.Unfit != 5 || p.Counters.Failed != 0 {
			t.Errorf("unfit %d, failed %d; want 5 and 0", p.Unfit, p.Counters.Failed)
		}
		if first, want := report.Passes[0].UnfitFirst, "column kitchens_total, key ODD1, value 1.5"; first != want {
			t.Errorf("the first is %q, want %q", first, want)
		}
		yes := "waterfront_yn"
		if !db.Postgres {
			yes = "waterfront_yn = 1"
		}
		n := db.Count(t, "vow_property", "listing_key = 'ODD1' AND list_price = 20000000 AND bedrooms_total = 3 AND kitchens_total IS NULL AND "+
			"bathrooms_total_integer = 4 AND close_date IS NULL AND city = '7' AND lot_width IS NULL AND tax_annual_amount IS NULL AND "+
			"original_entry_timestamp IS NULL AND "+yes)
		if n != 1 {
			t.Error("the typed columns are not as they should be")
		}
		harness.Compare(t, s.source, db, harness.Feeds{VOW: true})
	})
}

// Rows from the future are stored, but the saved position stays in the present.
func TestRowsFromTheFuture(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	s.clock(func() time.Time { return now })
	for i := range 250 {
		record := map[string]any{"ListingKey": fmt.Sprintf("F%04d", i), "ModificationTimestamp": "9999-01-01T00:00:00Z"}
		if i < 5 {
			record["ModificationTimestamp"] = "2026-07-05T00:00:00Z"
		}
		if err := s.source.Add(simulator.Property, record); err != nil {
			t.Fatal(err)
		}
	}
	s.mustSync(t, catalog.VOWProperty)
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true})
	status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p := status.Streams[1].Position; p == nil || p.Timestamp > "2026-07-02" {
		t.Errorf("the position is %+v, beyond the present", p)
	}
	// What comes between the position and the future is still found.
	if err := s.source.Add(simulator.Property, map[string]any{"ListingKey": "NOW1", "ModificationTimestamp": "2026-07-01T10:00:00Z"}); err != nil {
		t.Fatal(err)
	}
	s.mustSync(t, catalog.VOWProperty)
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true})
}

// clock sets the agent's clock and the source's.
func (s *setup) clock(now func() time.Time) {
	s.config.Now = now
	s.source.Set(func(f *simulator.Faults) { f.ClockOffset = time.Until(now()) })
}

// The acknowledgement of a COMMIT is lost: the group is there, and is neither
// applied nor counted twice.
func TestLostCommitAcknowledgement(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	proxy := pgtest.NewProxy(t, db.URL)
	s.config.DatabaseURL = proxy.URL()
	s.config.Sizes["media"].Throttle = 30 * time.Millisecond
	lost := 0
	s.log.on = func(e agent.Event) {
		// In the middle of each pass, and at its end.
		switch e := e.(type) {
		case agent.PageFetched:
			if e.Page%5 == 2 || e.Records == 0 {
				proxy.SwallowCommit()
				lost++
			}
		case agent.PassFinished:
			proxy.SwallowCommit()
			lost++
		}
	}
	report := s.mustSync(t)
	s.compare(t)
	if proxy.Swallowed() < 5 {
		t.Fatalf("only %d acknowledgements were lost", proxy.Swallowed())
	}
	for _, p := range report.Passes {
		if p.Check == nil || p.Check.Unaccounted() != 0 || p.Counters.Seen() != p.Check.Source {
			t.Errorf("%s: %+v, %+v", p.Stream, p.Counters, p.Check)
		}
	}
	if n := db.Count(t, "SyncLog", ""); n != 1 {
		t.Errorf("SyncLog has %d rows, want 1", n)
	}
	if n := db.Count(t, "SyncLog", fmt.Sprintf("total_processed = %d", report.Totals.Processed())); n != 1 {
		t.Error("SyncLog's total is not the report's")
	}
}

// PostgreSQL crashes and comes back: the run waits and goes on.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	source := harness.NewSource(t, harness.Small())
	s := newSetup(t, source, &harness.Database{URL: server.URL(), Schema: "public", Postgres: true})
	s.config.RetryFor = 30 * time.Second
	pages := 0
	s.log.on = func(e agent.Event) {
		if _, ok := e.(agent.PageFetched); ok {
			if pages++; pages%6 == 3 {
				server.Kill()
				server.Restart()
			}
		}
	}
	s.mustSync(t)
	if len(of[agent.Retrying](s.log)) == 0 {
		t.Error("no line says that the destination was away")
	}
	db := harness.OpenPostgres(t, server.URL(), "public")
	harness.Compare(t, source, db, harness.AllFeeds())
}

// A record without key or timestamp at the very end does not bar the way for
// ever: it is a reject, and the pass ends.
func TestPlacelessRecordAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, counts := range []bool{true, false} {
		s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
		if !counts {
			s.source.Set(func(f *simulator.Faults) { f.CountAbsent = true })
		}
		for i := range 3 {
			raw := fmt.Sprintf(`{"City":"%d"}`, i)
			if err := s.source.AddRaw(simulator.Property, fmt.Sprintf("Z%d", i), "2026-07-01T00:00:00Z", "", []byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int64{3, 0} { // the second time they are known
			report := s.mustSync(t, catalog.VOWProperty)
			if n := report.Totals.Failed; n != want {
				t.Errorf("%d failed, want %d", n, want)
			}
		}
		if n := s.db.Count(t, "agent_reject", "reason = 'no ListingKey'"); n != 3 {
			t.Errorf("%d rejects, want 3", n)
		}
		// What comes later is found behind them.
		if err := s.source.Add(simulator.Property, map[string]any{"ListingKey": "Z9", "ModificationTimestamp": "2026-07-02T00:00:00Z"}); err != nil {
			t.Fatal(err)
		}
		s.mustSync(t, catalog.VOWProperty)
		if n := s.db.Count(t, "vow_property", "listing_key = 'Z9'"); n != 1 {
			t.Error("a later listing was not found")
		}
	}
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	for i := range 80 {
		if err := s.source.AddRaw(simulator.Property, fmt.Sprintf("Z%d", i), "2026-07-01T00:00:00Z", "", []byte(fmt.Sprintf(`{"City":"%d"}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.sync(t, catalog.VOWProperty); !errors.Is(err, agent.ErrStuck) {
		t.Errorf("a page full of them, and more behind: %v, want ErrStuck", err)
	}
}

// A row from the future in a source that hides its fractions comes again with
// every page; it is walked by key like any other second, and stays unsaved.
func TestHiddenMicrosecondsInTheFuture(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Precision = simulator.HiddenMicroseconds
	s := newSetup(t, harness.NewSource(t, o), harness.NewSQLite(t))
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	s.clock(func() time.Time { return now })
	if err := s.source.Add(simulator.Property, map[string]any{"ListingKey": "F1", "ModificationTimestamp": "2099-01-01T00:00:00.5Z"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.mustSync(t)
	}
	s.compare(t)
	if n := s.db.Count(t, "agent_position", "position_timestamp > '2026-07-02'"); n != 0 {
		t.Error("a position went into the future")
	}
}

// JSON that PostgreSQL's parser finds too deep is one reject.
func TestNestedTooDeepForPostgres(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewPostgres(t))
	s.config.DatabaseURL += "&options=-c%20max_stack_depth%3D100kB" // as a server with a small stack
	raw := `{"ListingKey":"DEEP","ModificationTimestamp":"2025-01-01T00:00:00Z","X":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`
	if err := s.source.AddRaw(simulator.Property, "DEEP", "2025-01-01T00:00:00Z", "", []byte(raw)); err != nil {
		t.Fatal(err)
	}
	report := s.mustSync(t, catalog.VOWProperty)
	if n := s.db.Count(t, "agent_reject", "record_key = 'DEEP'"); n != 1 || n != report.Totals.Failed || s.db.Count(t, "vow_property", "") != 130 {
		t.Errorf("%d rejects, %d failed", n, report.Totals.Failed)
	}
}

// Without patience the first failure ends the run.
func TestNoPatience(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.RetryFor = 0
	s.fault(simulator.Property, simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 500}, Next: 1})
	if _, err := s.sync(t, catalog.VOWProperty); err == nil || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("error %v", err)
	}
	if n := len(of[agent.Retrying](s.log)); n != 0 {
		t.Errorf("%d retries", n)
	}
}
