package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"resoagent/internal/record"
)

// Keys calls yield with every parent key, in key order.
func (d *Destination) Keys(ctx context.Context, yield func(string) error) error {
	var parts []string
	for _, s := range d.shapes.Listings {
		parts = append(parts, `SELECT `+s.KeyColumn+` FROM `+s.Table)
	}
	rows, err := d.db.QueryContext(ctx, strings.Join(parts, ` UNION `)+` ORDER BY 1`)
	if err != nil {
		return wrap("read parent keys", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return wrap("read parent keys", err)
		}
		if err := yield(key); err != nil {
			return err
		}
	}
	return wrap("read parent keys", rows.Err())
}

// Tally counts what the destination holds of a stream.
func (d *Destination) Tally(ctx context.Context, stream string, shape *record.Shape) (t record.Tally, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM `+shape.Table+`),
		(SELECT count(*) FROM agent_reject WHERE stream = ? AND repaired IS NULL),
		(SELECT count(*) FROM agent_orphan WHERE stream = ?)`, stream, stream).Scan(&t.Rows, &t.Rejects, &t.Orphans)
	return t, wrap("count "+stream, err)
}

// HasRows reports whether the stream's table has any row.
func (d *Destination) HasRows(ctx context.Context, shape *record.Shape) (some bool, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+shape.Table+`)`).Scan(&some)
	return some, wrap("look at "+shape.Table, err)
}

// Orphans gives parents that children of a stream wait for, in key order, at most
// limit of those behind after.
func (d *Destination) Orphans(ctx context.Context, stream, after string, limit int) ([]string, error) {
	rows, err := d.db.QueryContext(ctx, `SELECT parent_key FROM agent_orphan
		WHERE stream = ? AND parent_key > ? ORDER BY parent_key LIMIT ?`, stream, after, limit)
	if err != nil {
		return nil, wrap("read orphans", err)
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, wrap("read orphans", err)
		}
		keys = append(keys, key)
	}
	return keys, wrap("read orphans", rows.Err())
}

// Rejects gives rejects and repairs of a stream in key order, at most limit of those behind
// after.
func (d *Destination) Rejects(ctx context.Context, stream, after string, limit int) (rejects []record.Reject, err error) {
	rows, err := d.db.QueryContext(ctx, `SELECT stream, record_key, parent_key, reason, coalesce(repaired, ''), body_bytes, run_id, first_seen_at, last_seen_at
		FROM agent_reject WHERE stream = ? AND record_key > ? ORDER BY record_key LIMIT ?`, stream, after, limit)
	if err != nil {
		return nil, wrap("read rejects", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r record.Reject
		var first, last string
		if err := rows.Scan(&r.Stream, &r.Key, &r.Parent, &r.Reason, &r.Repaired, &r.Bytes, &r.RunID, &first, &last); err != nil {
			return nil, wrap("read rejects", err)
		}
		if r.FirstSeen, err = time.Parse(time.RFC3339, first); err == nil {
			r.LastSeen, err = time.Parse(time.RFC3339, last)
		}
		if err != nil {
			return nil, wrap("read rejects", err)
		}
		rejects = append(rejects, r)
	}
	return rejects, wrap("read rejects", rows.Err())
}

// Mirror writes a finished run to SyncLog, once.
func (d *Destination) Mirror(ctx context.Context, r record.Run) error {
	positions, err := json.Marshal(r.Positions)
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	err = d.transaction(ctx, func(tx *sql.Tx) error {
		if err := d.stillOwner(ctx, tx); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `INSERT INTO agent_run
			(run_id, state_id, started_at, finished_at, processed, successful, failed, positions)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING`, r.ID, d.owner, r.StartedAt.UTC().Format(instant),
			r.FinishedAt.UTC().Format(instant), r.Processed, r.Successful, r.Failed, string(positions))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		columns := []string{"timestamp", "total_processed", "total_successful", "total_failed"}
		args := []any{r.FinishedAt.UTC().Format(instant), clamp(r.Processed), clamp(r.Successful), clamp(r.Failed)}
		places := strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")
		for column, at := range r.Columns {
			columns = append(columns, column)
			if at.IsZero() {
				places += ", (" + newest(column) + ")"
				continue
			}
			args = append(args, at.UTC().Format(instant))
			places += ", ?"
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO SyncLog (`+strings.Join(columns, ", ")+`) VALUES (`+places+`)`, args...)
		if err != nil {
			return err
		}
		// The passes are accounted for now: also in the copy of the state that a
		// lost state file would be rebuilt from.
		_, err = tx.ExecContext(ctx, `UPDATE agent_position SET state = json_remove(state, '$.unlogged') WHERE state IS NOT NULL`)
		return err
	})
	return wrap("write SyncLog", err)
}

// clamp keeps a count within the 32-bit columns that SyncLog has in PostgreSQL.
func clamp(n int64) int64 { return min(n, math.MaxInt32) }

// newest asks for the newest value of a column of SyncLog.
func newest(column string) string {
	return `SELECT ` + column + ` FROM SyncLog WHERE ` + column + ` IS NOT NULL ORDER BY timestamp DESC, id DESC LIMIT 1`
}

// Newest reads the newest timestamp in each of SyncLog's columns.
func (d *Destination) Newest(ctx context.Context, of []string) (map[string]time.Time, error) {
	out := make(map[string]time.Time)
	for _, column := range of {
		var text string
		err := d.db.QueryRowContext(ctx, newest(column)).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, wrap("read SyncLog", err)
		}
		at, err := record.ParseTimestamp(text)
		if err != nil {
			continue // an older program's own notation: as if it were not there
		}
		out[column] = at
	}
	return out, nil
}
