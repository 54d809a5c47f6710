package bench

import (
	"fmt"
	"slices"
	"testing"
)

// variant is a table of listings as it could be made, and what is loaded into it.
type variant struct {
	of     string // variants of the same are compared
	name   string
	change []string // statements that make it, with %s for the schema
	run    func(schema string) result
}

// indexes shows what the indexes of the usual searches cost: the same loads of
// listings with them and without. It is COPY that loads, since the agent would make
// them again.
func (b *bench) indexes(t *testing.T) {
	s := source(t, b.sizes.indexed, b.sizes.indexed, nil)
	vow := rows(t, s, "vow_property")
	plain := func(schema string) result { return b.copyPlain(t, schema, vow) }
	var without []string
	for _, table := range []string{"idx_property", "vow_property"} {
		for _, index := range []string{"search", "map", "changed"} {
			without = append(without, "DROP INDEX %s.agent_"+table+"_"+index)
		}
	}
	b.compare(t, "Indexes", fmt.Sprintf("%s listings of 8 KB into an empty table, with the indexes of the usual searches (docs/QUERIES.md) and without.",
		number(b.sizes.indexed)), "indexes", []variant{
		{"COPY", "no", without, plain},
		{"COPY", "yes", nil, plain},
	})
}

// compression shows what the compression of the JSON costs.
func (b *bench) compression(t *testing.T) {
	s := source(t, b.sizes.indexed, b.sizes.indexed, nil)
	vow := rows(t, s, "vow_property")
	as := func(method string) (change []string) {
		for _, table := range []string{"idx_property", "vow_property"} {
			change = append(change, "ALTER TABLE %s."+table+" ALTER COLUMN record SET COMPRESSION "+method)
		}
		return change
	}
	plain := func(schema string) result { return b.copyPlain(t, schema, vow) }
	b.compare(t, "Compression", fmt.Sprintf("%s listings of 8 KB into an empty table, whose JSON is compressed by PostgreSQL's own method and by lz4, which the agent chooses where the server has it.",
		number(b.sizes.indexed)), "method", []variant{
		{"COPY", "pglz", as("pglz"), plain},
		{"COPY", "lz4", as("lz4"), plain},
	})
}

// compare loads into each variant in turn, and makes a table of it in which each
// stands beside the first of the same load.
func (b *bench) compare(t *testing.T, title, about, what string, variants []variant) {
	warm := b.schema(t)
	b.migrate(t, warm)
	variants[len(variants)-1].run(warm)
	b.drop(t, warm)
	results := make([][]result, len(variants))
	sizes := make([]int64, len(variants))
	for round := range b.sizes.rounds {
		for i := range variants {
			// Who comes first changes with the round.
			if round%2 == 1 {
				i = len(variants) - 1 - i
			}
			v, schema := variants[i], b.schema(t)
			b.migrate(t, schema)
			for _, statement := range v.change {
				b.db.Exec(t, fmt.Sprintf(statement, schema))
			}
			r := v.run(schema)
			t.Logf("%s, %s %s: %s, %.0f rows/s", v.of, what, v.name, r.took, r.perSecond())
			results[i] = append(results[i], r)
			sizes[i] = b.db.Int(t, "SELECT pg_total_relation_size('"+schema+".vow_property')")
			b.drop(t, schema)
		}
	}
	table := b.report.table(title, about+fmt.Sprintf(" Medians of %d rounds, in turn.", b.sizes.rounds),
		"load", what, "seconds", "rows/s", "to the first", "WAL", "table of VOW")
	for i, v := range variants {
		first := slices.IndexFunc(variants, func(other variant) bool { return other.of == v.of })
		r := median(results[i])
		table.row(v.of, v.name, seconds(r.took), number(int(r.perSecond())), ratio(r.perSecond()/median(results[first]).perSecond()), size(r.wal), size(sizes[i]))
	}
}
