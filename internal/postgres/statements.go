package postgres

import (
	"fmt"
	"strings"

	"resoagent/internal/record"
)

// statements are the SQL texts for one shape.
type statements struct {
	shape *record.Shape
	// find reads hash and timestamp of the rows that are there. It takes the key
	// columns as arrays.
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

func (d *Destination) statements(shape *record.Shape) statements {
	s := statements{shape: shape}
	table := d.table(shape.Table)
	keys := shape.KeyColumns()

	var arrays, join []string
	for i, k := range keys {
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", i+1))
		join = append(join, fmt.Sprintf("t.%s = u.%s", k, k))
	}
	wanted := fmt.Sprintf("unnest(%s) AS u(%s)", strings.Join(arrays, ", "), strings.Join(keys, ", "))
	s.find = fmt.Sprintf("SELECT t.%s, t.record_hash, t.record_timestamp FROM %s JOIN %s t ON %s",
		strings.Join(keys, ", t."), wanted, table, strings.Join(join, " AND "))
	if shape.Tombstone.Field != "" {
		n := len(keys)
		s.remove = fmt.Sprintf("DELETE FROM %s t USING unnest(%s, $%d::text[]) AS u(%s, at) WHERE %s AND (%s OR $%d::boolean) RETURNING t.%s",
			table, strings.Join(arrays, ", "), n+1, strings.Join(keys, ", "), strings.Join(join, " AND "),
			notOlder("u.at::timestamptz", n+2), n+3, strings.Join(keys, ", t."))
	}

	s.force, s.stagedForce = upsertTexts(shape, table)
	s.merge = s.force + " WHERE " + notOlder("excluded.record_timestamp", len(keys)+len(shape.Columns)+4)
	s.stagedMerge = s.stagedForce + " WHERE " + notOlder("excluded.record_timestamp", 1)
	s.stage = fmt.Sprintf("CREATE TEMPORARY TABLE %s (LIKE %s) ON COMMIT DROP", stageTable, table)
	return s
}

// notOlder is record.Group.Replaces in SQL, for what other groups of the stream
// have written since this one looked: of a record's timestamp, and the present as
// an argument.
func notOlder(came string, present int) string {
	const there = "t.record_timestamp"
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
func upsertTexts(shape *record.Shape, table string) (arrays, staged string) {
	keys := shape.KeyColumns()
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
		column(c.Name, "text", c.Kind.Type())
	}
	column("record_timestamp", "text", "timestamptz")
	column("record", "text", "jsonb")
	column("record_hash", "bigint", "bigint")
	for _, name := range names[len(keys):] {
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
