package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// claimWait is how long a claim waits for somebody's lock before it says for whose.
const claimWait = 3 * time.Second

// gone is how long sessions that are told to end have for it.
const gone = 2 * time.Second

// holder is a session that has written to tables of the agent's, or locked them, in a
// transaction that is open.
type holder struct {
	PID         int32
	Application string
	User        string
	Host        string // "" for this host, or where this user may not know
	Since       *time.Time
	Ours        bool // of the same user and application name
}

func (h holder) String() string {
	text := fmt.Sprintf("session %d of user %s (application %q", h.PID, h.User, h.Application)
	if h.Host != "" {
		text += ", from " + h.Host
	}
	if h.Since != nil {
		text += ", in a transaction since " + h.Since.UTC().Format(time.RFC3339)
	}
	return text + ")"
}

// waits is the error of a claim that did not get its locks.
type waits struct {
	holders []holder
	error
}

func (w *waits) Unwrap() error { return w.error }

func (w *waits) Error() string {
	if len(w.holders) == 0 {
		return w.error.Error()
	}
	texts := make([]string, len(w.holders))
	for i, h := range w.holders {
		texts[i] = h.String()
	}
	return fmt.Sprintf("waits for %s; it goes on when that ends, or is ended with SELECT pg_terminate_backend(%d)",
		strings.Join(texts, " and "), w.holders[0].PID)
}

// holders finds them. The locks that only readers and VACUUM have are in nobody's
// way.
func (d *Destination) holders(ctx context.Context, tx pgx.Tx, tables []string) ([]holder, error) {
	rows, err := tx.Query(ctx, `SELECT a.pid, COALESCE(a.application_name, ''), COALESCE(a.usename::text, ''),
			COALESCE(host(a.client_addr), ''), a.xact_start,
			a.usename = session_user AND a.application_name = current_setting('application_name')
		FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND EXISTS (
			SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND n.nspname = $1 AND c.relname = ANY ($2)
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND l.mode NOT IN ('AccessShareLock', 'ShareUpdateExclusiveLock'))
		ORDER BY a.xact_start`, d.schema, tables)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[holder])
}

// evict ends the sessions of agents that are no owners any more: their commits
// would be refused, and who stopped, or was cut off, in the middle of a
// transaction would hold its locks for ever. It gives those that are left. Only
// sessions of the same user and application name are ended, and those only when
// the lease has run out or the caller has the claim.
func (d *Destination) evict(ctx context.Context, tables []string, claimed bool) (left []holder, err error) {
	deadline := time.Now().Add(gone)
	for {
		var own int
		err = d.within(ctx, func(tx pgx.Tx) error {
			if left, err = d.holders(ctx, tx, tables); err != nil || len(left) == 0 {
				return err
			}
			ownerless := claimed
			if !claimed {
				row := tx.QueryRow(ctx, `SELECT COALESCE((SELECT lease_until < clock_timestamp() FROM `+d.table("agent_owner")+` WHERE id = 1), true)`)
				if err := row.Scan(&ownerless); err != nil {
					return err
				}
			}
			own = 0
			for _, h := range left {
				if !ownerless || !h.Ours {
					continue
				}
				own++
				if _, err := tx.Exec(ctx, `SELECT pg_terminate_backend($1)`, h.PID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || own == 0 || time.Now().After(deadline) {
			return left, err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return left, err
		}
	}
}
