package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// files is how many files a process has open.
func files(tb testing.TB, pid int) int {
	tb.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		tb.Fatal(err)
	}
	return len(names)
}

// Five thousand connections that ask for nothing cost the sync nothing: the agent
// keeps a handful of them, and still answers who asks.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const crowd = 5000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < crowd+1000 {
		t.Skipf("this process may open %d files only", limit.Cur)
	}
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	s.source.Set(func(f *simulator.Faults) { f.Latency = 200 * time.Millisecond })
	c, url := s.serving(t, "--every", "1h")
	before, most := files(t, c.Process.Pid), 0
	for i := range crowd {
		if i%100 == 0 {
			most = max(most, files(t, c.Process.Pid))
		}
		conn, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // nothing was sent
	}
	if code, _, body := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("beside them: %d, %s", code, body)
	}
	// A few more than at the beginning are those of source and database, and some are
	// about to be closed.
	if most = max(most, files(t, c.Process.Pid)); most > before+64+200 {
		t.Errorf("the agent had %d files open, %d before", most, before)
	}
	c.until(t, "SYNC COMPLETED")
	if code, _, body := get(t, url+"/readyz"); code != http.StatusOK {
		t.Errorf("behind the sync: %d, %s", code, body)
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}

// When the process may not open files for a while, socket and HTTP answer again
// behind that.
func TestTooManyOpenFiles(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	c, url := s.serving(t, "--every", "1h")
	c.until(t, "Next sync at")
	var before unix.Rlimit
	set := func(n uint64) {
		if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: before.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	set(3)
	// Nobody gets an answer, and the agent says why.
	asking := start(t, "status", "--state-dir", s.dir)
	c.until(t, "cannot look into this agent for the moment")
	set(before.Cur)
	asking.wait(t) // it may have waited long enough, or not
	if st := s.status(t); st.Agent == nil || st.Agent.PID != c.Process.Pid {
		t.Errorf("behind it: %+v", st.Agent)
	}
	if code, _, body := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("behind it: %d, %s", code, body)
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}
