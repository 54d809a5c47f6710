package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Error is a database error with what is needed to find its place and to decide
// on it.
type Error struct {
	Op       string // what was being done
	SQLSTATE string // "" for an error of the connection
	Cause    error
}

func (e *Error) Error() string {
	var pg *pgconn.PgError
	var waiting *waits
	switch {
	case errors.As(e.Cause, &waiting):
		return fmt.Sprintf("%s: %v (SQLSTATE %s)", e.Op, waiting, e.SQLSTATE)
	case errors.As(e.Cause, &pg):
		text := fmt.Sprintf("%s: %s%s (SQLSTATE %s)", e.Op, e.during(pg), pg.Message, pg.Code)
		if pg.Code == "2BP01" && pg.Detail != "" { // what depends on it is named there alone
			text += ": " + strings.ReplaceAll(pg.Detail, "\n", ", ")
		}
		if hint := hints(pg.Code); hint != "" {
			text += "; " + hint
		}
		return text
	case e.Temporary():
		return fmt.Sprintf("%s: connection to PostgreSQL: %v", e.Op, e.Cause)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Cause)
}

// during is what the cause says of what was being done, such as which lock was
// waited for; "" for nothing, and for a connection, whose address is long.
func (e *Error) during(pg *pgconn.PgError) string {
	before, ok := strings.CutSuffix(e.Cause.Error(), pg.Error())
	if !ok || errors.As(e.Cause, new(*pgconn.ConnectError)) {
		return ""
	}
	return before
}

func (e *Error) Unwrap() error { return e.Cause }

// Temporary reports whether trying the same again can help: the connection was
// lost or has fallen silent, the server shuts down, is short of something or has
// become a standby, somebody or a time limit has ended statement or session, or
// another transaction was in the way. Everything else (a missing column, a revoked right) stays
// wrong until somebody mends it.
func (e *Error) Temporary() bool {
	if e.SQLSTATE == "" {
		return connectionLost(e.Cause)
	}
	for _, class := range []string{"08", "40", "53", "57", "58", "55P03"} {
		if strings.HasPrefix(e.SQLSTATE, class) {
			return true
		}
	}
	return staleSession(e.SQLSTATE)
}

// staleSession reports whether an error means that this session, and probably
// each of the pool's, is of no use any more, while a new one may be: the server
// has become a standby (25006), or has ended the session (25P03, 25P04, 57P).
func staleSession(code string) bool {
	switch code {
	case "25006", "25P03", "25P04":
		return true
	}
	return strings.HasPrefix(code, "57P")
}

// Kind names the error for counting.
func (e *Error) Kind() string {
	switch {
	case e.SQLSTATE == "" || strings.HasPrefix(e.SQLSTATE, "08"):
		return "database_connection"
	case strings.HasPrefix(e.SQLSTATE, "40"), e.SQLSTATE == "55P03", e.SQLSTATE == "57014":
		return "database_conflict"
	case strings.HasPrefix(e.SQLSTATE, "53"), strings.HasPrefix(e.SQLSTATE, "58"):
		return "database_resources"
	case staleSession(e.SQLSTATE):
		return "database_shutdown"
	}
	return "database"
}

// RetryAfter is how long to wait before the next attempt where the error itself
// tells: a lost race against another transaction is over already.
func (e *Error) RetryAfter() (time.Duration, bool) {
	if strings.HasPrefix(e.SQLSTATE, "40") {
		return 10 * time.Millisecond, true
	}
	return 0, false
}

// rowFault reports whether the error is about the data of some row: SQLSTATE
// classes 22, data exception, 23, integrity constraint, and 54, program limit
// exceeded, as by JSON that is nested too deeply for the server's stack, and
// P0001, which a trigger of the user's raises.
func rowFault(err error) bool {
	var other notARow
	if errors.As(err, &other) {
		return false
	}
	if errors.As(err, new(brokenOff)) {
		return true
	}
	code := sqlstate(err)
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "54") || code == "P0001"
}

func sqlstate(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func connectionLost(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	var silence *Silence
	return errors.As(err, &silence) || errors.As(err, &network) || errors.As(err, &connect) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

func hints(code string) string {
	switch code {
	case "28P01", "28000":
		return "check user and password in --database-url"
	case "3D000":
		return "create the database first"
	case "42501":
		return "grant the agent's user the right, or choose a schema that it owns with --schema; tables are upgraded by 'agent migrate' of their owner"
	case "2BP01":
		return "drop what is of your own there, run again, and make it anew"
	case "55P03":
		return "somebody holds a lock on it: see pg_locks and pg_stat_activity"
	case "42P01", "42703":
		return "the tables are not as the agent made them: run 'agent migrate', or restore what was removed"
	case "25006":
		return "the server takes no writes: it is a standby, or read-only; name the primary in --database-url " +
			"(of several hosts there, target_session_attrs=read-write finds it)"
	case "53300":
		return "allow the agent's user more connections, or use a smaller --parallel"
	case "53100":
		return "the database server's disk is full: make room there"
	}
	return ""
}

// wrap classifies err; a cancelled context stays what it is.
func wrap(op string, err error) error {
	var already *Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return &Error{Op: op, SQLSTATE: sqlstate(err), Cause: err}
}
