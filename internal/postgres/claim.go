package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/record"
)

// Claim makes the caller the destination's owner and reads the streams' marks.
// The incarnation is raised by one, and with it that of every mark, so that
// whoever owned the destination before is refused at its next commit: both
// write the same row of agent_position, and its lock puts them in order.
//
// What the owner before has left open, in sessions that have not noticed, is ended:
// no claim and no row waits for who is gone. Somebody else's lock is named.
func (d *Destination) Claim(ctx context.Context, o record.Owner, streams []string) ([]record.Mark, error) {
	marks, err := d.claim(ctx, o, streams)
	if sqlstate(err) == lockNotAvailable {
		left, evicting := d.evict(ctx, []string{"agent_owner", "agent_position"}, false)
		if evicting == nil && len(left) == 0 {
			marks, err = d.claim(ctx, o, streams)
		}
		if err != nil {
			err = &waits{left, err}
		}
	}
	if err != nil {
		return nil, wrap("claim destination", err)
	}
	// Whose claim this ends cannot commit any more, but may hold rows. Where that
	// cannot be seen to, the rows are waited for.
	_, _ = d.evict(ctx, d.ownTables(), true)
	return marks, nil
}

// lockNotAvailable is the SQLSTATE of a lock that was not got in time.
const lockNotAvailable = "55P03"

func (d *Destination) claim(ctx context.Context, o record.Owner, streams []string) ([]record.Mark, error) {
	var marks []record.Mark
	var incarnation int64
	err := d.within(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, claimWait.Milliseconds()))
		if err != nil {
			return err
		}
		if incarnation, err = d.raise(ctx, tx, o); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO `+d.table("agent_position")+`
			(stream, sequence, incarnation, position_timestamp, position_key, fingerprint)
			SELECT s, 0, $1, '', '', '' FROM unnest($2::text[]) s ON CONFLICT (stream) DO NOTHING`, incarnation, streams)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, `UPDATE `+d.table("agent_position")+` SET incarnation = $1`, incarnation); err != nil {
			return err
		}
		marks, err = d.marks(ctx, tx)
		return err
	})
	if err == nil {
		d.incarnation, d.owner = incarnation, o.StateID
	}
	return marks, err
}

// raise locks the owner's row, checks the lease and writes the next incarnation.
func (d *Destination) raise(ctx context.Context, tx pgx.Tx, o record.Owner) (int64, error) {
	// The row is made first so that there is always one to lock.
	_, err := tx.Exec(ctx, `INSERT INTO `+d.table("agent_owner")+`
		(id, state_id, host, state_dir, incarnation) VALUES (1, $1, $2, $3, 0) ON CONFLICT (id) DO NOTHING`,
		o.StateID, o.Host, o.StateDir)
	if err != nil {
		return 0, err
	}
	row, left, err := owned(ctx, tx, d.table("agent_owner"), "FOR UPDATE")
	if err != nil {
		return 0, err
	}
	incarnation, err := o.Next(row, left)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `UPDATE `+d.table("agent_owner")+` SET state_id = $1, host = $2, state_dir = $3,
		incarnation = $4, lease_until = clock_timestamp() + make_interval(secs => $5) WHERE id = 1`,
		o.StateID, o.Host, o.StateDir, incarnation, o.Lease.Seconds())
	return incarnation, err
}

// rower is a pool or a transaction.
type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// owned reads the owner's row, and how long its lease still runs.
func owned(ctx context.Context, q rower, table, lock string) (row record.Owned, left time.Duration, err error) {
	var seconds *float64
	err = q.QueryRow(ctx, `SELECT state_id, host, state_dir, incarnation, extract(epoch FROM lease_until - clock_timestamp())::float8
		FROM `+table+` WHERE id = 1 `+lock).Scan(&row.StateID, &row.Host, &row.StateDir, &row.Incarnation, &seconds)
	if seconds != nil {
		left = time.Duration(*seconds * float64(time.Second))
	}
	return row, left, err
}

// Owned tells whose the destination is; nobody's where no agent has claimed it.
func (d *Destination) Owned(ctx context.Context) (record.Owned, error) {
	if err := d.connect(ctx); err != nil {
		return record.Owned{}, err
	}
	row, _, err := owned(ctx, d.pool, d.table("agent_owner"), "")
	if errors.Is(err, pgx.ErrNoRows) || sqlstate(err) == "42P01" { // undefined_table
		return record.Owned{}, nil
	}
	return row, wrap("read owner", err)
}

// stillOwner fails with record.ErrLost where somebody else has claimed the
// destination, and keeps it from being claimed until the transaction ends. Groups
// need no such look: the mark that they move has the incarnation too.
func (d *Destination) stillOwner(ctx context.Context, tx pgx.Tx) error {
	row, _, err := owned(ctx, tx, d.table("agent_owner"), "FOR SHARE")
	if errors.Is(err, pgx.ErrNoRows) || err == nil && row.Incarnation != d.incarnation {
		return record.ErrLost
	}
	return err
}

// Renew prolongs the lease. record.ErrLost: somebody else has taken over.
func (d *Destination) Renew(ctx context.Context, lease time.Duration) error {
	tag, err := d.pool.Exec(ctx, `UPDATE `+d.table("agent_owner")+`
		SET lease_until = clock_timestamp() + make_interval(secs => $1) WHERE id = 1 AND incarnation = $2`,
		lease.Seconds(), d.incarnation)
	if err != nil {
		return wrap("renew lease", err)
	}
	if tag.RowsAffected() == 0 {
		return d.whyNotOurs(ctx)
	}
	return nil
}

// whyNotOurs tells a claim that somebody has taken from one that the database
// has lost.
func (d *Destination) whyNotOurs(ctx context.Context) error {
	var incarnation int64
	err := d.pool.QueryRow(ctx, `SELECT incarnation FROM `+d.table("agent_owner")+` WHERE id = 1`).Scan(&incarnation)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && incarnation < d.incarnation:
		return fmt.Errorf("renew lease: %w", record.ErrRewound)
	case err != nil:
		return wrap("renew lease", err)
	}
	return fmt.Errorf("renew lease: %w", record.ErrLost)
}

// Release gives the lease back at a clean end; a destination that was never
// claimed, or is somebody else's by now, is left alone.
func (d *Destination) Release(ctx context.Context) error {
	if d.incarnation == 0 {
		return nil
	}
	_, err := d.pool.Exec(ctx, `UPDATE `+d.table("agent_owner")+` SET lease_until = NULL
		WHERE id = 1 AND incarnation = $1`, d.incarnation)
	return wrap("release lease", err)
}

// Marks reads the streams' marks without claiming anything; none where the
// tables do not exist yet.
func (d *Destination) Marks(ctx context.Context) ([]record.Mark, error) {
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	marks, err := d.marks(ctx, d.pool)
	if sqlstate(err) == "42P01" { // undefined_table
		return nil, nil
	}
	return marks, wrap("read positions", err)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (d *Destination) marks(ctx context.Context, q querier) ([]record.Mark, error) {
	rows, err := q.Query(ctx, `SELECT stream, sequence, position_timestamp, position_key, fingerprint, state::text
		FROM `+d.table("agent_position")+` ORDER BY stream`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (record.Mark, error) {
		var m record.Mark
		var state *string
		err := row.Scan(&m.Stream, &m.Sequence, &m.Position.Timestamp, &m.Position.Key, &m.Fingerprint, &state)
		if state != nil {
			m.State = []byte(*state)
		}
		return m, err
	})
}

// Applied reports whether a group whose acknowledgement was lost is there. It
// waits for the lost transaction, which holds the mark locked, to be decided.
func (d *Destination) Applied(ctx context.Context, g *record.Group) (bool, error) {
	var applied bool
	err := d.within(ctx, func(tx pgx.Tx) error {
		sequence, incarnation, err := d.lockMark(ctx, tx, g.Stream)
		if err == nil {
			applied, err = g.Applied(sequence, incarnation, d.incarnation)
		}
		return err
	})
	return applied, wrap("look for "+g.Stream, err)
}

// lockMark locks the stream's mark and reads what groups are compared with.
func (d *Destination) lockMark(ctx context.Context, tx pgx.Tx, stream string) (sequence uint64, incarnation int64, err error) {
	err = tx.QueryRow(ctx, `SELECT sequence, incarnation FROM `+d.table("agent_position")+`
		WHERE stream = $1 FOR UPDATE`, stream).Scan(&sequence, &incarnation)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("stream %s has no mark: %w", stream, record.ErrRewound)
	}
	return sequence, incarnation, err
}

func (d *Destination) putMark(ctx context.Context, tx pgx.Tx, m record.Mark) error {
	_, err := tx.Exec(ctx, `UPDATE `+d.table("agent_position")+` SET sequence = $2, position_timestamp = $3,
		position_key = $4, fingerprint = $5, state = $6::text::jsonb, updated_at = now() WHERE stream = $1`,
		m.Stream, m.Sequence, m.Position.Timestamp, m.Position.Key, m.Fingerprint, string(m.State))
	return err
}
