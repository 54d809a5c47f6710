package bench

import (
	"fmt"
	"slices"
	"testing"

	"resoagent/internal/record"
	"resoagent/internal/simulator"
)

// indexes shows what the indexes of the usual searches cost: the same loads with
// them and without, in turn. One load is the agent's of both feeds, of which the
// second writes most listings a second time; the others are COPY alone, as the
// listings of either feed, since the indexes of IDX are on expressions.
func (b *bench) indexes(t *testing.T) {
	s := source(t, b.sizes.indexed, b.sizes.indexed, nil)
	property := rows(t, s, record.Property())
	warm := b.schema(t)
	b.migrate(t, warm)
	b.copyPlain(t, warm, "vow", property, nil)
	b.drop(t, warm)
	loads := []struct {
		name string
		run  func(schema string) result
	}{
		{"the agent, both feeds", func(schema string) result {
			return b.sync(t, b.agent, s, schema, stateDir(t), "--idx-token", simulator.DefaultIDXToken, "--idx", "--vow")
		}},
		{"COPY, IDX", func(schema string) result { return b.copyPlain(t, schema, "idx", property, nil) }},
		{"COPY, VOW", func(schema string) result { return b.copyPlain(t, schema, "vow", property, nil) }},
	}
	results := make(map[string][]result)
	ratios := make(map[string][]float64)
	sizes := make(map[string][2]int64)
	for round := range b.sizes.rounds {
		for _, load := range loads {
			for i := range 2 {
				with := (i+round)%2 == 0 // who comes first changes with the round
				schema := b.schema(t)
				b.migrate(t, schema)
				if !with {
					b.dropIndexes(t, schema)
				}
				r := load.run(schema)
				name := fmt.Sprint(load.name, with)
				t.Logf("%s, with indexes %t: %s, %.0f rows/s", load.name, with, r.took, r.perSecond())
				results[name] = append(results[name], r)
				sizes[name] = [2]int64{
					b.db.Int(t, "SELECT pg_total_relation_size('"+schema+".property')"),
					b.db.Int(t, "SELECT coalesce(sum(pg_relation_size(indexrelid)), 0)::bigint FROM pg_stat_user_indexes WHERE schemaname = '"+schema+"' AND "+ours),
				}
				b.drop(t, schema)
			}
			with, without := results[fmt.Sprint(load.name, true)][round], results[fmt.Sprint(load.name, false)][round]
			ratios[load.name] = append(ratios[load.name], with.perSecond()/without.perSecond())
		}
	}
	table := b.report.table("Indexes", fmt.Sprintf("%s listings of 8 KB into an empty table, with the six indexes of the usual searches (docs/QUERIES.md) and without. Medians of %d rounds; the ratio is that of the two runs that follow each other.",
		number(b.sizes.indexed), b.sizes.rounds),
		"load", "indexes", "seconds", "rows/s", "to without", "WAL", "table in all", "of it these indexes")
	for _, load := range loads {
		slices.Sort(ratios[load.name])
		to := map[bool]float64{false: 1, true: ratios[load.name][len(ratios[load.name])/2]}
		for _, with := range []bool{false, true} {
			name := fmt.Sprint(load.name, with)
			r := median(results[name])
			table.row(load.name, yes(with), seconds(r.took), number(int(r.perSecond())), ratio(to[with]),
				size(r.wal), size(sizes[name][0]), size(sizes[name][1]))
		}
	}
}

// ours tells the indexes of the searches from primary keys.
const ours = "relname = 'property' AND indexrelname LIKE 'agent\\_%'"

func (b *bench) dropIndexes(tb testing.TB, schema string) {
	tb.Helper()
	dropped := b.db.Strings(tb, "SELECT indexrelname FROM pg_stat_user_indexes WHERE schemaname = '"+schema+"' AND "+ours)
	if len(dropped) != 6 {
		tb.Fatalf("%d indexes to drop", len(dropped))
	}
	for _, index := range dropped {
		b.db.Exec(tb, "DROP INDEX "+schema+"."+index[0])
	}
}
