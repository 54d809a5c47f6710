package postgres

import (
	"fmt"
	"strings"

	"resoagent/internal/record"
)

// statements are the SQL texts for one shape and feed.
type statements struct {
	shape *record.Shape
	feed  string // "" where the table keeps one copy
	// find reads hash and timestamp of the rows that are there, NULL where the row
	// has no copy of the feed. It takes the key columns as arrays.
	find string
	// remove deletes rows and tells which. It takes arrays, the key columns and the
	// timestamps up to which rows are meant, then the present, and whether newer
	// rows are meant too. "" for a shape without soft deletes.
	remove string
	// upsert takes the key columns, the typed columns, timestamp, JSON and
	// hash, each as an array; merge is its form for a normal pass, which never
	// overwrites a newer row and also takes the present, force overwrites any.
	merge, force string
	// The same from the table agent_stage, which stage makes for the transaction.
	stage                    string
	stagedMerge, stagedForce string
}

func casts() map[record.Kind]string {
	return map[record.Kind]string{
		record.Text: "text", record.Word: "text", record.Integer: "bigint", record.Number: "numeric",
		record.Boolean: "boolean", record.Date: "date", record.Timestamp: "timestamptz",
	}
}

func (d *Destination) statements(shape *record.Shape, feed string) statements {
	s := statements{shape: shape, feed: feed}
	table := d.table(shape.Table)
	keys := shape.KeyColumns()
	ts, hash, _ := shape.CopyColumns(feed)

	var arrays, join []string
	for i, k := range keys {
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", i+1))
		join = append(join, fmt.Sprintf("t.%s = u.%s", k, k))
	}
	wanted := fmt.Sprintf("unnest(%s) AS u(%s)", strings.Join(arrays, ", "), strings.Join(keys, ", "))
	s.find = fmt.Sprintf("SELECT t.%s, t.%s, t.%s FROM %s JOIN %s t ON %s",
		strings.Join(keys, ", t."), hash, ts, wanted, table, strings.Join(join, " AND "))
	if shape.Status != "" {
		n := len(keys)
		s.remove = fmt.Sprintf("DELETE FROM %s t USING unnest(%s, $%d::text[]) AS u(%s, at) WHERE %s AND (%s OR $%d::boolean) RETURNING t.%s",
			table, strings.Join(arrays, ", "), n+1, strings.Join(keys, ", "), strings.Join(join, " AND "),
			notOlder("t."+ts, "u.at::timestamptz", n+2), n+3, strings.Join(keys, ", t."))
	}

	s.force, s.stagedForce = upsertTexts(shape, feed, table)
	s.merge = s.force + " WHERE " + notOlder("t."+ts, "excluded."+ts, len(keys)+len(shape.Columns)+4)
	s.stagedMerge = s.stagedForce + " WHERE " + notOlder("t."+ts, "excluded."+ts, 1)
	s.stage = fmt.Sprintf("CREATE TEMPORARY TABLE %s (LIKE %s) ON COMMIT DROP", stageTable, table)
	return s
}

// notOlder is record.Group.Replaces in SQL, for what other groups of the stream
// have written since this one looked: of a row's timestamp, a record's, and the
// present as an argument.
func notOlder(there, came string, present int) string {
	return fmt.Sprintf("(%s IS NULL OR %s IS NULL OR %s <= %s OR %s > $%d::timestamptz)", there, came, there, came, there, present)
}

// present is a group's present as an argument.
func present(g *record.Group) string {
	if g.Present.IsZero() {
		return "infinity"
	}
	return record.FormatTimestamp(g.Present)
}

// stageTable holds records on their way into a table, for one transaction.
const stageTable = "agent_stage"

// upsertTexts are the statements that insert or overwrite, from arrays and from
// the staging table.
func upsertTexts(shape *record.Shape, feed, table string) (arrays, staged string) {
	ts, hash, body := shape.CopyColumns(feed)
	keys := shape.KeyColumns()
	cast := casts()
	var names, places, values, sets []string
	column := func(name, array, as string) {
		names = append(names, name)
		places = append(places, fmt.Sprintf("$%d::%s[]", len(places)+1, array))
		value := "u." + name
		if as != array {
			value += "::" + as
		}
		values = append(values, value)
	}
	for _, k := range keys {
		column(k, "text", "text")
	}
	for _, c := range shape.Columns {
		column(c.Name, "text", cast[c.Kind])
		set := "excluded." + c.Name
		if feed == "idx" {
			// The typed columns follow the VOW copy where there is one.
			set = fmt.Sprintf("CASE WHEN t.vow IS NULL THEN excluded.%s ELSE t.%s END", c.Name, c.Name)
		}
		sets = append(sets, c.Name+" = "+set)
	}
	column(ts, "text", "timestamptz")
	column(body, "text", "jsonb")
	column(hash, "bigint", "bigint")
	for _, name := range []string{ts, body, hash} {
		sets = append(sets, name+" = excluded."+name)
	}
	list := strings.Join(names, ", ")
	head := fmt.Sprintf("INSERT INTO %s AS t (%s) SELECT ", table, list)
	tail := fmt.Sprintf(" ON CONFLICT (%s) DO UPDATE SET %s", strings.Join(keys, ", "), strings.Join(sets, ", "))
	arrays = head + strings.Join(values, ", ") + " FROM unnest(" + strings.Join(places, ", ") + ") AS u(" + list + ")" + tail
	return arrays, head + list + " FROM " + stageTable + tail
}

// keyArrays are the key columns of records as arguments.
func (s statements) keyArrays(records []record.Entry) []any {
	keys := make([]string, len(records))
	for i, r := range records {
		keys[i] = r.Key
	}
	if s.shape.Parent == "" {
		return []any{keys}
	}
	parents := make([]string, len(records))
	for i, r := range records {
		parents[i] = r.Parent
	}
	return []any{parents, keys}
}

// rowArrays are all columns of records as arguments of merge and force.
func (s statements) rowArrays(records []record.Entry) []any {
	args := s.keyArrays(records)
	for c := range s.shape.Columns {
		column := make([]*string, len(records))
		for i, r := range records {
			if r.Values[c].Valid {
				column[i] = &r.Values[c].Text
			}
		}
		args = append(args, column)
	}
	body, hash := make([]string, len(records)), make([]int64, len(records))
	for i, r := range records {
		body[i], hash[i] = string(r.JSON), r.Hash
	}
	return append(args, times(records), body, hash)
}

func times(records []record.Entry) []*string {
	ts := make([]*string, len(records))
	for i, r := range records {
		ts[i] = r.Stamp()
	}
	return ts
}
