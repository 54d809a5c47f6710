package main

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// serving starts 'agent run' with HTTP and gives its address.
func (s *setup) serving(tb testing.TB, more ...string) (c *command, url string) {
	tb.Helper()
	c = start(tb, s.runArgs(append([]string{"--listen", "127.0.0.1:0"}, more...)...)...)
	tb.Cleanup(func() { _ = c.Process.Kill() })
	address := regexp.MustCompile(`serving (http://[0-9.:]+)`)
	until(tb, func() bool { return address.MatchString(c.output()) }, "it does not serve")
	return c, address.FindStringSubmatch(c.output())[1]
}

// get asks for a path.
func get(tb testing.TB, url string) (code int, header http.Header, body string) {
	tb.Helper()
	answer, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

// scrape asks for the metrics as Prometheus does.
func scrape(tb testing.TB, url string) model.Vector {
	tb.Helper()
	code, _, text := get(tb, url+"/metrics")
	if code != http.StatusOK {
		tb.Fatalf("metrics: %d: %s", code, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, values(families)...)
	if err != nil {
		tb.Fatal(err)
	}
	return samples
}

// metrics are the samples of a scrape, by name and labels as they are written.
func metrics(tb testing.TB, url string) map[string]float64 {
	tb.Helper()
	out := make(map[string]float64)
	for _, s := range scrape(tb, url) {
		out[s.Metric.String()] = float64(s.Value)
	}
	return out
}

func values[K comparable, V any](m map[K]V) (out []V) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// What the metrics say is what happened at the source and in the database.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewPostgres(t))
	s.source.Set(func(f *simulator.Faults) {
		f.Strike(simulator.Strike{
			Fault: simulator.Fault{Kind: simulator.Throttled, Wait: time.Second}, Resource: simulator.Media, Next: 1,
			Match: func(r *http.Request) bool { return r.URL.Query().Get("$top") != "0" }, // a page, no count
		})
		f.Strike(simulator.Strike{Fault: simulator.Fault{Kind: simulator.Status, Status: 503}, Resource: simulator.OpenHouse, Next: 2})
	})
	if err := s.source.AddRaw(simulator.Property, "BAD", "2026-07-01T00:00:00Z", "", []byte(`{"ListingKey":"BAD","ModificationTimestamp":"2026-07-01T24:00:00Z"}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.source.AddRaw(simulator.Property, "NUL", "2026-07-01T00:00:01Z", "", []byte(`{"ListingKey":"NUL","ModificationTimestamp":"2026-07-01T00:00:01Z","City":"\u0000"}`)); err != nil {
		t.Fatal(err)
	}
	c, url := s.serving(t, "--every", "1h", "--rooms-throttle", "300ms")
	c.until(t, "Next sync at")
	got := metrics(t, url)
	traffic := s.source.Counters()
	file, err := os.Stat(filepath.Join(s.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	orphans := float64(s.db.Int(t, "SELECT count(DISTINCT parent_key) FROM "+s.db.Table("agent_orphan")))
	for name, want := range map[string]float64{
		`resoagent_records_total{result="written", stream="vow_property"}`: float64(s.db.Count(t, "vow_property", "")),
		`resoagent_records_total{result="written", stream="media"}`:        float64(s.db.Count(t, "media", "")),
		`resoagent_records_total{result="failed", stream="vow_property"}`:  1,
		`resoagent_records_repaired_total{stream="vow_property"}`:          1,
		`resoagent_records_repaired_total{stream="media"}`:                 0,
		`resoagent_repaired_records`:                                       2, // the one of both feeds
		`resoagent_records_total{result="unchanged", stream="media"}`:      0,
		`resoagent_retries_total{cause="throttled"}`:                       1,
		`resoagent_retries_total{cause="server_error"}`:                    2,
		`resoagent_retries_total{cause="stalled"}`:                         0,
		`resoagent_runs_total{result="done"}`:                              1,
		`resoagent_runs_total{result="failed"}`:                            0,
		`resoagent_source_requests_total`:                                  float64(traffic.Requests),
		`resoagent_keyset_keys`:                                            float64(s.db.Count(t, "vow_property", "")),
		`resoagent_state_file_bytes`:                                       float64(file.Size()),
		`resoagent_rejects`:                                                float64(s.db.Count(t, "agent_reject", "repaired IS NULL")),
		`resoagent_orphan_parents`:                                         orphans,
		`resoagent_synclog_pending_runs`:                                   0,
		`resoagent_run_in_progress`:                                        0,
		`resoagent_ready`:                                                  1,
		`resoagent_schedule_interval_seconds`:                              3600,
		`resoagent_pass_in_progress{stream="media"}`:                       0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %g, %t; want %g", name, v, ok, want)
		}
	}
	if orphans == 0 || got[`resoagent_records_total{result="skipped", stream="media"}`] == 0 {
		t.Error("nothing was skipped, so nothing was tried")
	}
	// As they go over the network, with headers: a little more than the pages alone.
	if n := got["resoagent_source_received_bytes_total"]; n < float64(traffic.Bytes) || n > float64(traffic.Bytes)*1.5+300*float64(traffic.Requests) {
		t.Errorf("%g bytes received, the source sent %d", n, traffic.Bytes)
	}
	pages := got[`resoagent_page_duration_seconds_count{stream="rooms"}`]
	if pages < 3 || got[`resoagent_page_duration_seconds_sum{stream="rooms"}`] <= 0 {
		t.Errorf("%g pages of rooms took no time", pages)
	}
	if waited := got[`resoagent_throttle_seconds_total{stream="rooms"}`]; waited < 0.25*(pages-1) || waited > 0.4*(pages+1) {
		t.Errorf("%g s of delay over %g pages, 0.3 s between two", waited, pages)
	}
	position := s.status(t).Streams[1].Position.Timestamp
	at, err := time.Parse(time.RFC3339, position)
	if err != nil {
		t.Fatal(err)
	}
	if lag := got[`resoagent_position_lag_seconds{stream="vow_property"}`]; math.Abs(lag-time.Since(at).Seconds()) > 60 {
		t.Errorf("a lag of %g s behind %s", lag, position)
	}
	for _, name := range []string{"process_resident_memory_bytes", "go_memstats_heap_alloc_bytes", "resoagent_destination_bytes", "resoagent_keyset_filter_bytes"} {
		if got[name] <= 0 && (name != "process_resident_memory_bytes" || isLinux()) {
			t.Errorf("%s is %g", name, got[name])
		}
	}
	// A 429 asked for a second; there is no other delay between pages of photos.
	if waited := got[`resoagent_throttle_seconds_total{stream="media"}`]; waited < 1 || waited > 20 {
		t.Errorf("%g s of delay, of which a 429 asked for one", waited)
	}
	lint(t, url)
}

func isLinux() bool {
	_, err := os.Stat("/proc/self/statm")
	return err == nil
}

// lint has Prometheus' own rules for names and units applied.
func lint(tb testing.TB, url string) {
	tb.Helper()
	_, _, text := get(tb, url+"/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "resoagent_") {
			tb.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// The endpoints say how the agent is: alive, ready, and how it stands.
func TestHTTP(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 150 * time.Millisecond
	s := newSetup(t, o, harness.NewSQLite(t))
	c, url := s.serving(t, "--every", "1s", "--retry-for", "100ms")
	if code, _, text := get(t, url+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "no run has finished yet") {
		t.Errorf("ready during the first run: %d %s", code, text)
	}
	if code, _, text := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("health: %d %s", code, text)
	}
	s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	ready := func() bool { code, _, _ := get(t, url+"/readyz"); return code == http.StatusOK }
	until(t, ready, "never ready")

	code, header, text := get(t, url+"/status")
	var status agent.Status
	if err := json.Unmarshal([]byte(text), &status); code != http.StatusOK || err != nil || status.Agent.PID != c.Process.Pid {
		t.Errorf("status: %d, %v: %s", code, err, text)
	}
	if header.Get("Content-Type") != "application/json" {
		t.Errorf("status is %s", header.Get("Content-Type"))
	}
	for _, path := range []string{"/nothing", "/debug/pprof/", "/favicon.ico"} {
		if code, _, _ := get(t, url+path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
	for _, path := range []string{"/", "/status", "/metrics", "/healthz", "/readyz"} {
		answer, err := http.Post(url+path, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, answer.StatusCode)
		}
		_, header, text := get(t, url+path)
		csp := header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; ") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", path)
		}
		for _, secret := range []string{simulator.DefaultIDXToken, simulator.DefaultVOWToken} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a token", path)
			}
		}
	}

	// A page from elsewhere cannot read it by giving its own name this address.
	for host, want := range map[string]int{"evil.example:9464": http.StatusForbidden, "localhost:1": http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:9464": http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("asked as %s: %d, want %d", host, answer.StatusCode, want)
		}
	}

	// No success for twice the interval: not ready, but well.
	s.source.Set(func(f *simulator.Faults) { f.FeedDown = simulator.VOW })
	until(t, func() bool { return !ready() }, "ready although nothing succeeds")
	if _, _, text := get(t, url+"/readyz"); !strings.Contains(text, "more than twice the interval of 1s") {
		t.Errorf("readyz: %s", text)
	}
	if code, _, _ := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("health: %d", code)
	}
	if _, _, page := get(t, url+"/"); !strings.Contains(page, "not current") || !strings.Contains(page, "the run stopped: ") {
		t.Errorf("the page does not say so:\n%s", page)
	}
	s.source.Set(func(f *simulator.Faults) { f.FeedDown = "" })
	until(t, ready, "not ready again")
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
}

// Without a host, --listen is the loopback address; others must be asked for, and
// are warned of.
func TestListenAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		":0": "serving http://127.0.0.1:", "0": "serving http://127.0.0.1:",
		"0.0.0.0:0": "everybody who can reach this host can read it", "[::1]:0": "serving http://[::1]:",
	} {
		s := newSetup(t, harness.Small(), harness.NewSQLite(t))
		c := start(t, s.runArgs("--every", "1h", "--listen", address)...)
		c.until(t, want)
		c.signal(t, syscall.SIGTERM)
		c.wait(t)
	}
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	c := start(t, s.runArgs("--every", "1h")...)
	c.until(t, "Starting Enhanced Sync")
	c.signal(t, syscall.SIGTERM)
	if c.wait(t); strings.Contains(c.output(), "serving") {
		t.Error("it serves without being asked to")
	}
}
