package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What may pass is tried again, what is one row's fault is a reject, and
// everything else stops.
func TestErrorClasses(t *testing.T) {
	for _, test := range []struct {
		err            error
		temporary, row bool
	}{
		{&pgconn.PgError{Code: "08006"}, true, false},
		{&pgconn.PgError{Code: "40P01"}, true, false},
		{&pgconn.PgError{Code: "40001"}, true, false},
		{&pgconn.PgError{Code: "53100"}, true, false},
		{&pgconn.PgError{Code: "57P01"}, true, false},
		{&pgconn.PgError{Code: "55P03"}, true, false},
		{&pgconn.PgError{Code: "25006"}, true, false},
		{&pgconn.PgError{Code: "25P03"}, true, false},
		{&pgconn.PgError{Code: "58030"}, true, false},
		{&pgconn.PgError{Code: "P0001"}, false, true},
		{&pgconn.PgError{Code: "22021"}, false, true},
		{&pgconn.PgError{Code: "23514"}, false, true},
		{&pgconn.PgError{Code: "54001"}, false, true},
		{&pgconn.PgError{Code: "42703"}, false, false},
		{&pgconn.PgError{Code: "42501"}, false, false},
		{&pgconn.PgError{Code: "28P01"}, false, false},
		{&pgconn.PgError{Code: "57014"}, true, false},
		{&pgconn.PgError{Code: "55000"}, false, false},
		{io.ErrUnexpectedEOF, true, false},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, true, false},
		{fmt.Errorf("write failed: %w", net.ErrClosed), true, false},
		{errors.New("anything else"), false, false},
	} {
		var e *Error
		if !errors.As(wrap("test", fmt.Errorf("wrapped: %w", test.err)), &e) {
			t.Fatalf("%v is not wrapped", test.err)
		}
		if e.Temporary() != test.temporary || rowFault(test.err) != test.row {
			t.Errorf("%v: temporary %t, row %t; want %t, %t", test.err, e.Temporary(), rowFault(test.err), test.temporary, test.row)
		}
		if code := sqlstate(test.err); code != "" && !strings.Contains(e.Error(), code) {
			t.Errorf("%q does not name the SQLSTATE", e)
		}
	}
	if err := wrap("test", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

// Who reads an error learns what was being done, and what of his own is in the way.
func TestErrorSaysWhat(t *testing.T) {
	for _, test := range []struct {
		err  error
		want []string
	}{
		{
			fmt.Errorf("migrate to version 6: %w", fmt.Errorf("LOCK TABLE property: %w", &pgconn.PgError{Code: "55P03", Message: "canceling statement"})),
			[]string{"LOCK TABLE property: canceling statement (SQLSTATE 55P03)", "pg_locks"},
		},
		{
			&pgconn.PgError{Code: "2BP01", Message: "cannot drop", Detail: "view mine depends on view listing\nview yours depends on view mine"},
			[]string{"view mine depends on view listing, view yours"},
		},
		{errors.Join(errors.New("more"), &pgconn.PgError{Code: "42601", Message: "syntax"}, errors.New("behind")), []string{"test: syntax"}},
	} {
		text := wrap("test", test.err).Error()
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in %q", want, text)
			}
		}
	}
}

func TestOpenChecksSettings(t *testing.T) {
	for _, o := range []Options{
		{URL: "postgres://u:hunter2@h:bad/x", Schema: "public"},
		{URL: "postgres://h/x", Schema: `a"; DROP`},
		{URL: "postgres://h/x", Schema: "Caps"},
		{URL: "postgres://u:hunter2@h/x?sslmode=nonsense", Schema: "public"},
	} {
		_, err := Open(o)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
