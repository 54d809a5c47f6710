package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"resoagent/agent"
)

// DefaultAddress is the address that the documentation uses.
const DefaultAddress = "127.0.0.1:9464"

// grace is how long answers under way may take when the server is closed.
const grace = 200 * time.Millisecond

// Waits before an address is taken again whose listener has died.
const (
	firstWait = 100 * time.Millisecond
	mostWait  = 30 * time.Second
)

// Server serves a monitor. A nil Server does nothing.
type Server struct {
	listener net.Listener // the first one
	http     *http.Server
	stop     context.CancelFunc
	running  sync.WaitGroup
	notice   func(agent.Notice)
}

// Listen takes the address. One without a host, such as :9464, is the loopback
// address: whoever wants others to read writes 0.0.0.0:9464.
// notice is told when the listener dies, and when there is one again.
func Listen(ctx context.Context, address string, logger *slog.Logger, notice func(agent.Notice)) (*Server, error) {
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w; write it as HOST:PORT, such as %s", err, DefaultAddress)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("%w; choose another address", err)
	}
	return &Server{
		listener: listener, stop: func() {}, notice: notice,
		http: &http.Server{
			ReadHeaderTimeout: 3 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
			IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
			ConnState: newCrowd().changed,
		},
	}, nil
}

// Address is where the server listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Loopback reports whether this host alone can reach it.
func (s *Server) Loopback() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// Serve answers from now on, and begins to take samples, until Close.
func (s *Server) Serve(m *Monitor, subject Subject) {
	if s == nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http.Handler = m.Handler(subject)
	if s.Loopback() {
		s.http.Handler = local(s.http.Handler)
	}
	s.running.Go(func() { m.course.run(ctx, m.options.Now) })
	s.running.Go(func() { s.serve(ctx, s.listener) })
}

// serve answers until Close. The server itself waits out errors that pass, such as
// too many open files; a listener that cannot be used any more is told of and
// replaced, since a sync that nobody can watch is still worth more than none.
func (s *Server) serve(ctx context.Context, listener net.Listener) {
	for {
		err := s.http.Serve(listener)
		if errors.Is(err, http.ErrServerClosed) || ctx.Err() != nil {
			return
		}
		_ = listener.Close()
		s.notice(agent.Notice{Warning: true, Text: fmt.Sprintf("http://%s is not served any more: %v; it is tried again", s.Address(), err)})
		for wait := firstWait; ; wait = min(2*wait, mostWait) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address()); err == nil {
				break
			}
		}
		s.notice(agent.Notice{Text: "serving http://" + s.Address() + " again"})
	}
}

// Close stops the server. Answers under way have a moment to end.
func (s *Server) Close() error {
	if s == nil {
		return nil
	}
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	_ = s.listener.Close() // for a server that never served; else it is closed already
	s.running.Wait()
	if err != nil {
		return fmt.Errorf("close HTTP server: %w", err)
	}
	return nil
}
