package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/record"
)

// Keys calls yield with every parent key, in key order.
func (d *Destination) Keys(ctx context.Context, yield func(string) error) error {
	var parts []string
	for _, s := range d.shapes.Listings {
		parts = append(parts, `SELECT `+s.KeyColumn+` FROM `+d.table(s.Table))
	}
	var stopped error // by yield, which is no error of the database
	err := d.within(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, strings.Join(parts, ` UNION `)+` ORDER BY 1`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return err
			}
			if stopped = yield(key); stopped != nil {
				return stopped
			}
		}
		return rows.Err()
	})
	if stopped != nil {
		return stopped
	}
	return wrap("read parent keys", err)
}

// row asks one question that may take long on large tables.
func (d *Destination) row(ctx context.Context, sql string, args []any, into ...any) error {
	return d.within(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(into...) })
}

// Tally counts what the destination holds of a stream.
func (d *Destination) Tally(ctx context.Context, stream string, shape *record.Shape) (t record.Tally, err error) {
	err = d.row(ctx, `SELECT
		(SELECT count(*) FROM `+d.table(shape.Table)+`),
		(SELECT count(*) FROM `+d.table("agent_reject")+` WHERE stream = $1 AND repaired IS NULL),
		(SELECT count(*) FROM `+d.table("agent_orphan")+` WHERE stream = $1)`, []any{stream}, &t.Rows, &t.Rejects, &t.Orphans)
	return t, wrap("count "+stream, err)
}

// HasRows reports whether the stream's table has any row.
func (d *Destination) HasRows(ctx context.Context, shape *record.Shape) (some bool, err error) {
	err = d.row(ctx, `SELECT EXISTS (SELECT 1 FROM `+d.table(shape.Table)+`)`, nil, &some)
	return some, wrap("look at "+shape.Table, err)
}

// Orphans gives parents that children of a stream wait for, in key order, at most
// limit of those behind after.
func (d *Destination) Orphans(ctx context.Context, stream, after string, limit int) ([]string, error) {
	rows, err := d.pool.Query(ctx, `SELECT parent_key FROM `+d.table("agent_orphan")+`
		WHERE stream = $1 AND parent_key > $2 ORDER BY parent_key LIMIT $3`, stream, after, limit)
	if err != nil {
		return nil, wrap("read orphans", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return keys, wrap("read orphans", err)
}

// Rejects gives rejects and repairs of a stream in key order, at most limit of those behind
// after.
func (d *Destination) Rejects(ctx context.Context, stream, after string, limit int) ([]record.Reject, error) {
	rows, err := d.pool.Query(ctx, `SELECT stream, record_key, parent_key, reason, coalesce(repaired, ''), body_bytes, run_id, first_seen_at, last_seen_at
		FROM `+d.table("agent_reject")+` WHERE stream = $1 AND record_key > $2 ORDER BY record_key LIMIT $3`, stream, after, limit)
	if err != nil {
		return nil, wrap("read rejects", err)
	}
	rejects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record.Reject])
	return rejects, wrap("read rejects", err)
}
