package agent_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// A timestamp that is in the year 10000 by UTC is stored as the last moment that
// a table of SQLite's can sort, and stops no later run that finds it there.
func TestTimestampsOutsideTheYears(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at = "9999-12-31T23:59:59-01:00"
		must(t, s.source.AddRaw(simulator.Property, "LAST", at, "", []byte(`{"ListingKey":"LAST","ModificationTimestamp":"`+at+`"}`)))
		for _, force := range []bool{false, false, true} {
			if _, err := s.syncWith(t, t.Context(), agent.Selection{Streams: []string{catalog.VOWProperty}, Force: force}); err != nil {
				t.Fatal(err)
			}
			if n := db.Count(t, "vow_property", "listing_key = 'LAST' AND record_timestamp = '9999-12-31T23:59:59.999999Z'"); n != 1 {
				t.Fatalf("%d rows of the last moment", n)
			}
		}
	})
}

// Of members that occur twice the last one counts everywhere: as key, in the typed
// columns, in the views, and in the JSON, also where it is null, is spelled with an
// escape, or stands inside another.
func TestMemberTwice(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at = "2026-07-01T12:00:00Z"
		must(t, s.source.AddRaw(simulator.Property, "TWICE", at, "", []byte(`{"ListingKey":"ONCE","ModificationTimestamp":"2026-07-01T11:00:00Z",`+
			`"City":"Ajax","ListPrice":1.0,"MlsStatus":"New","StandardStatus":null,"Y":{"a":1,"b":0,"a":{"c":1,"c":2}},"City":"Oshawa","ListPrice":null,`+
			`"StandardStatus":"Active","\u0043ity":"Whitby","ListingKey":"TWICE","ModificationTimestamp":"`+at+`"}`)))
		s.mustSync(t, catalog.IDXProperty, catalog.VOWProperty)
		if n := db.Count(t, "vow_property", "listing_key = 'ONCE'"); n != 0 {
			t.Errorf("%d rows under the key that does not count", n)
		}
		for _, view := range []string{"idx_listing", "vow_listing"} {
			inside := "record #>> '{Y,a,c}' = '2' AND NOT record ? 'ListPrice' AND record ->> 'City' = 'Whitby'"
			if !db.Postgres {
				inside = "record ->> '$.Y.a.c' = 2 AND record NOT LIKE '%ListPrice%' AND record ->> '$.City' = 'Whitby' AND record NOT LIKE '%Ajax%'"
			}
			where := "listing_key = 'TWICE' AND city = 'Whitby' AND list_price IS NULL AND standard_status = 'Active' AND mls_status = 'New' AND "
			if n := db.Count(t, view, where+inside); n != 1 {
				t.Errorf("%s: %v", view, db.Strings(t, "SELECT city, coalesce(CAST(list_price AS text), 'null'), standard_status, CAST(record AS text) FROM "+
					db.Table(view)+" WHERE listing_key = 'TWICE'"))
			}
		}
	})
}

// listing is one with this text, as it comes over the wire, and with a photo.
func (s *setup) listing(tb testing.TB, key, at, city string) {
	tb.Helper()
	_ = s.source.Remove(simulator.Property, key) // none at first
	must(tb, s.source.AddRaw(simulator.Property, key, at, "", []byte(`{"ListingKey":"`+key+`","ModificationTimestamp":"`+at+`","City":"`+city+`"}`)))
}

func (s *setup) photo(tb testing.TB, key, listing, at string) {
	tb.Helper()
	must(tb, s.source.Add(simulator.Media, map[string]any{
		"MediaKey": key, "ResourceRecordKey": listing, "ResourceName": "Property", "MediaCategory": "Photo", "MediaModificationTimestamp": at,
	}))
}

func (s *setup) repaired(tb testing.TB) (list []string) {
	tb.Helper()
	must(tb, agent.Rejects(tb.Context(), s.config, nil, func(r record.Reject) error {
		if r.Repaired != "" {
			list = append(list, r.Stream+" "+r.Key+": "+r.Repaired)
			if r.Reason != "" || r.Bytes == 0 {
				tb.Errorf("listed as %+v", r)
			}
		}
		return nil
	}))
	return list
}

// A listing with a bad byte is a listing, and has its photos. What was done is
// counted once, and listed until a clean version comes. It is no reject.
func TestBrokenTextIsRepaired(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		const at, photos = "2026-07-01T12:00:00Z", "2026-07-01T12:00:05Z"
		cities := map[string]string{
			"LATIN1": "Montr\xe9al", "NULL": `A\u0000jax`, "RAWNUL": "A\x00jax", "HALF": `\ud83dWhitby`, "CUT": "Oshawa\xe2\x82", "GOOD": `\\u0000 \ud83d\ude00`,
		}
		stored := map[string]string{
			"LATIN1": "Montr\uFFFDal", "NULL": "Ajax", "RAWNUL": "Ajax", "HALF": "\uFFFDWhitby", "CUT": "Oshawa\uFFFD\uFFFD", "GOOD": `\u0000 ` + "\U0001F600",
		}
		for key, city := range cities {
			s.listing(t, key, at, city)
			s.photo(t, "P-"+key, key, photos)
		}
		report := s.mustSync(t, catalog.IDXProperty, catalog.Media)
		if n := report.Totals; n.Repaired != 5 || n.Failed != 0 || db.Count(t, "media", "media_key LIKE 'P-%'") != 6 {
			t.Errorf("totals %+v, %d photos", n, db.Count(t, "media", "media_key LIKE 'P-%'"))
		}
		for key, city := range stored {
			for _, table := range []string{"idx_property", "idx_listing"} {
				if got := db.Strings(t, "SELECT city, '' FROM "+db.Table(table)+" WHERE listing_key = '"+key+"'"); len(got) != 1 || got[0][0] != city {
					t.Errorf("%s, %s: %q, want %q", table, key, got, city)
				}
			}
		}
		list := s.repaired(t)
		if len(list) != 5 || list[3] != "idx_property NULL: City: NUL characters left out" {
			t.Errorf("listed are %q", list)
		}
		if body := db.Strings(t, "SELECT CAST(body_bytes AS text), '' FROM "+db.Table("agent_reject")+" WHERE record_key = 'LATIN1' AND length(body) = body_bytes"); len(body) != 1 {
			t.Errorf("the bytes are kept as %v", body)
		}
		st, err := agent.ReadStatus(t.Context(), s.config.StateDir, time.Now())
		if err != nil || st.Repaired != 5 || st.Rejects != 0 || st.LastRun.Repaired != 5 || st.Streams[0].Repaired != 5 {
			t.Errorf("status %+v, %v", st, err)
		}

		// What is read again (--lookback) is known, and so is what stays as it is.
		if n := s.mustSync(t, catalog.IDXProperty).Totals; n.Repaired != 0 {
			t.Errorf("a run with nothing new repaired %d", n.Repaired)
		}
		if again := s.repaired(t); !slices.Equal(again, list) {
			t.Errorf("listed are %q", again)
		}
		// A clean version of one, a worse one of another, a reject of the third.
		s.listing(t, "LATIN1", "2026-07-02T12:00:00Z", "Montréal")
		s.listing(t, "CUT", "2026-07-02T12:00:00Z", "\xff")
		_ = s.source.Remove(simulator.Property, "HALF")
		must(t, s.source.AddRaw(simulator.Property, "HALF", "2026-07-02T12:00:00Z", "", []byte(`{"ListingKey":"HALF","ModificationTimestamp":"soon"}`)))
		report = s.mustSync(t, catalog.IDXProperty)
		if n := report.Totals; n.Written != 2 || n.Failed != 1 || n.Repaired != 1 {
			t.Errorf("totals %+v", n)
		}
		if got := db.Strings(t, "SELECT city, '' FROM "+db.Table("idx_property")+" WHERE listing_key IN ('LATIN1', 'CUT') ORDER BY 1"); got[0][0] != "Montréal" || got[1][0] != "\uFFFD" {
			t.Errorf("stored are %q", got)
		}
		keys := s.rejects(t)
		if list := s.repaired(t); len(list) != 3 || len(keys) != 4 {
			t.Errorf("listed are %q, %q", list, keys)
		}
	})
}

// An hour in which the source answers in Latin-1 does not overwrite every accent:
// the run stops, and what was stored before stays.
func TestTooManyRepairsStop(t *testing.T) {
	t.Parallel()
	harness.Each(t, func(t *testing.T, db *harness.Database) {
		s := newSetup(t, harness.NewSource(t, harness.Small()), db)
		*s.config.Sizes["property"] = agent.Sizes{Page: 5000, Batch: 500}
		const many = 2500
		for i := range many {
			s.listing(t, fmt.Sprintf("L%04d", i), "2026-07-01T12:00:00Z", "Montréal")
		}
		s.mustSync(t, catalog.IDXProperty)
		for i := range many {
			s.listing(t, fmt.Sprintf("L%04d", i), "2026-07-02T12:00:00Z", "Montr\xe9al")
		}
		_, err := s.sync(t, catalog.IDXProperty)
		if !errors.Is(err, agent.ErrRepairs) || !strings.Contains(err.Error(), "UTF-8") {
			t.Fatalf("error %v, want ErrRepairs", err)
		}
		if n := db.Count(t, "idx_property", "listing_key LIKE 'L%' AND city <> 'Montréal'"); n > 1000 {
			t.Errorf("%d of %d were overwritten", n, many)
		}
		for i := range many {
			s.listing(t, fmt.Sprintf("L%04d", i), "2026-07-03T12:00:00Z", "Montréal")
		}
		s.mustSync(t, catalog.IDXProperty)
		if n := db.Count(t, "idx_property", "listing_key LIKE 'L%' AND city = 'Montréal'"); n != many || len(s.repaired(t)) != 0 {
			t.Errorf("%d are right, listed are %d", n, len(s.repaired(t)))
		}
	})
}

// What the agent keeps of any object is what jsonb makes of it.
func TestMembersAsJSONB(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	conn, err := pgx.Connect(t.Context(), db.URL)
	must(t, err)
	defer conn.Close(t.Context())
	dice := rand.New(rand.NewPCG(1, 2))
	names := []string{`"a"`, `"\u0061"`, `"b"`, `"B"`, `"c\/d"`, `"c/d"`, `"\""`, `"\u0022"`, `"\ud83d\ude00"`, "\"\U0001F600\"", `"\n"`, `"\u000a"`, `""`}
	scalars := []string{`1`, `1.50`, `-0.0`, `2E7`, `null`, `true`, `"x"`, `"\u0041\\u0000"`, `[]`, `[1, {"a":1,"a":2}]`, `{}`}
	var value func(depth int) string
	value = func(depth int) string {
		if depth == 0 || dice.IntN(3) == 0 {
			return scalars[dice.IntN(len(scalars))]
		}
		var members []string
		for range dice.IntN(20) {
			members = append(members, names[dice.IntN(len(names))]+" : "+value(depth-1))
		}
		if dice.IntN(5) == 0 {
			return "[" + value(depth-1) + " ,\t" + value(depth-1) + "]"
		}
		return "{ " + strings.Join(members, ", ") + "\n}"
	}
	reader := catalog.All().Find(catalog.VOWProperty).Shape().NewReader()
	for range 300 {
		raw := `{"ListingKey":"K","ModificationTimestamp":"2026-07-01T12:00:00Z","X":` + value(3) + `,"X":{"y":` + value(4) + `}}`
		r, err := reader.Read(jsontext.NewDecoder(strings.NewReader(raw), record.DecodeOptions()...))
		must(t, err)
		var same bool
		must(t, conn.QueryRow(t.Context(), "SELECT $1::text::jsonb = $2::text::jsonb", raw, string(r.JSON)).Scan(&same))
		if !same || r.Reason != "" || r.Repaired != "" {
			t.Fatalf("%s\nis kept as\n%s\n(%s%s)", raw, r.JSON, r.Reason, r.Repaired)
		}
	}
}
