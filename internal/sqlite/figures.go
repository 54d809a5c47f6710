package sqlite

import (
	"context"

	"resoagent/internal/record"
)

// countUpTo is how large the file may be for its rows to be counted at the end of each
// run. SQLite keeps no statistics of its own; in a larger file the last count stands.
const countUpTo = 512 << 20

// Figures tells what the destination holds, and how large it is.
func (d *Destination) Figures(ctx context.Context, of []record.Holding) (f record.Figures, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT (SELECT count(DISTINCT parent_key) FROM agent_orphan WHERE stream NOT LIKE ? || '%'),
		(SELECT count(*) FROM agent_reject WHERE repaired IS NULL),
		(SELECT count(*) FROM agent_reject WHERE repaired IS NOT NULL),
		(SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size())`, record.DebtPrefix).Scan(&f.OrphanParents, &f.Rejects, &f.Repaired, &f.Bytes)
	if err != nil {
		return f, wrap("look at destination", err)
	}
	f.Streams = make(map[string]record.Stock)
	for _, h := range of {
		var s record.Stock
		err := d.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM agent_reject WHERE stream = ? AND repaired IS NULL),
			(SELECT count(*) FROM agent_orphan WHERE stream = ?)`, h.Stream, h.Stream).Scan(&s.Rejects, &s.Orphans)
		if err == nil && f.Bytes <= countUpTo {
			s.Rows = new(int64)
			err = d.db.QueryRowContext(ctx, `SELECT count(*) FROM `+h.Shape.Table).Scan(s.Rows)
		}
		if err != nil {
			return f, wrap("look at "+h.Stream, err)
		}
		f.Streams[h.Stream] = s
	}
	return f, nil
}
