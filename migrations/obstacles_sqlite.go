package migrations

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// object is an entry of SQLite's schema.
type object struct{ kind, name, table, text string }

// sqliteObstacles looks through SQLite's schema, in the order in which things can
// be taken away. What has Property in its text only by chance is taken for one that
// uses it: it is made again all the same.
func sqliteObstacles(ctx context.Context, q querier) (found []Obstacle, err error) {
	all, err := objects(ctx, q)
	if err != nil {
		return nil, err
	}
	columns, err := pairs(ctx, q, `SELECT name, type FROM pragma_table_xinfo('Property')`)
	if err != nil {
		return nil, err
	}
	var own []string
	for _, c := range columns {
		if !containsFold(allOldColumns(), c[0]) {
			own = append(own, c[0])
		}
	}
	uses := regexp.MustCompile(`(?i)\bproperty\b`)
	for _, o := range all {
		ours := containsFold(oldViews(), o.name)
		switch {
		case o.kind == "trigger" && (strings.EqualFold(o.table, "property") || uses.MatchString(o.text) || containsFold(oldViews(), o.table)):
			again := []string{o.text}
			if strings.EqualFold(o.table, "property") {
				// Their names are the schema's, and not the table's.
				again = []string{
					triggerOn().ReplaceAllString(o.text, "${1}${2}${3} vow_property"),
					triggerOn().ReplaceAllString(o.text, "${1}"+quoted(o.name+"_idx")+"${3} idx_property"),
				}
			}
			found = append(found, Obstacle{"trigger " + o.name, []string{"DROP TRIGGER " + quoted(o.name)}, again})
		case o.kind == "view" && !ours && uses.MatchString(o.text):
			found = append(found, Obstacle{"view " + o.name, []string{"DROP VIEW " + quoted(o.name)}, []string{o.text}})
		case o.kind == "table" && !strings.EqualFold(o.name, "property") && references().MatchString(o.text):
			found = append(found, reference(o))
		case o.kind == "index" && strings.EqualFold(o.table, "property") && !agentIndex(o.name):
			if lost(o.text, own) {
				found = append(found, Obstacle{"index " + o.name, []string{"DROP INDEX " + quoted(o.name)}, []string{indexAgain(o.text)}})
			}
		}
	}
	for _, c := range own {
		kept := quoted("property_own_" + c)
		found = append(found, Obstacle{What: "column " + c, Move: []string{
			fmt.Sprintf("CREATE TABLE %s AS SELECT listing_key, %s FROM Property WHERE %[2]s IS NOT NULL", kept, quoted(c)),
			"ALTER TABLE Property DROP COLUMN " + quoted(c),
		}})
	}
	return found, nil
}

// Names may be quoted in four ways.
const (
	sqliteName     = `(?:"(?:[^"]|"")*"|\[[^\]]*\]|` + "`[^`]*`" + `|'[^']*'|\w+)`
	sqliteProperty = `(?:"property"|\[property\]|` + "`property`" + `|'property'|property\b)`
)

func agentIndex(name string) bool {
	return regexp.MustCompile(`^agent_(idx|vow)_(search|map|changed)$`).MatchString(name)
}

func indexOn() *regexp.Regexp {
	return regexp.MustCompile(`(?is)^(CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:` + sqliteName + `\s*\.\s*)?` + sqliteName +
		`\s+ON\s*)` + sqliteProperty)
}

func triggerOn() *regexp.Regexp {
	return regexp.MustCompile(`(?is)^(CREATE\s+TRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?)(` + sqliteName + `)(\s.*?\sON\s*)` + sqliteProperty)
}

func references() *regexp.Regexp {
	return regexp.MustCompile(`(?is)(\bREFERENCES\s*)` + sqliteProperty)
}

// retable has the statement that made an index or trigger name another table; "" if
// it is written in a way that is not understood.
func retable(on *regexp.Regexp, text, table string) string {
	if !on.MatchString(text) {
		return ""
	}
	return on.ReplaceAllString(text, "${1} "+table)
}

// indexAgain has it on the table of the feed whose columns it is of.
func indexAgain(text string) string {
	table := "vow_property"
	if regexp.MustCompile(`(?i)\bidx(_timestamp|_hash)?\b`).MatchString(indexOn().ReplaceAllString(text, "")) {
		table = "idx_property"
	}
	head := indexOn().FindString(text)
	return retable(indexOn(), head, table) + regexp.MustCompile(`(?i)\b(?:idx|vow)(_timestamp|_hash)\b`).ReplaceAllString(
		regexp.MustCompile(`(?i)\b(?:idx|vow)\b`).ReplaceAllString(strings.TrimPrefix(text, head), "record"), "record$1")
}

// lost reports whether an index cannot be made again on the listings' new table:
// of columns that go or get another name, or written in a way that is not
// understood.
func lost(text string, own []string) bool {
	if !indexOn().MatchString(text) {
		return true
	}
	for _, c := range slices.Concat(feedColumns("idx"), feedColumns("vow"), own) {
		if regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(c) + `\b`).MatchString(indexOn().ReplaceAllString(text, "")) {
			return true
		}
	}
	return false
}

// reference is a foreign key to Property. SQLite has no statement that takes one
// away, and making the table again would cost its rows, so the definition is
// edited, as SQLite's documentation of ALTER TABLE says.
func reference(o object) Obstacle {
	text := references().ReplaceAllString(o.text, "${1} vow_property")
	return Obstacle{What: "foreign key of " + o.name, Move: []string{
		"/* sqlite3 shells from 3.42 on: .dbconfig defensive off */ PRAGMA writable_schema = ON",
		fmt.Sprintf("UPDATE sqlite_schema SET sql = %s WHERE type = 'table' AND name = %s", literal(text), literal(o.name)),
		"PRAGMA writable_schema = RESET",
	}}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

func containsFold(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// objects are the entries of SQLite's schema: triggers, views, tables and indexes.
func objects(ctx context.Context, q querier) ([]object, error) {
	rows, err := q.QueryContext(ctx, `SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL
		ORDER BY type = 'trigger' DESC, type = 'view' DESC, type = 'table' DESC, name`)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	defer rows.Close()
	var out []object
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.text); err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}
