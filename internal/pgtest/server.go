package pgtest

import "testing"

// Server is a cluster that one test has for itself, to stop, crash and bring back. It is made for tests that do so;
// others share the one of URL. It never is the server of TEST_DATABASE_URL.
type Server struct {
	tb      testing.TB
	cluster *cluster
	running bool
}

// Start makes a cluster and starts its server. It is gone when the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	// Another process can take the port between the search and the start.
	const attempts = 3
	var err error
	for range attempts {
		var port int
		if port, err = freePort(); err != nil {
			break
		}
		var made *cluster
		if made, err = newCluster(port); err != nil {
			break
		}
		if err = made.start(); err == nil {
			tb.Cleanup(made.remove)
			return &Server{tb: tb, cluster: made, running: true}
		}
		made.remove()
	}
	tb.Fatalf("start throwaway Postgres: %v", err)
	return nil
}

// URL returns the server's address on its Unix socket.
func (s *Server) URL() string { return s.cluster.socketURL() }

// TCPURL returns the server's address on the loopback interface. While the server is down a connection is refused there,
// as it would be with a server on another host; on the socket the error is a different one.
func (s *Server) TCPURL() string { return s.cluster.tcpURL() }

// Stop shuts the server down in good order: open transactions are rolled back, connections end with SQLSTATE 57P01.
func (s *Server) Stop() {
	s.tb.Helper()
	s.end("fast")
}

// Kill crashes the server: it writes nothing more, and has to recover from its log at the next start.
func (s *Server) Kill() {
	s.tb.Helper()
	s.end("immediate")
}

// Restart brings the server back on the same data and the same addresses; one that still runs is stopped first.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	if err := s.cluster.start(); err != nil {
		s.tb.Fatalf("restart throwaway Postgres: %v", err)
	}
	s.running = true
}

func (s *Server) end(mode string) {
	s.tb.Helper()
	if !s.running {
		return
	}
	if err := s.cluster.stop(mode); err != nil {
		s.tb.Fatalf("stop throwaway Postgres: %v", err)
	}
	s.running = false
}
