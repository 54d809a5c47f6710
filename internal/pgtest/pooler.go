package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pooler starts a real PgBouncer in transaction mode in front of a database and returns the address to use in place of
// databaseURL. It is stopped when the test ends. Its settings are those of a fresh installation: what it refuses here
// (unknown startup parameters, say) it refuses there.
func Pooler(tb testing.TB, databaseURL string) string {
	tb.Helper()
	address, _ := StoppablePooler(tb, databaseURL)
	return address
}

// StoppablePooler is a pooler that stop stops as SIGSTOP does: its connections stay open, and it says nothing.
func StoppablePooler(tb testing.TB, databaseURL string) (address string, stop func()) {
	tb.Helper()
	program, err := findPooler(poolerPlaces)
	if err != nil {
		tb.Fatal(err)
	}
	target, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		tb.Fatalf("parse database URL: %v", err)
	}
	// Another process can take the port between the search and the start.
	const attempts = 3
	for range attempts {
		if address, stop, err = startPooler(tb, program, target); err == nil {
			return address, stop
		}
	}
	tb.Fatalf("start pgbouncer: %v", err)
	return "", nil
}

func startPooler(tb testing.TB, program string, target *pgx.ConnConfig) (address string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	home, err := newDirectory()
	if err != nil {
		return "", nil, err
	}
	command, err := runPooler(home, program, poolerSettings(target, port))
	if err != nil {
		home.remove()
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // how it ended is in its log
	}()
	address = (&url.URL{
		Scheme: "postgres", User: url.User(target.User), Host: "127.0.0.1:" + strconv.Itoa(port),
		Path: "/" + target.Database, RawQuery: "sslmode=disable",
	}).String()
	if err := awaitPooler(address, ended); err != nil {
		err = fmt.Errorf("%w\nlog of pgbouncer:\n%s", err, home.logTail("log"))
		home.remove()
		return "", nil, err
	}
	tb.Cleanup(func() {
		home.remove()
		<-ended
	})
	return address, func() {
		// By the command, since not every system that this compiles for has the signal.
		if out, err := exec.Command("kill", "-STOP", strconv.Itoa(command.Process.Pid)).CombinedOutput(); err != nil {
			tb.Errorf("stop pgbouncer: %v: %s", err, out)
		}
	}, nil
}

func runPooler(home *directory, program, settings string) (*exec.Cmd, error) {
	configuration := filepath.Join(home.path, "pgbouncer.ini")
	if err := os.WriteFile(configuration, []byte(settings), 0o600); err != nil {
		return nil, fmt.Errorf("configure pgbouncer: %w", err)
	}
	if err := home.user.own(configuration); err != nil {
		return nil, fmt.Errorf("configure pgbouncer: %w", err)
	}
	// A file, not a pipe: the test runner would wait for whoever holds its own output open.
	log, err := os.Create(filepath.Join(home.path, "log"))
	if err != nil {
		return nil, fmt.Errorf("create log of pgbouncer: %w", err)
	}
	defer func() { _ = log.Close() }()
	command := home.command(context.Background(), program, configuration)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start pgbouncer: %w", err)
	}
	// Killed: the signals that ask it to end mean different things from one version to the next.
	if err := home.watch(`kill -KILL "$1"`, strconv.Itoa(command.Process.Pid)); err != nil {
		_ = command.Process.Kill()
		_ = command.Wait()
		return nil, err
	}
	return command, nil
}

// poolerSettings logs every client in as the target's user (auth_type any), so that no file of passwords is needed.
func poolerSettings(target *pgx.ConnConfig, port int) string {
	quote := func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
	var text strings.Builder
	fmt.Fprintf(&text, "[databases]\n%s = host=%s port=%d dbname=%s user=%s", target.Database,
		quote(target.Host), target.Port, quote(target.Database), quote(target.User))
	if target.Password != "" {
		fmt.Fprintf(&text, " password=%s", quote(target.Password))
	}
	fmt.Fprintf(&text, "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = any\npool_mode = transaction\n", port)
	return text.String()
}

func awaitPooler(address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		err := run(ctx, address, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("pgbouncer ended at once")
		case <-ctx.Done():
			return fmt.Errorf("wait for pgbouncer: %w", err)
		case <-poll.C:
		}
	}
}
