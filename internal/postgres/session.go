package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// leastIdle is how long a transaction may wait between two statements at least:
// groups of a stream take turns inside theirs.
const leastIdle = 5 * time.Second

// setting is a parameter of a session. Those that the server does not know,
// because it is older or no PostgreSQL at heart, are left out.
type setting struct{ name, value string }

// limits are the time limits of the agent's own transactions. Those that role or
// database set are meant for people's queries: an index, a scan of all keys or a
// wait for a lock may take longer, and what hangs is found otherwise. One is put
// in their place: a transaction whose owner says nothing for about a lease ends,
// since the owner's successor would have to wait for it.
func (d *Destination) limits() []setting {
	return []setting{
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"transaction_timeout", "0"},
		{"idle_session_timeout", "0"},
		{"idle_in_transaction_session_timeout", strconv.FormatInt(max(d.lease, leastIdle).Milliseconds(), 10)},
	}
}

// lifeSigns let the server find out within about a lease that this host is gone,
// although it waits for it in the middle of a COPY, or sends to it.
func (d *Destination) lifeSigns() []setting {
	seconds := func(t time.Duration) string { return strconv.Itoa(max(1, int(t.Seconds()))) }
	return []setting{
		{"tcp_keepalives_idle", seconds(d.lease / 3)},
		{"tcp_keepalives_interval", seconds(d.lease / 6)},
		{"tcp_keepalives_count", "3"},
		{"tcp_user_timeout", strconv.FormatInt(max(d.lease, leastIdle).Milliseconds(), 10)},
	}
}

// set is the statement that makes the settings, for the session or for the
// transaction alone.
func set(settings []setting, local bool) string {
	values := make([]string, len(settings))
	for i, s := range settings {
		values[i] = fmt.Sprintf("('%s', '%s')", s.name, s.value)
	}
	return fmt.Sprintf("SELECT set_config(n, v, %t) FROM (VALUES %s) s(n, v) WHERE current_setting(n, true) IS NOT NULL",
		local, strings.Join(values, ", "))
}

// settle makes a new connection the agent's own. It is not called where a pooler
// is between: there the session belongs to whoever comes next, and each
// transaction begins with the limits; the pooler's own keepalive is what finds
// a client that is gone.
func (d *Destination) settle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, set(append(d.limits(), d.lifeSigns()...), false)).ReadAll()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && !staleSession(pg.Code) {
		return nil // a server that refuses them is used as it is
	}
	return err
}

// begin opens a transaction with the agent's limits.
func (d *Destination) begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := d.pool.Begin(ctx)
	if err != nil || !d.pooler {
		return tx, err
	}
	if _, err := tx.Exec(ctx, set(d.limits(), true)); err != nil {
		d.rollback(ctx, tx)
		return nil, err
	}
	return tx, nil
}

// within does fn in a transaction.
func (d *Destination) within(ctx context.Context, fn func(pgx.Tx) error) error {
	tx, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer d.rollback(ctx, tx)
	if err := fn(tx); err != nil {
		return because(tx, err)
	}
	return because(tx, tx.Commit(ctx))
}

// because adds why a connection was closed, which the driver has forgotten by
// the time that it says so.
func because(tx pgx.Tx, err error) error {
	if l := lineOf(tx.Conn()); forgotten(err) && l != nil && l.silent.Load() != nil {
		return l.silent.Load()
	}
	return err
}

// forgotten reports whether an error may only say that a connection was closed.
func forgotten(err error) bool {
	return err != nil && (errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err))
}

// rollbackGrace is how long a rollback may take once nobody waits for its work
// any more.
const rollbackGrace = 300 * time.Millisecond

// rollback ends a transaction that is not committed. The context may be over
// already; the rollback must reach the server all the same, or the connection is
// thrown away. A server that does not answer must not hold up the end.
func (d *Destination) rollback(ctx context.Context, tx pgx.Tx) {
	limited, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(rollbackGrace, cancel) })
	defer stop()
	_ = tx.Rollback(limited)
}

// onError decides, for each error that the server sends, whether the connection
// is good for more. Where a session is of no use any more the others are no
// better: the pool is emptied, and new ones find the new primary.
func (d *Destination) onError(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	if staleSession(err.Code) {
		d.reset()
		return false
	}
	return !strings.EqualFold(err.Severity, "FATAL")
}

// reset closes the connections of the pool: idle ones now, others when they are
// given back.
func (d *Destination) reset() {
	if pool := d.open.Load(); pool != nil {
		pool.Reset()
	}
}
