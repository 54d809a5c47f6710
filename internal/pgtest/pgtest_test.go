package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func connect(tb testing.TB, databaseURL string) *pgx.Conn {
	tb.Helper()
	connection, err := pgx.Connect(tb.Context(), databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

func query[T any](tb testing.TB, connection *pgx.Conn, sql string, arguments ...any) T {
	tb.Helper()
	var value T
	if err := connection.QueryRow(tb.Context(), sql, arguments...).Scan(&value); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return value
}

// eventually polls until the condition holds.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !condition() {
		select {
		case <-deadline:
			tb.Fatalf("not within %s: %s", patience, what)
		case <-poll.C:
		}
	}
}

func TestURLIsOneServerForTheProcess(t *testing.T) {
	first, second := URL(t), URL(t)
	if first != second {
		t.Errorf("two servers: %s, %s", first, second)
	}
	if encoding := query[string](t, connect(t, first), "SHOW server_encoding"); encoding != "UTF8" {
		t.Errorf("encoding %s", encoding)
	}
}

func TestURLFromEnvironment(t *testing.T) {
	const given = "postgres://someone@db.example/tests"
	t.Setenv("TEST_DATABASE_URL", given)
	if got := URL(t); got != given {
		t.Errorf("got %s", got)
	}
}

func TestSchemaIsDropped(t *testing.T) {
	const exists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)"
	connection := connect(t, URL(t))
	var schema string
	t.Run("use", func(t *testing.T) {
		var database string
		database, schema = Schema(t)
		if !query[bool](t, connection, exists, schema) {
			t.Fatal("no schema")
		}
		execute(t, database, "CREATE TABLE "+schema+".listing (key text)")
	})
	if query[bool](t, connection, exists, schema) {
		t.Error("schema is still there")
	}
}

func TestDatabaseIsDroppedUnderAnOpenConnection(t *testing.T) {
	var name string
	t.Run("use", func(t *testing.T) {
		// Not through connect: this one stays open when the database goes.
		connection, err := pgx.Connect(t.Context(), Database(t))
		if err != nil {
			t.Fatal(err)
		}
		name = query[string](t, connection, "SELECT current_database()")
	})
	const exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
	if query[bool](t, connect(t, URL(t)), exists, name) {
		t.Error("database is still there")
	}
}

// TestServerOfAKilledProcess starts this test binary again, kills it while it has a server, and looks for what is left.
func TestServerOfAKilledProcess(t *testing.T) {
	const marker = "PGTEST_HOLD_SERVER"
	if os.Getenv(marker) != "" {
		fmt.Println("server", URL(t))
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), marker+"=1", "TEST_DATABASE_URL=")
	if _, err := command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		_, address, _ = strings.Cut(lines.Text(), "server ")
	}
	parsed, err := url.Parse(address)
	if err != nil || address == "" {
		t.Fatalf("no address: %q, %v", address, err)
	}
	directory := parsed.Query().Get("host")
	connection := connect(t, address)
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	eventually(t, "directory removed", func() bool {
		_, err := os.Stat(directory)
		return errors.Is(err, os.ErrNotExist)
	})
	eventually(t, "server gone", func() bool { return connection.Ping(t.Context()) != nil })
}

func TestAbandonedDirectories(t *testing.T) {
	parent := t.TempDir()
	long := time.Now().Add(-time.Hour)
	directory := func(name string, changed time.Time) string {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		lock, err := lockFile(filepath.Join(path, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "used") {
			t.Cleanup(func() { _ = lock.Close() })
		} else {
			_ = lock.Close()
		}
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keep := []string{
		directory(directoryPrefix+"used", long),
		directory(directoryPrefix+"young", time.Now()),
		directory("another-program", long),
	}
	abandoned := directory(directoryPrefix+"abandoned", long)
	removeAbandoned(parent)
	for _, path := range keep {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(abandoned); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("abandoned directory: %v", err)
	}
}

func TestFindPostgres(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	root := t.TempDir()
	places := []string{filepath.Join(root, "postgresql", "*", "bin")}
	install := func(version string, programs ...string) string {
		directory := filepath.Join(root, "postgresql", version, "bin")
		if err := os.MkdirAll(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, program := range programs {
			if err := os.WriteFile(filepath.Join(directory, program), nil, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return directory
	}
	install("17", "postgres") // incomplete
	if _, err := findPostgres(places); !errors.Is(err, errNoPostgres) {
		t.Errorf("error: %v", err)
	}
	install("9", "initdb", "pg_ctl", "postgres")
	newest := install("16", "initdb", "pg_ctl", "postgres")
	if got, err := findPostgres(places); got != newest || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	// What PATH names comes first, also through a link to one program of the set.
	linked := install("15", "initdb", "pg_ctl", "postgres")
	if err := os.Symlink(filepath.Join(linked, "postgres"), filepath.Join(os.Getenv("PATH"), "postgres")); err != nil {
		t.Fatal(err)
	}
	if got, err := findPostgres(places); got != linked || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestFindPooler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	place := filepath.Join(t.TempDir(), "pgbouncer")
	if _, err := findPooler([]string{place}); !errors.Is(err, errNoPooler) {
		t.Errorf("error: %v", err)
	}
	if err := os.WriteFile(place, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := findPooler([]string{place}); got != place || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}
