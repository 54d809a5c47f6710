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
)

// DefaultAddress is the address that the documentation uses.
const DefaultAddress = "127.0.0.1:9464"

// grace is how long answers under way may take when the server is closed.
const grace = 200 * time.Millisecond

// Server serves a monitor. A nil Server does nothing.
type Server struct {
	listener net.Listener
	http     *http.Server
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// Listen takes the address. One without a host, such as :9464, is the loopback
// address: whoever wants others to read writes 0.0.0.0:9464.
func Listen(ctx context.Context, address string, logger *slog.Logger) (*Server, error) {
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
		listener: listener, stop: func() {},
		http: &http.Server{
			ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
			IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
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
	s.running.Go(func() { _ = s.http.Serve(s.listener) }) // it ends with Close
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
