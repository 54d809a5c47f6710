package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// socketName is the socket's name in the state directory.
const socketName = "agent.sock"

// socketPath is where the agent of a state directory listens. The system limits
// the length of such a path to about 104 bytes; where the directory's is longer,
// the socket lies in a directory of the user's own under the temporary one.
func socketPath(dir string) string {
	path := filepath.Join(dir, socketName)
	if len(path) < 100 {
		return path
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(os.TempDir(), "resoagent-"+strconv.Itoa(os.Getuid()), hex.EncodeToString(sum[:8])+".sock")
}

// serveStatus answers on the socket until the returned function is called: who
// connects gets the status as one JSON document. A run does without a socket
// where none can be had.
func (a *Agent) serveStatus(ctx context.Context) (stop func()) {
	path := socketPath(a.config.StateDir)
	listener, err := listen(ctx, path)
	if err != nil {
		a.notice(true, "'agent status' cannot look into this run: %v", err)
		return func() {}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			serving.Go(func() { a.answer(conn) })
		}
	})
	return func() {
		_ = listener.Close() // removes the socket; nothing is lost if it stays
		serving.Wait()
	}
}

func listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	// One that is left of a process that crashed: the state file's lock, which
	// this process holds, shows that nobody listens there.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	return listener, nil
}

func (a *Agent) answer(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the peer is gone or has its answer
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return
	}
	if out, err := a.statusJSON(); err == nil {
		_, _ = conn.Write(out) // as above
	}
}

// askSocket asks the running agent.
func askSocket(ctx context.Context, dir string) (Status, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socketPath(dir))
	if err != nil {
		return Status{}, fmt.Errorf("ask running agent: %w", err)
	}
	defer conn.Close() //nolint:errcheck // it was only read
	if err := conn.SetDeadline(time.Now().Add(statusPatience)); err != nil {
		return Status{}, fmt.Errorf("ask running agent: %w", err)
	}
	out, err := io.ReadAll(conn)
	if err != nil {
		return Status{}, fmt.Errorf("ask running agent: %w", err)
	}
	var s Status
	if err := json.Unmarshal(out, &s); err != nil {
		return Status{}, fmt.Errorf("ask running agent: %w", err)
	}
	return s, nil
}
