package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Silence is the error of an exchange with a server that did not answer, and did
// not answer on another connection either.
type Silence struct{ After time.Duration }

func (s *Silence) Error() string {
	return fmt.Sprintf("no answer for %s, nor to a question on another connection", s.After.Round(time.Second))
}

// watch looks after connections on which something is waited for. A statement may
// take as long as it takes: an index, a scan of all keys, a lock that somebody
// holds. So silence alone is no fault. What has been silent for a while makes the
// watch ask the server on a connection of its own; where that is not answered
// either, everything that waits is given up. The network's own death is found by
// the kernel (lines.go); this is for what keeps its connections open and does
// nothing: a stopped pooler or server, a proxy that hangs.
type watch struct {
	after  time.Duration // of silence, until it asks, and from one question to the next
	answer time.Duration // that the server has for the question
	doubt  time.Duration // until a connection is given up of which only others work
	begun  time.Time
	ask    func(ctx context.Context, at address, pids []uint32) (working map[uint32]bool, err error)
	dead   func() // is told when the server is given up

	mu   sync.Mutex
	open map[*line]struct{}

	last atomic.Pointer[Silence] // for which a connection was given up
}

// address is where a connection leads.
type address struct{ network, to string }

// line is a connection that the watch looks after.
type line struct {
	net.Conn
	watch *watch
	at    address

	pid    atomic.Uint32 // of the server's process; 0: not known
	idle   atomic.Bool   // in the pool, so nothing is waited for
	waits  atomic.Int32  // reads and writes under way
	moved  atomic.Int64  // when the last one went through, since the watch began
	silent atomic.Pointer[Silence]
}

func (w *watch) add(c net.Conn, at address) *line {
	l := &line{Conn: c, watch: w, at: at}
	l.touch()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[l] = struct{}{}
	return l
}

// closeAll ends every connection, whatever it waits for.
func (w *watch) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.open {
		_ = l.Conn.Close()
	}
}

func (l *line) touch() { l.moved.Store(int64(time.Since(l.watch.begun))) }

func (l *line) Read(p []byte) (int, error) { return l.exchange(p, l.Conn.Read) }

func (l *line) Write(p []byte) (int, error) { return l.exchange(p, l.Conn.Write) }

func (l *line) exchange(p []byte, do func([]byte) (int, error)) (int, error) {
	if l.waits.Add(1) == 1 {
		l.touch()
	}
	n, err := do(p)
	if n > 0 {
		l.touch()
	}
	l.waits.Add(-1)
	if s := l.silent.Load(); err != nil && s != nil {
		err = s
	}
	return n, err
}

func (l *line) Close() error {
	l.watch.mu.Lock()
	delete(l.watch.open, l)
	l.watch.mu.Unlock()
	return l.Conn.Close()
}

// rest says whether the connection is in the pool.
func (l *line) rest(idle bool) {
	l.touch()
	l.idle.Store(idle)
}

// giveUp ends a connection that has not moved since.
func (l *line) giveUp(since int64, after time.Duration) {
	if l.moved.Load() != since || l.waits.Load() == 0 || l.idle.Load() {
		return
	}
	s := &Silence{After: after}
	l.silent.CompareAndSwap(nil, s)
	l.watch.last.Store(s)
	_ = l.Conn.Close()
}

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(w.after / 4)
	defer tick.Stop()
	for next := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if waiting := w.waiting(); len(waiting) > 0 && time.Since(w.begun) >= next {
			w.judge(ctx, waiting)
			next = time.Since(w.begun) + w.after/2
		}
	}
}

// suspect is a connection that has been silent for long.
type suspect struct {
	*line
	since int64
}

// waiting are the suspects that lead to one address.
func (w *watch) waiting() (out []suspect) {
	now := time.Since(w.begun)
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.open {
		since := l.moved.Load()
		if l.waits.Load() > 0 && !l.idle.Load() && now-time.Duration(since) >= w.after && (out == nil || out[0].at == l.at) {
			out = append(out, suspect{l, since})
		}
	}
	return out
}

// judge asks the server about the suspects.
func (w *watch) judge(ctx context.Context, suspects []suspect) {
	pids := make([]uint32, 0, len(suspects))
	for _, s := range suspects {
		if pid := s.pid.Load(); pid != 0 {
			pids = append(pids, pid)
		}
	}
	asking, cancel := context.WithTimeout(ctx, w.answer)
	working, err := w.ask(asking, suspects[0].at, pids)
	cancel()
	if ctx.Err() != nil {
		return
	}
	gone := err != nil && unreachable(err)
	if gone {
		w.dead()
	}
	for _, s := range suspects {
		silent := time.Since(w.begun) - time.Duration(s.since)
		// Others work: it may be the answer that is on its way, or a slow line that
		// still takes what was written to it.
		if gone || silent >= w.doubt && !working[s.pid.Load()] {
			s.giveUp(s.since, silent)
		}
	}
}

// unreachable tells a server that is gone from one that answers, if only to say
// that there are too many connections, and from a fault of this host.
func unreachable(err error) bool {
	var pg *pgconn.PgError
	var dns *net.DNSError
	var doubt *doubtful
	return !errors.As(err, &pg) && !errors.As(err, &dns) && !errors.As(err, &doubt) &&
		!errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE)
}

// doubtful is an error behind a connection that could be made: a pooler that
// waits for the server, or has none to give.
type doubtful struct{ error }

func (d doubtful) Unwrap() error { return d.error }

// askServer connects anew and asks which of the processes work. Where a pooler is
// between, their numbers say nothing, and any answer will do.
func (d *Destination) askServer(ctx context.Context, at address, pids []uint32) (map[uint32]bool, error) {
	config := d.config.ConnConfig.Config.Copy()
	config.ConnectTimeout = 0 // ctx has the limit
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, at.network, at.to)
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.ValidateConnect, config.OnPgError, config.AfterConnect = nil, nil, nil
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	sql := "SELECT 0 WHERE false"
	if len(pids) > 0 {
		sql = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead' AND pid IN (" + list(pids) + ")"
	}
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, &doubtful{err}
	}
	working := map[uint32]bool{0: len(pids) == 0}
	for _, row := range results[0].Rows {
		var pid uint32
		if _, err := fmt.Sscan(string(row[0]), &pid); err != nil {
			return nil, &doubtful{err}
		}
		working[pid] = true
	}
	return working, nil
}

func list(pids []uint32) string {
	text := fmt.Sprint(pids[0])
	for _, pid := range pids[1:] {
		text += fmt.Sprintf(", %d", pid)
	}
	return text
}
