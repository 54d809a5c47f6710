package postgres

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Limits of silence. Together they stay below the default lease, so that a run
// whose server has fallen silent notices before somebody else may take over.
const (
	askAfter  = 10 * time.Second
	askLeast  = 2 * time.Second
	askAnswer = 10 * time.Second
	askDoubt  = 2 * time.Minute
)

// userTimeout is how long the kernel may send again what nobody acknowledges. It
// counts a server that does not read as well, which may be one that waits for a
// lock in the middle of a COPY; silence is found sooner by the watch.
const userTimeout = 5 * time.Minute

// closeGrace is how long connections have to be closed in good order.
const closeGrace = 200 * time.Millisecond

func (d *Destination) newWatch() *watch {
	return &watch{
		after: min(max(d.lease/3, askLeast), askAfter), answer: askAnswer, doubt: askDoubt,
		begun: time.Now(), ask: d.askServer, dead: d.reset, open: make(map[*line]struct{}),
	}
}

// dial makes a connection that the watch looks after, and that ends with the
// destination whatever it waits for.
func (d *Destination) dial(ctx context.Context, network, to string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	conn, err := dialer.DialContext(ctx, network, to)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		limitResending(tcp, userTimeout)
	}
	return d.watch.add(conn, address{network, to}), nil
}

// lineOf is the connection below pgx and TLS.
func lineOf(conn *pgx.Conn) *line {
	c := conn.PgConn().Conn()
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	l, _ := c.(*line)
	return l
}

// rest tells the watch that a connection is in use or in the pool.
func rest(conn *pgx.Conn, idle bool) {
	if l := lineOf(conn); l != nil {
		l.rest(idle)
	}
}

// watched makes a pool's connections known to the watch.
func (d *Destination) watched(config *pgxpool.Config) {
	settle := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if l := lineOf(conn); l != nil && !d.pooler {
			l.pid.Store(conn.PgConn().PID())
		}
		if settle == nil {
			return nil
		}
		return settle(ctx, conn)
	}
	// The pool asks this of each connection that it is about to give, before it
	// pings it, which is waited for like any other answer.
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		rest(p.Conn, false)
		return p.IdleDuration > time.Second
	}
	config.AfterRelease = func(conn *pgx.Conn) bool {
		rest(conn, true)
		return true
	}
}

// Close closes all connections: in good order where the server answers, and in
// any case soon.
func (d *Destination) Close() error {
	d.connecting.Lock()
	defer d.connecting.Unlock()
	defer d.watching.Wait()
	defer d.end()
	if d.pool == nil {
		return nil
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		d.pool.Close()
	}()
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	for {
		select {
		case <-closed:
			return nil
		case <-grace.C:
		}
		// What is under way fails now: nobody waits for it any more.
		d.end()
		d.watch.closeAll()
		grace.Reset(closeGrace / 10)
	}
}
