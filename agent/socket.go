package agent

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"resoagent/internal/disk"
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

// The questions that the socket answers, each with one JSON document. Who asks
// nothing gets the status: older programs do not ask.
const (
	askStatus  = "status"
	askHistory = "history"
)

// patience is how long the socket waits for the question.
const patience = time.Second

// errOtherVersion: the agent that runs is not of this program's version and
// gives another answer.
var errOtherVersion = errors.New("the agent that runs is of another version and does not know the question; restart it with this program")

// serve answers on the socket until the returned function is called. An agent
// does without a socket where none can be had.
func (a *Agent) serve(ctx context.Context) (stop func() error) {
	path := socketPath(a.config.StateDir)
	listener, err := listen(ctx, path)
	if err != nil {
		a.notice(true, "'agent status' cannot look into this agent: %v", err)
		return func() error { return nil }
	}
	closed := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() { a.accept(listener, closed, a.answer) })
	return func() error {
		close(closed)
		_ = listener.Close() // removes the socket; nothing is lost if it stays
		serving.Wait()
		return nil
	}
}

// Bounds of the socket's service.
const (
	mostQuestions   = 16 // that are answered at a time
	firstAcceptWait = 5 * time.Millisecond
	mostAcceptWait  = time.Second
)

// accept has each question answered until the listener is closed, and waits for
// the answers. Any other error may pass, such as that the process or the system
// has too many files open: it is waited out, since nobody could look into the agent
// for the rest of its life.
func (a *Agent) accept(listener net.Listener, closed <-chan struct{}, answer func(net.Conn)) {
	var answering sync.WaitGroup
	defer answering.Wait()
	slots := make(chan struct{}, mostQuestions)
	for wait := time.Duration(0); ; {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if wait == 0 {
				a.notice(true, "'agent status' cannot look into this agent for the moment: %v; it is tried again", err)
			}
			wait = min(max(2*wait, firstAcceptWait), mostAcceptWait)
			select {
			case <-closed:
				return
			case <-time.After(wait):
			}
			continue
		}
		wait = 0
		slots <- struct{}{}
		answering.Go(func() {
			defer func() { <-slots }()
			answer(conn)
		})
	}
}

func listen(ctx context.Context, path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := disk.Trusted(dir); err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	// The one under the temporary directory has a name that anybody can know, and
	// make first.
	if filepath.Base(path) != socketName {
		if err := disk.PrivateDir(dir); err != nil {
			return nil, fmt.Errorf("listen on socket: %w", err)
		}
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
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return
	}
	question, err := bufio.NewReader(io.LimitReader(conn, 64)).ReadString('\n')
	if err != nil {
		question = askStatus
	}
	var answer any
	switch strings.TrimSpace(question) {
	case askHistory:
		answer, err = a.History(journalLength)
	default:
		answer, err = a.Status()
	}
	if err != nil {
		return // the peer tries the file, and says what is wrong with it
	}
	if out, err := json.Marshal(answer); err == nil && conn.SetDeadline(time.Now().Add(patience/2)) == nil {
		_, _ = conn.Write(out) // as above
	}
}

// askSocket asks the running agent.
func askSocket(ctx context.Context, dir, question string, answer any) error {
	path := socketPath(dir)
	if filepath.Base(path) != socketName {
		// Whoever answers under the temporary directory may be anybody.
		if err := disk.PrivateDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("ask running agent: %w", err)
		}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("ask running agent: %w", err)
	}
	defer conn.Close() //nolint:errcheck // everything was read
	if err := conn.SetDeadline(time.Now().Add(statusPatience)); err != nil {
		return fmt.Errorf("ask running agent: %w", err)
	}
	// An agent that answers without being asked may have hung up already.
	_, _ = conn.Write([]byte(question + "\n"))
	out, err := io.ReadAll(conn)
	if err != nil || len(out) == 0 {
		return fmt.Errorf("ask running agent: no answer: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	err = json.Unmarshal(out, answer)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) { // the answer to another question
		return fmt.Errorf("ask running agent: %w", errOtherVersion)
	}
	if err != nil {
		return fmt.Errorf("ask running agent: %w", err)
	}
	return nil
}
