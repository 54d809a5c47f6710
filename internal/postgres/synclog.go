package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"resoagent/internal/record"
)

// Mirror writes a finished run to SyncLog, once: the row and the run's
// identifier go in together, and a run whose identifier is there was mirrored
// before. record.ErrLost: the destination is another's, whose marks are not to be
// touched; the run waits until it is this agent's again.
func (d *Destination) Mirror(ctx context.Context, r record.Run) error {
	positions, err := json.Marshal(r.Positions)
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	err = d.within(ctx, func(tx pgx.Tx) error {
		if err := d.stillOwner(ctx, tx); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO `+d.table("agent_run")+`
			(run_id, state_id, started_at, finished_at, processed, successful, failed, positions)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb) ON CONFLICT (run_id) DO NOTHING`,
			r.ID, d.owner, r.StartedAt, r.FinishedAt, r.Processed, r.Successful, r.Failed, string(positions))
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		columns := []string{"timestamp", "total_processed", "total_successful", "total_failed"}
		args := []any{r.FinishedAt, clamp(r.Processed), clamp(r.Successful), clamp(r.Failed)}
		places := make([]string, len(args))
		for i := range places {
			places[i] = fmt.Sprintf("$%d", i+1)
		}
		for column, at := range r.Columns {
			columns = append(columns, column)
			if at.IsZero() {
				places = append(places, "("+d.newest(column)+")")
				continue
			}
			args = append(args, at)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		_, err = tx.Exec(ctx, `INSERT INTO `+d.synclog+` (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(places, ", ")+`)`, args...)
		if err != nil {
			return err
		}
		// The passes are accounted for now: also in the copy of the state that a
		// lost state file would be rebuilt from.
		_, err = tx.Exec(ctx, `UPDATE `+d.table("agent_position")+` SET state = state - 'unlogged' WHERE state ? 'unlogged'`)
		return err
	})
	return wrap("write SyncLog", err)
}

// clamp keeps a count within SyncLog's 32-bit columns.
func clamp(n int64) int32 { return int32(min(n, math.MaxInt32)) } //nolint:gosec // bounded on the same line

// newest asks for the newest value of a column of SyncLog.
func (d *Destination) newest(column string) string {
	return `SELECT ` + column + ` FROM ` + d.synclog + `
		WHERE ` + column + ` IS NOT NULL AND isfinite(` + column + `) ORDER BY timestamp DESC, id DESC LIMIT 1`
}

// Newest reads the newest timestamp in each of SyncLog's columns.
func (d *Destination) Newest(ctx context.Context, of []string) (map[string]time.Time, error) {
	out := make(map[string]time.Time)
	for _, column := range of {
		rows, err := d.pool.Query(ctx, d.newest(column))
		if err != nil {
			return nil, wrap("read SyncLog", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[pgtype.Timestamptz])
		if err != nil {
			return nil, wrap("read SyncLog", err)
		}
		if len(found) == 1 {
			out[column] = found[0].Time.UTC()
		}
	}
	return out, nil
}
