package pgtest

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestServerCrashAndRestart(t *testing.T) {
	t.Parallel()
	server := Start(t)
	execute(t, server.URL(), "CREATE TABLE listing (key text)", "INSERT INTO listing VALUES ('kept')")
	transaction, err := connect(t, server.TCPURL()).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transaction.Exec(t.Context(), "INSERT INTO listing VALUES ('lost')"); err != nil {
		t.Fatal(err)
	}

	server.Kill()
	if err := transaction.Commit(t.Context()); err == nil {
		t.Error("commit on a crashed server succeeded")
	}
	if _, err := pgx.Connect(t.Context(), server.TCPURL()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connect to a crashed server: %v", err)
	}
	server.Restart()
	const count = "SELECT string_agg(key, ' ') FROM listing"
	if rows := query[string](t, connect(t, server.TCPURL()), count); rows != "kept" {
		t.Errorf("rows after a crash: %s", rows)
	}

	connection := connect(t, server.URL())
	server.Stop()
	server.Stop() // harmless
	expectShutdown(t, connection)
	server.Restart()
	server.Restart() // one that runs
	if rows := query[string](t, connect(t, server.URL()), count); rows != "kept" {
		t.Errorf("rows after a stop: %s", rows)
	}
}

func TestServersAtOnce(t *testing.T) {
	t.Parallel()
	var servers [2]*Server
	var starts sync.WaitGroup
	for i := range servers {
		starts.Go(func() { servers[i] = Start(t) })
	}
	starts.Wait()
	for _, server := range servers {
		connect(t, server.TCPURL())
	}
}

func TestPoolerSharesConnections(t *testing.T) {
	t.Parallel()
	address := Pooler(t, Database(t))
	first, second := connect(t, address), connect(t, address)
	const backend = "SELECT pg_backend_pid()"
	// Between transactions a client has no connection of its own: the mark of transaction mode.
	mode := pgx.QueryExecModeSimpleProtocol
	if a, b := query[int](t, first, backend, mode), query[int](t, second, backend, mode); a != b {
		t.Errorf("connections %d and %d", a, b)
	}
}

func TestProxyCut(t *testing.T) {
	t.Parallel()
	proxy := NewProxy(t, Database(t))
	connection := connect(t, proxy.URL())
	query[int](t, connection, "SELECT 1")
	proxy.Cut()
	if err := connection.Ping(t.Context()); err == nil {
		t.Error("connection still works")
	}
	query[int](t, connect(t, proxy.URL()), "SELECT 1")
}

func TestProxyRefuse(t *testing.T) {
	t.Parallel()
	proxy := NewProxy(t, Database(t))
	before := connect(t, proxy.URL())
	proxy.Refuse(true)
	if _, err := pgx.Connect(t.Context(), proxy.URL()); err == nil {
		t.Error("connected")
	}
	query[int](t, before, "SELECT 1")
	proxy.Refuse(false)
	connect(t, proxy.URL())
}

func TestProxySwallowsCommit(t *testing.T) {
	t.Parallel()
	database := Database(t)
	proxy := NewProxy(t, database)
	execute(t, proxy.URL(), "CREATE TABLE listing (key text)")
	insert := func(key string) error {
		return pgx.BeginFunc(t.Context(), connect(t, proxy.URL()), func(transaction pgx.Tx) error {
			_, err := transaction.Exec(t.Context(), "INSERT INTO listing VALUES ($1)", key)
			return err
		})
	}
	proxy.SwallowCommit()
	if proxy.Swallowed() != 0 {
		t.Error("swallowed before any commit")
	}
	err := insert("first")
	if _, answered := errors.AsType[*pgconn.PgError](err); err == nil || answered {
		t.Errorf("commit without an answer: %v", err)
	}
	if proxy.Swallowed() != 1 {
		t.Errorf("swallowed %d", proxy.Swallowed())
	}
	if err := insert("second"); err != nil {
		t.Errorf("commit after that: %v", err)
	}
	const rows = "SELECT string_agg(key, ' ' ORDER BY key) FROM listing"
	if got := query[string](t, connect(t, database), rows); got != "first second" {
		t.Errorf("committed: %s", got)
	}
}

// TestProxyHandsOnLastWords makes sure that the error a server sends before it closes a connection arrives.
func TestProxyHandsOnLastWords(t *testing.T) {
	t.Parallel()
	database := Database(t)
	connection := connect(t, NewProxy(t, database).URL())
	execute(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"+
		" WHERE datname = current_database() AND pid <> pg_backend_pid()")
	expectShutdown(t, connection)
}

// expectShutdown reads what the server said before it closed the connection. It sends nothing: a connection that is
// closed at the other end can fail at writing, before anything is read.
func expectShutdown(tb testing.TB, connection *pgx.Conn) {
	tb.Helper()
	_, err := connection.WaitForNotification(tb.Context())
	if last, ok := errors.AsType[*pgconn.PgError](err); !ok || last.Code != "57P01" {
		tb.Errorf("last words of the server: %v", err)
	}
}

// TestProxyFreezes: nothing passes, in any connection, and nothing is lost when it goes on.
func TestProxyFreezes(t *testing.T) {
	t.Parallel()
	database := Database(t)
	execute(t, database, "CREATE TABLE listing (key text)")
	for name, at := range map[string]Moment{"copy": InCopy, "end of copy": EndOfCopy, "commit": Commit, "statement": "'third'"} {
		t.Run(name, func(t *testing.T) {
			execute(t, database, "TRUNCATE listing")
			proxy := NewProxy(t, database)
			one := connect(t, proxy.URL())
			done := make(chan error, 1)
			proxy.FreezeAt(at)
			go func() {
				done <- pgx.BeginFunc(t.Context(), one, func(tx pgx.Tx) error {
					rows := pgx.CopyFromRows([][]any{{"first"}, {"second"}})
					if _, err := tx.CopyFrom(t.Context(), pgx.Identifier{"listing"}, []string{"key"}, rows); err != nil {
						return err
					}
					_, err := tx.Exec(t.Context(), "INSERT INTO listing SELECT 'third' WHERE $1 = 1", 1)
					return err
				})
			}()
			select {
			case err := <-done:
				t.Fatalf("it did not freeze: %v", err)
			case <-proxy.Frozen():
			}
			short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := pgx.Connect(short, proxy.URL()); err == nil {
				t.Error("a new connection gets through")
			}
			if n := query[int](t, connect(t, database), "SELECT count(*) FROM listing"); n != 0 {
				t.Errorf("%d rows are there", n)
			}
			proxy.Thaw()
			if err := <-done; err != nil {
				t.Errorf("when it goes on: %v", err)
			}
			if n := query[int](t, connect(t, database), "SELECT count(*) FROM listing"); n != 3 {
				t.Errorf("%d rows", n)
			}
		})
	}
}
