package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// searches are queries over listings, with %s for where they are: what a site
// asks for, and what no index answers.
func searches() []struct{ name, sql string } {
	return []struct{ name, sql string }{
		{"count", `SELECT count(*) FROM %s WHERE standard_status = 'Active' AND bedrooms_total >= 3 AND bathrooms_total_integer >= 2`},
		{"sorted", `SELECT listing_key, list_price FROM %s WHERE bedrooms_total >= 3 ORDER BY list_price DESC, listing_key LIMIT 20`},
		{"sorted by an index", `SELECT listing_key, list_price FROM %s WHERE city = 'Toronto E03' AND standard_status = 'Active' ORDER BY list_price LIMIT 20`},
		{"join", `SELECT listing_key, count(*) FROM %s JOIN media m ON m.resource_record_key = listing_key
			WHERE city = 'Toronto E03' AND standard_status = 'Active' GROUP BY listing_key`},
		{"join of all", `SELECT m.image_size_description, count(*) FROM %s JOIN media m ON m.resource_record_key = listing_key
			WHERE bedrooms_total >= 3 GROUP BY 1`},
	}
}

// mostRatio is far more than the ratio of two queries of one plan, which is 1.5 at
// most where nothing else runs, and far less than what a column costs that is read
// out of JSON: 30 times.
const mostRatio = 5

// A search costs the same in each view of listings, since each is a table: the
// plan is the table's own, without a function in it, and takes as long for a row.
func TestSearchesCostTheSame(t *testing.T) {
	t.Parallel()
	conn, _ := queried(t)
	// From what size on it pays to have several processes differs by a feed's size.
	_, err := conn.Exec(t.Context(), "SET max_parallel_workers_per_gather = 0")
	must(t, err)
	// A plan names a view's table before each column.
	plain := strings.NewReplacer("agent_idx_property_", "agent_", "agent_vow_property_", "agent_",
		"idx_property.", "", "vow_property.", "", "idx_property", "listings", "vow_property", "listings")
	for _, q := range searches() {
		plan := func(from string) string {
			return plain.Replace(explain(t, conn, "(COSTS OFF)", fmt.Sprintf(q.sql, from)))
		}
		for _, from := range []string{"idx_listing", "vow_listing", "property"} {
			table := map[string]string{"idx_listing": "idx_property"}[from]
			if table == "" {
				table = "vow_property"
			}
			if diff := cmp.Diff(plan(table), plan(from)); diff != "" {
				t.Errorf("%s: the plan of %s is not that of the table (-want +got):\n%s", q.name, from, diff)
			}
		}
		// With what the planner thinks that it costs: it is the same query.
		if diff := cmp.Diff(explain(t, conn, "", fmt.Sprintf(q.sql, "vow_listing")), explain(t, conn, "", fmt.Sprintf(q.sql, "property"))); diff != "" {
			t.Errorf("%s: Property costs other than vow_listing (-want +got):\n%s", q.name, diff)
		}
		if diff := cmp.Diff(plan("vow_listing"), plan("idx_listing")); diff != "" {
			t.Errorf("%s: the plan of idx_listing is another than that of vow_listing (-vow +idx):\n%s", q.name, diff)
		}
		took := quickest(t, conn, q.sql, "idx_listing", "vow_listing", "property")
		perRow := took["idx_listing"] / count(t, conn, "idx_listing") / (took["vow_listing"] / count(t, conn, "vow_listing"))
		property := took["property"] / took["vow_listing"]
		t.Logf("%s: %.3f ms in VOW; IDX to VOW, by row: %.2f; Property to vow_listing: %.2f", q.name, took["vow_listing"]*1000, perRow, property)
		if perRow > mostRatio || property > mostRatio {
			t.Errorf("%s takes %.1f times as long by row in IDX as in VOW, and %.1f times in Property as in vow_listing", q.name, perRow, property)
		}
	}
}

// quickest is the shortest time of a query over each relation, in seconds; they
// take turns.
func quickest(tb testing.TB, conn *pgx.Conn, sql string, from ...string) map[string]float64 {
	tb.Helper()
	took := make(map[string]float64)
	for range 15 {
		for _, relation := range from {
			begun := time.Now()
			_, err := conn.Exec(tb.Context(), fmt.Sprintf(sql, relation))
			must(tb, err)
			if t := time.Since(begun).Seconds(); took[relation] == 0 || t < took[relation] {
				took[relation] = t
			}
		}
	}
	return took
}

func count(tb testing.TB, conn *pgx.Conn, relation string) float64 {
	tb.Helper()
	var n int64
	must(tb, conn.QueryRow(tb.Context(), "SELECT count(*) FROM "+relation).Scan(&n))
	return float64(n)
}
