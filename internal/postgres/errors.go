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
	switch {
	case errors.As(e.Cause, &pg):
		text := fmt.Sprintf("%s: %s (SQLSTATE %s)", e.Op, pg.Message, pg.Code)
		if hint := hints(pg.Code); hint != "" {
			text += "; " + hint
		}
		return text
	case e.Temporary():
		return fmt.Sprintf("%s: connection to PostgreSQL: %v", e.Op, e.Cause)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// Temporary reports whether trying the same again can help: the connection was
// lost, the server shuts down or is short of something, or another transaction
// was in the way. Everything else (a missing column, a revoked right) stays
// wrong until somebody mends it.
func (e *Error) Temporary() bool {
	if e.SQLSTATE == "" {
		return connectionLost(e.Cause)
	}
	for _, class := range []string{"08", "40", "53", "57P", "55P03"} {
		if strings.HasPrefix(e.SQLSTATE, class) {
			return true
		}
	}
	return false
}

// Kind names the error for counting.
func (e *Error) Kind() string {
	switch {
	case e.SQLSTATE == "" || strings.HasPrefix(e.SQLSTATE, "08"):
		return "database_connection"
	case strings.HasPrefix(e.SQLSTATE, "40"), e.SQLSTATE == "55P03":
		return "database_conflict"
	case strings.HasPrefix(e.SQLSTATE, "53"):
		return "database_resources"
	case strings.HasPrefix(e.SQLSTATE, "57P"):
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
// exceeded, as by JSON that is nested too deeply for the server's stack.
func rowFault(err error) bool {
	var other notARow
	if errors.As(err, &other) {
		return false
	}
	if errors.As(err, new(brokenOff)) {
		return true
	}
	code := sqlstate(err)
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "54")
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
	return errors.As(err, &network) || errors.As(err, &connect) ||
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
		return "grant the agent's user the right, or choose a schema that it owns with --schema"
	case "42P01", "42703":
		return "the tables are not as the agent made them: run 'agent migrate', or restore what was removed"
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
