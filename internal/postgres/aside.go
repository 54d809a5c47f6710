package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/record"
)

// aside stores what did not become rows, or not as it came: rejects, repairs, and
// the parents of orphans. A record that went in as it came clears what an older one
// of the same key has left there.
func (d *Destination) aside(ctx context.Context, tx pgx.Tx, g *record.Group) error {
	if len(g.Orphans) > 0 {
		_, err := tx.Exec(ctx, `INSERT INTO `+d.table("agent_orphan")+` (stream, parent_key)
			SELECT $1::text, p FROM unnest($2::text[]) p ON CONFLICT DO NOTHING`, g.Stream, g.Orphans)
		if err != nil {
			return err
		}
	}
	for stream, parents := range g.Owed {
		_, err := tx.Exec(ctx, `INSERT INTO `+d.table("agent_orphan")+` (stream, parent_key)
			SELECT $1::text, p FROM unnest($2::text[]) p ON CONFLICT DO NOTHING`, stream, parents)
		if err != nil {
			return err
		}
	}
	for stream, names := range g.Paid {
		_, err := tx.Exec(ctx, `DELETE FROM `+d.table("agent_orphan")+` WHERE stream = $1 AND parent_key = ANY($2::text[])`, stream, names)
		if err != nil {
			return err
		}
	}
	if len(g.Arrived) > 0 {
		_, err := tx.Exec(ctx, `DELETE FROM `+d.table("agent_orphan")+`
			WHERE stream = $1 AND parent_key = ANY($2::text[]) AND parent_key <> ALL($3::text[])`, g.Stream, g.Arrived, append([]string{}, g.Orphans...))
		if err != nil {
			return err
		}
	}
	listed, clean := g.Settled()
	if err := d.clearRejects(ctx, tx, g.Stream, clean); err != nil {
		return err
	}
	return d.putRejects(ctx, tx, g, listed)
}

// clearRejects looks first whether the stream has any rejects, since it mostly
// has none.
func (d *Destination) clearRejects(ctx context.Context, tx pgx.Tx, stream string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	var some bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+d.table("agent_reject")+` WHERE stream = $1)`, stream).Scan(&some)
	if err != nil || !some {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM `+d.table("agent_reject")+` WHERE stream = $1 AND record_key = ANY($2::text[])`, stream, keys)
	return err
}

func (d *Destination) putRejects(ctx context.Context, tx pgx.Tx, g *record.Group, listed []record.Entry) error {
	table := d.table("agent_reject")
	for _, r := range listed {
		reason, repaired, body := r.Listed()
		var rejected *bool // before; nil: it was not there
		err := tx.QueryRow(ctx, `WITH old AS (SELECT repaired IS NULL AS rejected FROM `+table+` WHERE stream = $1 AND record_key = $2)
			INSERT INTO `+table+` AS t
			(stream, record_key, parent_key, reason, repaired, body, body_bytes, run_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (stream, record_key) DO UPDATE SET parent_key = excluded.parent_key, reason = excluded.reason, repaired = excluded.repaired,
			body = excluded.body, body_bytes = excluded.body_bytes, run_id = excluded.run_id, last_seen_at = now()
			RETURNING (SELECT rejected FROM old)`,
			g.Stream, r.RejectKey(), r.Parent, reason, repaired, g.Kept(r.Record, body, record.MostListed), len(body), g.RunID).Scan(&rejected)
		if err != nil {
			return err
		}
		if rejected != nil {
			r.WasListed(*rejected)
		}
	}
	return nil
}
