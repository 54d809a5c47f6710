package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"resoagent/internal/record"
)

// instant is the text form of the agent's own timestamps.
const instant = "2006-01-02T15:04:05.000Z"

func now() string { return time.Now().UTC().Format(instant) }

// transaction runs fn in one transaction.
func (d *Destination) transaction(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return room(d.path, err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return room(d.path, err)
	}
	if err := d.there(); err != nil {
		return err
	}
	return room(d.path, tx.Commit())
}

// Claim makes the caller the destination's owner and reads the streams' marks.
// The incarnation is raised, so that whoever owned the destination before is
// refused at its next commit.
func (d *Destination) Claim(ctx context.Context, o record.Owner, streams []string) ([]record.Mark, error) {
	var marks []record.Mark
	var incarnation int64
	err := d.transaction(ctx, func(tx *sql.Tx) error {
		var err error
		if incarnation, err = raise(ctx, tx, o); err != nil {
			return err
		}
		for _, s := range streams {
			_, err := tx.ExecContext(ctx, `INSERT INTO agent_position
				(stream, sequence, incarnation, position_timestamp, position_key, fingerprint, updated_at)
				VALUES (?, 0, ?, '', '', '', ?) ON CONFLICT (stream) DO NOTHING`, s, incarnation, now())
			if err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE agent_position SET incarnation = ?`, incarnation); err != nil {
			return err
		}
		marks, err = readMarks(ctx, tx)
		return err
	})
	if err != nil {
		return nil, wrap("claim destination", err)
	}
	d.incarnation, d.owner = incarnation, o.StateID
	return marks, nil
}

func raise(ctx context.Context, tx *sql.Tx, o record.Owner) (int64, error) {
	row, left, err := owned(ctx, tx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	incarnation, err := o.Next(row, left)
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO agent_owner (id, state_id, host, state_dir, incarnation, lease_until)
		VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state_id = excluded.state_id, host = excluded.host,
		state_dir = excluded.state_dir, incarnation = excluded.incarnation, lease_until = excluded.lease_until`,
		o.StateID, o.Host, o.StateDir, incarnation, time.Now().UTC().Add(o.Lease).Format(instant))
	return incarnation, err
}

// rower is a database or a transaction.
type rower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// owned reads the owner's row, and how long its lease still runs.
func owned(ctx context.Context, q rower) (row record.Owned, left time.Duration, err error) {
	var lease sql.NullString
	err = q.QueryRowContext(ctx, `SELECT state_id, host, state_dir, incarnation, lease_until FROM agent_owner WHERE id = 1`).
		Scan(&row.StateID, &row.Host, &row.StateDir, &row.Incarnation, &lease)
	if until, err := time.Parse(instant, lease.String); err == nil {
		left = time.Until(until)
	}
	return row, left, err
}

// Owned tells whose the destination is; nobody's where no agent has claimed it.
func (d *Destination) Owned(ctx context.Context) (record.Owned, error) {
	var n int
	err := d.db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'agent_owner'`).Scan(&n)
	if err != nil || n == 0 {
		return record.Owned{}, wrap("read owner", err)
	}
	row, _, err := owned(ctx, d.db)
	if errors.Is(err, sql.ErrNoRows) {
		return record.Owned{}, nil
	}
	return row, wrap("read owner", err)
}

// stillOwner fails with record.ErrLost where somebody else has claimed the
// destination. Groups need no such look: the mark that they move has the
// incarnation too.
func (d *Destination) stillOwner(ctx context.Context, tx *sql.Tx) error {
	row, _, err := owned(ctx, tx)
	if errors.Is(err, sql.ErrNoRows) || err == nil && row.Incarnation != d.incarnation {
		return record.ErrLost
	}
	return err
}

// Renew prolongs the lease. record.ErrLost: somebody else has taken over.
func (d *Destination) Renew(ctx context.Context, lease time.Duration) error {
	result, err := d.db.ExecContext(ctx, `UPDATE agent_owner SET lease_until = ? WHERE id = 1 AND incarnation = ?`,
		time.Now().UTC().Add(lease).Format(instant), d.incarnation)
	if err != nil {
		return wrap("renew lease", err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("renew lease: %w", record.ErrLost)
	}
	return nil
}

// Release gives the lease back at a clean end.
func (d *Destination) Release(ctx context.Context) error {
	if d.incarnation == 0 {
		return nil
	}
	_, err := d.db.ExecContext(ctx, `UPDATE agent_owner SET lease_until = NULL WHERE id = 1 AND incarnation = ?`, d.incarnation)
	return wrap("release lease", err)
}

// Marks reads the streams' marks without claiming anything; none where the
// tables do not exist yet.
func (d *Destination) Marks(ctx context.Context) ([]record.Mark, error) {
	var n int
	err := d.db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'agent_position'`).Scan(&n)
	if err != nil || n == 0 {
		return nil, wrap("read positions", err)
	}
	marks, err := readMarks(ctx, d.db)
	return marks, wrap("read positions", err)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readMarks(ctx context.Context, q querier) ([]record.Mark, error) {
	rows, err := q.QueryContext(ctx, `SELECT stream, sequence, position_timestamp, position_key, fingerprint, state
		FROM agent_position ORDER BY stream`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var marks []record.Mark
	for rows.Next() {
		var m record.Mark
		var state sql.NullString
		if err := rows.Scan(&m.Stream, &m.Sequence, &m.Position.Timestamp, &m.Position.Key, &m.Fingerprint, &state); err != nil {
			return nil, err
		}
		if state.Valid {
			m.State = []byte(state.String)
		}
		marks = append(marks, m)
	}
	return marks, rows.Err()
}

// Applied reports whether a group is there whose commit gave an error. SQLite's
// errors say that it is not, so this is asked for the sake of the contract alone.
func (d *Destination) Applied(ctx context.Context, g *record.Group) (applied bool, err error) {
	err = d.transaction(ctx, func(tx *sql.Tx) error {
		sequence, incarnation, err := readMark(ctx, tx, g.Stream)
		if err == nil {
			applied, err = g.Applied(sequence, incarnation, d.incarnation)
		}
		return err
	})
	return applied, wrap("look for "+g.Stream, err)
}

// readMark reads what groups are compared with.
func readMark(ctx context.Context, tx *sql.Tx, stream string) (sequence uint64, incarnation int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT sequence, incarnation FROM agent_position WHERE stream = ?`, stream).Scan(&sequence, &incarnation)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("stream %s has no mark: %w", stream, record.ErrRewound)
	}
	return sequence, incarnation, err
}

func putMark(ctx context.Context, tx *sql.Tx, m record.Mark) error {
	_, err := tx.ExecContext(ctx, `UPDATE agent_position SET sequence = ?, position_timestamp = ?, position_key = ?,
		fingerprint = ?, state = ?, updated_at = ? WHERE stream = ?`,
		m.Sequence, m.Position.Timestamp, m.Position.Key, m.Fingerprint, string(m.State), now(), m.Stream)
	return err
}
