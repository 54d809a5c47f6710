package agent_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

func onlyPages(r *http.Request) bool { return r.URL.Query().Get("$top") != "0" }

func TestFullSyncEqualsSource(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		o := harness.Small()
		o.DeletedShare = 0.03
		s := newSetup(t, harness.NewSource(t, o), db)
		report := s.mustSync(t)
		s.compare(t)
		for _, p := range report.Passes {
			if p.Check == nil || p.Check.Unaccounted() != 0 {
				t.Errorf("%s: the report's check is %+v, want a gap of 0", p.Stream, p.Check)
			}
			if p.Pages < 2 {
				t.Errorf("%s had %d pages; the test wants several", p.Stream, p.Pages)
			}
		}
		if n := pass(t, report, catalog.Media).Counters; n.Skipped == 0 || n.Deleted == 0 {
			t.Errorf("media: %+v, want some skipped and some deleted", n)
		}
		orphans := db.Count(t, "agent_orphan", "")
		if orphans == 0 {
			t.Error("no orphan's parent was remembered")
		}
		status, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if status.OrphanParents == 0 || status.KeySet.Keys != 130 || status.PendingSyncLog != 0 {
			t.Errorf("status after the run: %+v", status)
		}
	})
}

// A second run asks for what is new, finds nothing, and touches no row: neither
// xmin nor xmax of any row changes.
func TestSecondRunTouchesNothing(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewPostgres(t))
	s.mustSync(t)
	versions := func() map[string]string {
		out := make(map[string]string)
		for _, table := range []string{"idx_property", "vow_property", "media", "propertyrooms", "openhouse"} {
			for _, row := range s.db.Strings(t, "SELECT ctid::text, xmin::text || '/' || xmax::text FROM "+s.db.Table(table)) {
				out[table+row[0]] = row[1]
			}
		}
		return out
	}
	before := versions()
	// Without looking back, and with it: then a page comes that is known.
	for lookback, pages := range map[time.Duration]int{0: 2, 10 * time.Minute: 3} {
		s.config.Lookback = lookback
		s.source.ResetRequests()
		report := s.mustSync(t)
		if n := report.Totals.Seen(); n != 0 {
			t.Errorf("a second run counted %d records, want none", n)
		}
		if n := s.source.Pages(simulator.Media); n != pages {
			t.Errorf("lookback %s: the second run asked for %d pages of media, want %d: an empty page is asked for twice", lookback, n, pages)
		}
	}
	// Everything fetched again is found unchanged by a read and not locked.
	report, err := s.syncWith(t, t.Context(), agent.Selection{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if report.Totals.Written != 0 || report.Totals.Unchanged == 0 {
		t.Errorf("the forced run: %+v, want everything unchanged", report.Totals)
	}
	if diff := cmp.Diff(before, versions()); diff != "" {
		t.Errorf("rows were touched (-before +after):\n%s", diff)
	}
}

// Every combination of the five flags syncs just those streams. Children alone
// come after a first run with listings.
func TestSelections(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Properties = 80
	source := harness.NewSource(t, o)
	for bits := 1; bits < 1<<5; bits++ {
		var streams []string
		var want harness.Feeds
		for i, set := range []func(){
			func() { want.IDX = true }, func() { want.VOW = true }, func() { want.Media = simulator.VOW },
			func() { want.Rooms = simulator.VOW }, func() { want.OpenHouse = simulator.VOW },
		} {
			if bits&(1<<i) != 0 {
				streams = append(streams, agent.Streams()[i])
				set()
			}
		}
		t.Run(strings.Join(streams, "+"), func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, source, harness.NewSQLite(t))
			if !want.IDX && !want.VOW {
				s.mustSync(t, catalog.VOWProperty)
				want.VOW = true
			}
			report := s.mustSync(t, streams...)
			var passes []string
			for _, p := range report.Passes {
				passes = append(passes, p.Stream)
			}
			if diff := cmp.Diff(streams, passes); diff != "" {
				t.Errorf("passes (-want +got):\n%s", diff)
			}
			harness.Compare(t, s.source, s.db, want)
			for table, on := range map[string]bool{
				"media": want.Media != "", "propertyrooms": want.Rooms != "", "openhouse": want.OpenHouse != "",
			} {
				if n := s.db.Count(t, table, ""); (n > 0) != on {
					t.Errorf("%s has %d rows, wanted some: %t", table, n, on)
				}
			}
		})
	}
}

func TestTokensDecideFeeds(t *testing.T) {
	t.Parallel()
	source := harness.NewSource(t, harness.Small())
	t.Run("IDX alone", func(t *testing.T) {
		t.Parallel()
		s := newSetup(t, source, harness.NewSQLite(t))
		s.config.VOWToken = ""
		s.mustSync(t)
		harness.Compare(t, source, s.db, harness.Feeds{IDX: true, Media: simulator.IDX, Rooms: simulator.IDX, OpenHouse: simulator.IDX})
		if n := s.db.Count(t, "vow_property", ""); n != 0 {
			t.Errorf("%d rows of VOW without a VOW token", n)
		}
		said := false
		for _, n := range of[agent.Notice](s.log) {
			said = said || strings.Contains(n.Text, "vow_property is left out")
		}
		if !said {
			t.Error("nothing says that VOW is left out")
		}
	})
	t.Run("selected without a token", func(t *testing.T) {
		t.Parallel()
		s := newSetup(t, source, harness.NewSQLite(t))
		s.config.IDXToken = ""
		_, err := s.sync(t, catalog.IDXProperty)
		if !errors.Is(err, agent.ErrConfig) || !strings.Contains(err.Error(), "--idx-token") {
			t.Errorf("error %v, want ErrConfig that names --idx-token", err)
		}
	})
}

// Each feed has a table of its own, which the other one does not touch.
func TestFeedsAreKeptApart(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.IDXProperty)
		if n := db.Count(t, "vow_property", ""); n != 0 {
			t.Errorf("after IDX alone VOW has %d rows", n)
		}
		s.mustSync(t, catalog.VOWProperty)
		dates := "listing_contract_date IS NOT NULL" // which is in VOW alone
		if n := db.Count(t, "idx_property", dates); n != 0 {
			t.Errorf("VOW's field has come into %d rows of IDX", n)
		}
		both := "SELECT v.listing_key FROM " + db.Table("vow_property") + " v JOIN " + db.Table("idx_property") + " i ON i.listing_key = v.listing_key WHERE v."
		key := db.Strings(t, both+dates+" ORDER BY 1 LIMIT 1")[0][0]
		err := s.source.Touch(simulator.Property, key, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), map[string]any{"ListPrice": 123456.0})
		if err != nil {
			t.Fatal(err)
		}
		price := "listing_key = '" + key + "' AND list_price = 123456"
		s.mustSync(t, catalog.IDXProperty)
		if idx, vow := db.Count(t, "idx_property", price), db.Count(t, "vow_property", price); idx != 1 || vow != 0 {
			t.Errorf("after IDX alone the new price is in %d rows of IDX and %d of VOW", idx, vow)
		}
		s.mustSync(t, catalog.VOWProperty)
		if n := db.Count(t, "vow_property", price); n != 1 {
			t.Error("VOW's new price did not reach the typed column")
		}
		harness.Compare(t, s.source, db, harness.Feeds{IDX: true, VOW: true})
	})
}

func TestChangesArrive(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		keys := db.Strings(t, "SELECT listing_key, CAST(record_timestamp AS text) FROM "+db.Table("vow_property")+" ORDER BY record_timestamp DESC, listing_key LIMIT 3")
		later := time.Date(2026, 7, 2, 10, 0, 0, 0, time.UTC)
		if err := s.source.Touch(simulator.Property, keys[1][0], later, map[string]any{"PublicRemarks": "new words", "ListPrice": nil}); err != nil {
			t.Fatal(err)
		}
		report := s.mustSync(t)
		if n := pass(t, report, catalog.VOWProperty).Counters; n.Written != 1 || n.Seen() != 1 {
			t.Errorf("one listing changed, the pass says %+v", n)
		}
		s.compare(t)
		if n := db.Count(t, "vow_property", "listing_key = '"+keys[1][0]+"' AND list_price IS NULL"); n != 1 {
			t.Error("a value that became null is still in its typed column")
		}
	})
}

// Timestamps have whole seconds: a row can change within the second that was
// stored last. Read again, it differs by its content.
func TestChangeWithinTheSameSecond(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		row := s.db.Strings(t, "SELECT listing_key, position_timestamp FROM "+db.Table("vow_property")+", "+db.Table("agent_position")+
			" WHERE stream = 'vow_property' ORDER BY listing_key LIMIT 1")[0]
		at, err := time.Parse(time.RFC3339, row[1])
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second)
		for _, remarks := range []string{"first", "second"} {
			if err := s.source.Touch(simulator.Property, row[0], at, map[string]any{"PublicRemarks": remarks}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.syncWith(t, t.Context(), agent.Selection{Force: remarks == "second"}); err != nil {
				t.Fatal(err)
			}
		}
		s.compare(t)
	})
}

// A row that looks newer than the source's is left alone by a normal pass and
// overwritten by a forced one.
func TestForceOverwritesNewerRows(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t)
		future := "'2030-01-01T00:00:00.000000Z'"
		db.Exec(t, "UPDATE "+db.Table("media")+" SET record = '{\"wrong\":true}', record_hash = 1, record_timestamp = "+future)
		db.Exec(t, "UPDATE "+db.Table("vow_property")+" SET record = '{\"wrong\":true}', record_hash = 1, record_timestamp = "+future)
		if _, err := s.syncWith(t, t.Context(), agent.Selection{Force: true}); err != nil {
			t.Fatal(err)
		}
		s.compare(t)
	})
}

func TestRowThatLooksNewerIsKept(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		s.mustSync(t, catalog.VOWProperty)
		key := db.Strings(t, "SELECT min(listing_key) FROM "+db.Table("vow_property"))[0][0]
		anHourAgo := record.FormatTimestamp(time.Now().Add(-time.Hour))
		db.Exec(t, "UPDATE "+db.Table("vow_property")+" SET record_hash = 1, record_timestamp = '"+anHourAgo+"' WHERE listing_key = '"+key+"'")
		if err := s.source.Touch(simulator.Property, key, time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC), map[string]any{"PublicRemarks": "older"}); err != nil {
			t.Fatal(err)
		}
		report := s.mustSync(t, catalog.VOWProperty)
		if n := report.Totals; n.Older != 1 || n.Written != 0 || n.Unchanged != 0 {
			t.Errorf("an older record came: %+v, want it counted as older", n)
		}
		if n := db.Count(t, "vow_property", "record_hash = 1"); n != 1 {
			t.Error("the row has not stayed")
		}
	})
}

// DESIGN's measure of paging: clusters of one second that are larger than
// pages, silent page caps, next links and other orders of keys lose nothing.
func TestSourcesThatPageDifferently(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*simulator.Options){
		"cluster of three pages":   func(o *simulator.Options) { o.ClusterSize = 150 },
		"page cap below the batch": func(o *simulator.Options) { o.Faults.PageCap = 17 },
		"next link before":         func(o *simulator.Options) { o.Faults.NextLink = simulator.NextLinkBefore },
		"next link after": func(o *simulator.Options) {
			o.Faults.NextLink, o.Faults.NextLinkHost = simulator.NextLinkAfter, "https://elsewhere.example"
		},
		"case-insensitive keys": func(o *simulator.Options) { o.Faults.Collation, o.ClusterSize = simulator.IgnoreCase, 120 },
		"numeric keys":          func(o *simulator.Options) { o.Faults.Collation, o.ClusterSize = simulator.NumericAware, 120 },
		"microseconds":          func(o *simulator.Options) { o.Faults.Precision = simulator.Microseconds },
		"zero seconds left out": func(o *simulator.Options) { o.Faults.Notation, o.ClusterSize = simulator.JavaTimes, 120 },
		"fractions, without zero seconds": func(o *simulator.Options) {
			o.Faults.Notation, o.Faults.Precision = simulator.JavaTimes, simulator.Microseconds
		},
		"zones": func(o *simulator.Options) { o.Faults.Notation, o.ClusterSize = simulator.Offsets, 120 },
		"zones and fractions": func(o *simulator.Options) {
			o.Faults.Notation, o.Faults.Precision = simulator.Offsets, simulator.Microseconds
		},
		"small letters": func(o *simulator.Options) { o.Faults.Notation, o.ClusterSize = simulator.SmallLetters, 120 },
		"no fractions in filters": func(o *simulator.Options) {
			o.Faults.RejectFractions = true
		},
		"hidden microseconds": func(o *simulator.Options) {
			o.Faults.Precision, o.ClusterSize = simulator.HiddenMicroseconds, 120
		},
		"no count":       func(o *simulator.Options) { o.Faults.CountRefused = http.StatusNotImplemented },
		"count refused":  func(o *simulator.Options) { o.Faults.CountRefused = http.StatusBadRequest },
		"count left out": func(o *simulator.Options) { o.Faults.CountAbsent = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := harness.Small()
			change(&o)
			s := newSetup(t, harness.NewSource(t, o), harness.NewSQLite(t))
			report := s.mustSync(t)
			s.compare(t)
			counted := o.Faults.CountRefused == 0 && !o.Faults.CountAbsent
			if got := pass(t, report, catalog.Media).Check != nil; got != counted {
				t.Errorf("the report has a check: %t, want %t", got, counted)
			}
			if !counted {
				return
			}
			// A second that was read twice counts its skipped children twice.
			gap := pass(t, report, catalog.Media).Check.Unaccounted()
			if gap > 0 || (gap < 0 && o.Faults.Precision != simulator.HiddenMicroseconds) {
				t.Errorf("gap %d", gap)
			}
		})
	}
}

func TestHiddenMicrosecondsWalkTheSecondByKey(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.ClusterSize, o.Faults.Precision = 125, simulator.HiddenMicroseconds
	s := newSetup(t, harness.NewSource(t, o), harness.NewSQLite(t))
	s.mustSync(t, catalog.VOWProperty, catalog.Media)
	walked := 0
	for _, r := range s.source.Requests() {
		if strings.Contains(r.Query["$filter"], " lt ") && r.Query["$orderby"] == "MediaKey" {
			walked++
		}
	}
	if walked < 3 {
		t.Errorf("%d pages were asked for by key alone, want the whole second", walked)
	}
	harness.Compare(t, s.source, s.db, harness.Feeds{VOW: true, Media: simulator.VOW})
}

// What is asked for, to the letter.
func TestQueries(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.NewSource(t, harness.Small()), harness.NewSQLite(t))
	s.config.Parallel = 1 // one walk, and its pages by number
	s.config.Filters["media"] = "ResourceName eq 'Property' or ResourceName eq 'Office'"
	s.mustSync(t)
	first := make(map[string]simulator.Request)
	for _, r := range s.source.Requests() {
		if strings.ContainsRune(r.RawQuery, '+') || strings.Contains(r.RawQuery, "$skip") {
			t.Fatalf("the query %s has a plus or a skip", r.RawQuery)
		}
		id := fmt.Sprintf("%s %s", r.Feed, r.Resource)
		if _, seen := first[id]; !seen && r.Query["$top"] != "0" {
			first[id] = r
		}
	}
	got := make(map[string]map[string]string)
	for id, r := range first {
		got[id] = maps.Clone(r.Query)
	}
	property := map[string]string{
		"$filter":  "ModificationTimestamp gt 1970-01-01T00:00:00Z or (ModificationTimestamp eq 1970-01-01T00:00:00Z and ListingKey gt '0')",
		"$orderby": "ModificationTimestamp,ListingKey", "$top": "50",
	}
	child := func(key string) map[string]string {
		return map[string]string{
			"$filter":  "ModificationTimestamp gt 1970-01-01T00:00:00Z or (ModificationTimestamp eq 1970-01-01T00:00:00Z and " + key + " gt '0')",
			"$orderby": "ModificationTimestamp," + key, "$top": "50",
		}
	}
	want := map[string]map[string]string{
		"idx Property": property, "vow Property": property,
		"vow Media": {
			"$filter": "(ResourceName eq 'Property' or ResourceName eq 'Office') and (MediaModificationTimestamp gt 1970-01-01T00:00:00Z" +
				" or (MediaModificationTimestamp eq 1970-01-01T00:00:00Z and MediaKey gt '0'))",
			"$orderby": "MediaModificationTimestamp,MediaKey", "$top": "50",
		},
		"vow PropertyRooms": child("RoomKey"), "vow OpenHouse": child("OpenHouseKey"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first pages (-want +got):\n%s", diff)
	}
	if first["vow Media"].UserAgent != "resoagent/test" {
		t.Errorf("User-Agent %q", first["vow Media"].UserAgent)
	}
}

func TestChildrenNeedListings(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		_, err := s.sync(t, catalog.Media)
		if !errors.Is(err, agent.ErrNoKeys) || err.Error() != "No property keys loaded: run property sync first" {
			t.Errorf("error %v, want the user's own words", err)
		}
		if n := len(s.source.Requests()); n != 0 {
			t.Errorf("%d requests were made before that was said", n)
		}
	})
}

// A run fetches the counts only.
func TestPlanWritesNothing(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		items, _, err := agent.Plan(t.Context(), s.config, agent.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		if len(items) != 5 || *items[1].Records != int64(s.source.Count(simulator.VOW, simulator.Property)) || *items[1].Bytes < 100_000 {
			t.Errorf("plan %+v", items)
		}
		for _, r := range s.source.Requests() {
			if r.Rows != 0 {
				t.Errorf("the plan fetched %d records of %s", r.Rows, r.Resource)
			}
		}
		s.mustSync(t)
		items, _, err = agent.Plan(t.Context(), s.config, agent.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if *i.Records != 0 || i.From == "" {
				t.Errorf("after a full sync the plan still has %+v", i)
			}
		}
	})
}

// A feed without listings is a run that is done; its children are left out, and
// that is said.
func TestEmptyFeed(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.CountAbsent = true
	s := newSetup(t, harness.NewSource(t, o), harness.NewSQLite(t))
	s.fault(simulator.Property, simulator.Strike{Fault: simulator.Fault{Kind: simulator.EmptyPage}})
	s.mustSync(t)
	if n := s.db.Count(t, "SyncLog", ""); n != 1 || !strings.Contains(noticesOf(s), "left out") {
		t.Errorf("SyncLog has %d rows; said: %s", n, noticesOf(s))
	}
	s.source.Set(func(f *simulator.Faults) { *f = simulator.Faults{} })
	s.mustSync(t)
	s.compare(t)
}
