// Package pgtest gives tests a real Postgres that they may create in, drop from and crash: a throwaway cluster made
// from the binaries of the machine, a real PgBouncer in front of it, and a proxy that loses answers on purpose.
//
// A test that needs one of them fails where it is missing, and says what to install. It never skips: a skipped test
// looks like a passed one.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds everything that is waited for here. It is far more than a loaded machine needs.
const patience = time.Minute

// shared is the cluster that all tests of one test process use. It is package-level state on purpose: a process has one
// only so that tests, which Go starts one by one without a place to pass a value through, need not pay 0.8 s each.
var shared struct {
	once    sync.Once
	cluster *cluster
	err     error
}

// URL returns the address of a Postgres server on which tests may create and drop databases: TEST_DATABASE_URL where it
// is set, otherwise a throwaway cluster, started at the first call and gone with the test process.
func URL(tb testing.TB) string {
	tb.Helper()
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		if !strings.HasPrefix(given, "postgres://") && !strings.HasPrefix(given, "postgresql://") {
			tb.Fatalf("TEST_DATABASE_URL must have the form postgres://user@host:port/database")
		}
		return given
	}
	shared.once.Do(func() {
		// Only a socket, in a directory that nobody else may enter: trust over TCP would let every user of the
		// machine in.
		shared.cluster, shared.err = newCluster(0)
		if shared.err == nil {
			shared.err = shared.cluster.start()
		}
	})
	if shared.err != nil {
		tb.Fatalf("start throwaway Postgres: %v\n"+
			"or set TEST_DATABASE_URL to a server on which tests may create and drop databases", shared.err)
	}
	return shared.cluster.socketURL()
}

// Schema creates an empty schema and returns its name with the address of the database it is in. It is dropped, with
// all that is in it, when the test ends. A schema takes 2 ms, a database 20.
func Schema(tb testing.TB) (databaseURL, schema string) {
	tb.Helper()
	databaseURL, schema = URL(tb), newName()
	execute(tb, databaseURL, "CREATE SCHEMA "+schema)
	tb.Cleanup(func() {
		// A connection that the test left open in a transaction would make this wait for ever.
		execute(tb, databaseURL, "SET lock_timeout = '10s'", "DROP SCHEMA "+schema+" CASCADE")
	})
	return databaseURL, schema
}

// Database creates an empty database and returns its address. It is dropped when the test ends, and connections that
// are still open are closed by force.
func Database(tb testing.TB) string {
	tb.Helper()
	server, name := URL(tb), newName()
	// template1 cannot be copied while somebody is connected to it; nobody can connect to template0.
	execute(tb, server, "CREATE DATABASE "+name+" TEMPLATE template0")
	tb.Cleanup(func() { execute(tb, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	address, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("parse database URL: %v", err)
	}
	address.Path = "/" + name
	return address.String()
}

// newName makes a name that needs no quoting and that no other test, nor one of another process on the same server, has.
func newName() string {
	return "test_" + strings.ToLower(rand.Text()[:16])
}

// execute runs statements on a connection of their own. It takes no context of the test: cleanups run when that is over.
func execute(tb testing.TB, databaseURL string, statements ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := run(ctx, databaseURL, statements...); err != nil {
		tb.Fatal(err)
	}
}

func run(ctx context.Context, databaseURL string, statements ...string) error {
	connection, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect to test database: %w", err)
	}
	defer func() { _ = connection.Close(ctx) }()
	for _, statement := range statements {
		if _, err := connection.Exec(ctx, statement); err != nil {
			return fmt.Errorf("execute %q: %w", statement, err)
		}
	}
	return nil
}
