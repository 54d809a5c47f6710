package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// buildAgent builds the real binary; tags choose a benchmark-only form of it.
func buildAgent(tb testing.TB, tags ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "agent")
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", strings.Join(tags, ","), "-o", path, "../cmd/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build agent: %v\n%s", err, out)
	}
	return path
}

// result is what a run took.
type result struct {
	took      time.Duration
	rows      int64
	cpu       time.Duration // user and system, of the client alone
	anonymous int64         // peak of RssAnon, bytes
	resident  int64         // VmHWM, bytes
	wal       int64
	fetched   int64 // bytes
	samples   []sample
}

func (r result) perSecond() float64 { return float64(r.rows) / r.took.Seconds() }

// sample is a moment of a run.
type sample struct {
	at        time.Duration
	rows      int64 // fetched so far
	anonymous int64
}

// observe runs a process and watches its memory until it ends.
func observe(tb testing.TB, cmd *exec.Cmd, s *harness.Source) result {
	tb.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	var r result
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			anonymous, resident := memory(cmd.Process.Pid)
			r.anonymous, r.resident = max(r.anonymous, anonymous), max(r.resident, resident)
			if n%10 == 0 && s != nil && anonymous > 0 {
				r.samples = append(r.samples, sample{time.Since(begun), int64(s.Counters().Rows), anonymous})
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	err := cmd.Wait()
	r.took = time.Since(begun)
	close(stop)
	watching.Wait()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", cmd, err, tail(out.String()))
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r
}

func tail(s string) string { return s[max(0, len(s)-3000):] }

// memory reads what a process has in memory now, and at most so far; zero where
// the system does not tell.
func memory(pid int) (anonymous, peak int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "RssAnon":
			anonymous = n << 10
		case "VmHWM":
			peak = n << 10
		}
	}
	return anonymous, peak
}

// sync runs the agent once. It counts what the source has sent.
func (b *bench) sync(tb testing.TB, binary string, s *harness.Source, schema, state string, flags ...string) result {
	tb.Helper()
	s.ResetRequests()
	before := b.wal(tb)
	args := append([]string{
		"sync", "--source-url", s.URL, "--vow-token", simulator.DefaultVOWToken, "--database-url", b.url, "--schema", schema,
		"--state-dir", state, "--property-throttle", "0", "--media-throttle", "0", "--quiet",
	}, flags...)
	cmd := exec.CommandContext(tb.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + state}
	r := observe(tb, cmd, s)
	r.wal = b.wal(tb) - before
	r.rows = int64(s.Counters().Rows)
	r.fetched = s.Counters().Bytes
	if r.anonymous > mostMemory {
		tb.Errorf("%v: %s of RssAnon, more than %s", flags, size(r.anonymous), size(mostMemory))
	}
	return r
}

// mostMemory is what a run may have of its own, whatever it fetches: the one
// thing that fails here, since it is no matter of speed.
const mostMemory = 64 * mebibyte

// wal is how many bytes of log the server has written so far.
func (b *bench) wal(tb testing.TB) int64 {
	tb.Helper()
	n, err := strconv.ParseInt(b.db.Strings(tb, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")[0][0], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func stateDir(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	return dir
}
