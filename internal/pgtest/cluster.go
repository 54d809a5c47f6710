package pgtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// socketPort only names the socket where a cluster does not listen on TCP.
const socketPort = 5432

// cluster is one data directory and the server on it.
type cluster struct {
	*directory
	binaries string
	port     int
	tcp      bool
}

// newCluster makes a data directory. With a port the server also listens on the loopback address.
func newCluster(port int) (*cluster, error) {
	binaries, err := findPostgres(postgresPlaces)
	if err != nil {
		return nil, err
	}
	home, err := newDirectory()
	if err != nil {
		return nil, err
	}
	c := &cluster{directory: home, binaries: binaries, port: port, tcp: port != 0}
	if !c.tcp {
		c.port = socketPort
	}
	if err := c.initialise(); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *cluster) initialise() error {
	err := c.tool("initdb", "--pgdata", c.data(), "--auth", "trust", "--username", "postgres", "--encoding", "UTF8",
		"--no-locale", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	listen := ""
	if c.tcp {
		listen = "127.0.0.1"
	}
	// fsync off: these tests crash the server, not the machine, and what was written survives a process.
	settings := fmt.Sprintf("\nlisten_addresses = '%s'\nport = %d\nunix_socket_directories = '%s'\nfsync = off\n",
		listen, c.port, strings.ReplaceAll(c.path, "'", "''"))
	if err := appendTo(filepath.Join(c.data(), "postgresql.conf"), settings); err != nil {
		return fmt.Errorf("configure throwaway Postgres: %w", err)
	}
	return c.watch(`"$1" --pgdata "$2" --mode immediate --silent stop`, filepath.Join(c.binaries, "pg_ctl"), c.data())
}

// start returns when the server takes connections. pg_ctl waits for that, and notices a server that ended instead.
func (c *cluster) start() error {
	err := c.tool("pg_ctl", "--pgdata", c.data(), "--log", filepath.Join(c.path, "log"), "--silent", "--wait", "start")
	if err != nil {
		return fmt.Errorf("%w\nlog of the server:\n%s", err, c.logTail("log"))
	}
	return nil
}

// stop ends the server in one of Postgres's shutdown modes: "fast" or "immediate", the latter being a crash.
func (c *cluster) stop(mode string) error {
	return c.tool("pg_ctl", "--pgdata", c.data(), "--mode", mode, "--silent", "--wait", "stop")
}

func (c *cluster) tool(name string, arguments ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	output, err := c.command(ctx, filepath.Join(c.binaries, name), arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", name, err, output)
	}
	return nil
}

func (c *cluster) data() string { return filepath.Join(c.path, "data") }

func (c *cluster) socketURL() string {
	query := url.Values{"host": {c.path}, "port": {strconv.Itoa(c.port)}, "sslmode": {"disable"}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

func (c *cluster) tcpURL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", c.port)
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// freePort finds a port below those that systems hand to outgoing connections, so that none of these takes it while
// a server that is to come back on it is down.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 15000 + rand.IntN(15000)
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
