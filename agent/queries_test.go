package agent_test

import (
	"context"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

const queriesPage = "../docs/QUERIES.md"

// part is a section of docs/QUERIES.md.
type part struct {
	title     string
	sql, text []string // its blocks
	indexes   []string // that its query uses
}

// sections reads docs/QUERIES.md.
func sections(tb testing.TB) (out []part) {
	tb.Helper()
	page, err := os.ReadFile(queriesPage)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range strings.Split("\n"+string(page), "\n## ")[1:] {
		title, rest, _ := strings.Cut(s, "\n")
		p := part{title: title}
		if _, line, ok := strings.Cut(rest, "\nIndex: "); ok {
			line, _, _ = strings.Cut(line, "\n")
			p.indexes = strings.Split(strings.Trim(line, "`"), "`, `")
		}
		for i, block := range strings.Split(rest, "```") {
			language, body, _ := strings.Cut(block, "\n")
			switch {
			case i%2 == 1 && language == "sql":
				p.sql = append(p.sql, body)
			case i%2 == 1:
				p.text = append(p.text, body)
			}
		}
		out = append(out, p)
	}
	return out
}

func section(tb testing.TB, title string) part {
	tb.Helper()
	for _, p := range sections(tb) {
		if p.title == title {
			return p
		}
	}
	tb.Fatalf("docs/QUERIES.md has no section %q", title)
	return part{}
}

var (
	update   = flag.Bool("update", false, "write the plans of docs/QUERIES.md")
	querying = flag.Int("queries.listings", 1500, "listings that the example queries run over")
)

// queried is a filled database for the example queries, and a connection that has
// its schema in the search path.
func queried(tb testing.TB) (conn *pgx.Conn, listings int) {
	tb.Helper()
	n := *querying
	if *update && n == 1500 {
		n = 20_000
	}
	db := harness.NewPostgres(tb)
	source := harness.NewSource(tb, simulator.Options{
		Seed: 7, Properties: n, MediaPerListing: 20, RoomsPerListing: -1, OpenHousesPerListing: -1, OrphanShare: -1,
	})
	s := newSetup(tb, source, db)
	s.config.Sizes["property"].Page, s.config.Sizes["property"].Batch, s.config.Sizes["media"].Page, s.config.Sizes["media"].Batch = 2000, 500, 5000, 1000
	s.mustSync(tb, "idx_property", "vow_property", "media")
	for _, table := range []string{"idx_property", "vow_property", "media"} {
		if table != "media" {
			// As a provider sends them that has coordinates: over a degree of either.
			db.Exec(tb, `UPDATE `+db.Table(table)+` SET latitude = 43.2 + (hashtext(listing_key) & 1023) / 1024.0,
				longitude = -79.9 + (hashtext(listing_key) >> 10 & 1023) / 1024.0`)
		}
		db.Exec(tb, "VACUUM (FULL, ANALYZE) "+db.Table(table))
		db.Exec(tb, "VACUUM "+db.Table(table)) // the map of what all can see, for scans of an index alone
	}
	conn, err := pgx.Connect(tb.Context(), db.URL)
	must(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(tb.Context(), "SET search_path TO "+db.Schema)
	must(tb, err)
	return conn, n
}

// The example queries of docs/QUERIES.md run, find something, and use the
// indexes that the page names.
func TestExampleQueries(t *testing.T) {
	t.Parallel()
	conn, n := queried(t)
	examples := 0
	for _, p := range sections(t) {
		if len(p.indexes) == 0 {
			continue
		}
		examples++
		if len(p.sql) != 1 || len(p.text) != 1 {
			t.Fatalf("%s: want a query and its plan", p.title)
		}
		rows, err := conn.Query(t.Context(), p.sql[0])
		must(t, err)
		found := 0
		for rows.Next() {
			found++
		}
		if rows.Err() != nil || found == 0 && n >= 1500 {
			t.Errorf("%s: %d rows, %v", p.title, found, rows.Err())
		}
		plan := explain(t, conn, "(ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)", p.sql[0])
		uses(t, p.title, plan, p.indexes...)
		if !*update {
			uses(t, p.title+", as printed", p.text[0], p.indexes...)
		}
		// The other feed has the same indexes.
		swap := strings.NewReplacer("idx_listing", "vow_listing", "vow_listing", "idx_listing", "agent_idx", "agent_vow", "agent_vow", "agent_idx")
		uses(t, p.title+", the other feed", explain(t, conn, "(COSTS OFF)", swap.Replace(p.sql[0])), swap.Replace(p.indexes[0]))
		if *update {
			replacePlan(t, p, plan)
		}
	}
	if examples != 5 {
		t.Errorf("%d examples", examples)
	}
}

// sqliteScan is a line of SQLite's plan that reads all rows of a record table.
var sqliteScan = regexp.MustCompile(`(?i)^\s*SCAN (idx_property|vow_property|media)\b`)

// uses fails the test unless a plan has all the indexes, and reads no table as a
// whole.
func uses(tb testing.TB, what, plan string, indexes ...string) {
	tb.Helper()
	for _, index := range indexes {
		if !slices.Contains(strings.Fields(plan), index) {
			tb.Errorf("%s: the plan does not use %s:\n%s", what, index, plan)
		}
	}
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "Seq Scan") || sqliteScan.MatchString(line) {
			tb.Errorf("%s: the plan reads a whole table:\n%s", what, plan)
		}
	}
}

// The same queries in SQLite, but for LATERAL, which it does not know.
func TestExampleQueriesInSQLite(t *testing.T) {
	t.Parallel()
	db := harness.NewSQLite(t)
	s := newSetup(t, harness.NewSource(t, harness.Small()), db)
	s.mustSync(t, "idx_property", "vow_property", "media")
	for _, p := range sections(t) {
		if len(p.indexes) == 0 {
			continue
		}
		query := p.sql[0]
		if before, lateral, found := strings.Cut(query, "LEFT JOIN LATERAL"); found {
			_, rest, _ := strings.Cut(lateral, "ON true")
			query = strings.Replace(before, ", p.media_url", "", 1) + rest
		}
		var plan strings.Builder
		for _, row := range db.Strings(t, "EXPLAIN QUERY PLAN "+query) {
			plan.WriteString(row[3] + " \n")
		}
		index := p.indexes[0]
		if index == "media_pkey" {
			index = "sqlite_autoindex_media_1"
		}
		uses(t, p.title, plan.String(), index)
		db.Strings(t, query)
	}
	// The photos of a page of listings.
	var plan strings.Builder
	for _, row := range db.Strings(t, "EXPLAIN QUERY PLAN SELECT * FROM idx_photo WHERE listing_key IN ('A', 'B') AND photo_number = 1") {
		plan.WriteString(row[3] + " \n")
	}
	uses(t, "photos of a page", plan.String(), "sqlite_autoindex_media_1")
}

func explain(tb testing.TB, conn *pgx.Conn, options, query string) string {
	tb.Helper()
	rows, err := conn.Query(tb.Context(), "EXPLAIN "+options+" "+query)
	must(tb, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(tb, err)
	return strings.Join(lines, "\n") + "\n"
}

func replacePlan(tb testing.TB, p part, plan string) {
	tb.Helper()
	page, err := os.ReadFile(queriesPage)
	must(tb, err)
	head, rest, _ := strings.Cut(string(page), "\n## "+p.title+"\n")
	body, tail, more := strings.Cut(rest, "\n## ")
	at := strings.LastIndex(body, "```\n"+p.text[0]+"```")
	body = body[:at] + "```\n" + plan + "```" + body[at+len("```\n"+p.text[0]+"```"):]
	if more {
		body += "\n## " + tail
	}
	must(tb, os.WriteFile(queriesPage, []byte(head+"\n## "+p.title+"\n"+body), 0o600))
}
