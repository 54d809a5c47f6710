package pgtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy stands between a client and a Postgres server on TCP and does what networks do: it drops connections, refuses
// them, loses the one answer that matters most, and falls silent (freeze.go).
type Proxy struct {
	listener        net.Listener
	url             string
	network, target string
	workers         sync.WaitGroup

	mu        sync.Mutex
	open      map[net.Conn]struct{}
	refusing  bool
	armed     bool
	swallowed int

	freezer freezer
}

// NewProxy starts a proxy in front of the server of databaseURL. It ends, with its connections, when the test ends.
func NewProxy(tb testing.TB, databaseURL string) *Proxy {
	tb.Helper()
	target, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		tb.Fatalf("parse database URL: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen for proxy: %v", err)
	}
	p := &Proxy{listener: listener, open: make(map[net.Conn]struct{}), freezer: newFreezer()}
	p.network, p.target = pgconn.NetworkAddress(target.Host, target.Port)
	user := url.User(target.User)
	if target.Password != "" {
		user = url.UserPassword(target.User, target.Password)
	}
	// Without encryption, or there would be nothing to read.
	p.url = (&url.URL{
		Scheme: "postgres", User: user, Host: listener.Addr().String(),
		Path: "/" + target.Database, RawQuery: "sslmode=disable",
	}).String()
	p.workers.Go(p.accept)
	tb.Cleanup(func() {
		_ = listener.Close()
		p.Refuse(true)
		p.Cut()
		p.Thaw()
		p.Cut() // what a thaw let in
		p.workers.Wait()
	})
	return p
}

// URL returns the address to use in place of the database's own.
func (p *Proxy) URL() string { return p.url }

// Cut drops all connections that are open now. The server rolls back what they had not committed.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for connection := range p.open {
		hangUp(connection)
	}
}

// Refuse says whether new connections are turned away from now on. Open ones stay.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = refuse
}

// SwallowCommit loses the server's answer to the next COMMIT, on whichever connection it is: the transaction is
// committed, the connection breaks, and the client cannot know. Once a call; the COMMIT after that is answered.
func (p *Proxy) SwallowCommit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = true
}

// Swallowed counts the answers lost so far.
func (p *Proxy) Swallowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.swallowed
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.workers.Go(func() { p.serve(client) })
	}
}

// serve carries one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	if !p.enter(client) {
		hangUp(client)
		return
	}
	defer p.leave(client)
	p.freezer.wait()
	server, err := net.Dial(p.network, p.target)
	if err != nil {
		return
	}
	if !p.enter(server) {
		hangUp(server)
		return
	}
	defer p.leave(server)
	upward := make(chan struct{})
	go func() {
		defer close(upward)
		p.ask(server, client)
		p.freezer.wait() // nobody hears of an end either
		_ = server.Close()
	}()
	swallowed := p.answer(client, server)
	p.freezer.wait()
	if swallowed {
		hangUp(client)
	}
	_ = client.Close()
	<-upward
}

// answer carries the server's messages (a type, a length that counts itself, a body) until the connection ends, or until
// it has swallowed one. What came in one piece goes on in one: PgBouncer gives a server up whose login comes in several.
func (p *Proxy) answer(client io.Writer, server io.Reader) (swallowed bool) {
	const commandComplete, commit = 'C', "COMMIT\x00"
	in, out := bufio.NewReaderSize(server, 1<<16), bufio.NewWriterSize(client, 1<<16)
	defer func() { _ = out.Flush() }() // the last words
	var header [5]byte
	for {
		if in.Buffered() < len(header) {
			if err := out.Flush(); err != nil {
				return false
			}
		}
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return false
		}
		body := io.LimitReader(in, int64(binary.BigEndian.Uint32(header[1:]))-4)
		if header[0] == commandComplete {
			tag, err := io.ReadAll(body)
			if err != nil {
				return false
			}
			if string(tag) == commit && p.swallow() {
				return true
			}
			body = bytes.NewReader(tag)
		}
		p.freezer.wait()
		if _, err := out.Write(header[:]); err != nil {
			return false
		}
		if _, err := io.Copy(out, body); err != nil {
			return false
		}
	}
}

func (p *Proxy) swallow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.armed {
		return false
	}
	p.armed = false
	p.swallowed++
	return true
}

func (p *Proxy) enter(connection net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.refusing {
		p.open[connection] = struct{}{}
	}
	return !p.refusing
}

func (p *Proxy) leave(connection net.Conn) {
	p.mu.Lock()
	delete(p.open, connection)
	p.mu.Unlock()
	_ = connection.Close()
}

// hangUp closes without a goodbye, as a network that breaks does.
func hangUp(connection net.Conn) {
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
