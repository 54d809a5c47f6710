package postgres

import (
	"context"

	"resoagent/internal/record"
)

// countUpTo is how large a table may be for its rows to be counted at the end of each
// run: that is a tenth of a second. Larger ones are estimated.
const countUpTo = 64 << 20

// Figures tells what the destination holds, and how large it is.
func (d *Destination) Figures(ctx context.Context, of []record.Holding) (f record.Figures, err error) {
	tables := []string{"synclog", "SyncLog"}
	for _, s := range d.shapes.All {
		tables = append(tables, s.Table)
	}
	err = d.row(ctx, `SELECT
		(SELECT count(*) FROM (SELECT DISTINCT parent_key FROM `+d.table("agent_orphan")+` WHERE stream NOT LIKE '`+record.DebtPrefix+`%') t),
		(SELECT count(*) FROM `+d.table("agent_reject")+` WHERE repaired IS NULL),
		(SELECT count(*) FROM `+d.table("agent_reject")+` WHERE repaired IS NOT NULL),
		(SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
			JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND (c.relname LIKE 'agent\_%' OR c.relname = ANY($2)))`,
		[]any{d.schema, tables}, &f.OrphanParents, &f.Rejects, &f.Repaired, &f.Bytes)
	if err != nil {
		return f, wrap("look at destination", err)
	}
	f.Streams = make(map[string]record.Stock)
	for _, h := range of {
		if f.Streams[h.Stream], err = d.stock(ctx, h); err != nil {
			return f, wrap("look at "+h.Stream, err)
		}
	}
	return f, nil
}

// stock tells what there is of a stream. The estimate is the planner's: the rows that
// ANALYZE found to a page, times the pages of today.
func (d *Destination) stock(ctx context.Context, h record.Holding) (s record.Stock, err error) {
	var size int64
	var estimate *int64
	err = d.row(ctx, `SELECT pg_relation_size(c.oid), CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN
			(c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int))::bigint END,
			(SELECT count(*) FROM `+d.table("agent_reject")+` WHERE stream = $3 AND repaired IS NULL),
			(SELECT count(*) FROM `+d.table("agent_orphan")+` WHERE stream = $3)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'`,
		[]any{d.schema, h.Shape.Table, h.Stream}, &size, &estimate, &s.Rejects, &s.Orphans)
	if err != nil {
		return s, err
	}
	if size > countUpTo {
		s.Rows, s.Estimated = estimate, true
		return s, nil
	}
	s.Rows = new(int64)
	return s, d.row(ctx, `SELECT count(*) FROM `+d.table(h.Shape.Table), nil, s.Rows)
}
