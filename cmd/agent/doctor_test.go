package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/agent"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// examined is a doctor's setup and what it found.
type examined struct {
	*setup
	env  []string
	args []string
	self string              // the program, if it is not this one
	as   *syscall.Credential // the user, if it is not this one

	code     int
	findings map[string]agent.Finding // by group and name
	stderr   string
}

func newExamined(tb testing.TB, db *harness.Database) *examined {
	tb.Helper()
	return &examined{setup: newSetup(tb, harness.Small(), db), self: os.Args[0]}
}

// doctor runs the program; more arguments come behind all others.
func (x *examined) doctor(tb testing.TB, more ...string) {
	tb.Helper()
	args := append(x.setup.args(), x.args...)
	args[0] = "doctor"
	c := exec.CommandContext(tb.Context(), x.self, append(append(args, "--json"), more...)...)
	c.Env = append(append(os.Environ(), asCommand+"=1"), x.env...)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: x.as}
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // exec's own, as documented
		tb.Fatal(err)
	}
	x.code, x.stderr = c.ProcessState.ExitCode(), stderr.String()
	var document struct {
		Findings []agent.Finding `json:"findings"`
	}
	if err := json.Unmarshal(out, &document); err != nil {
		tb.Fatalf("%v:\n%s\n%s", err, out, x.stderr)
	}
	x.findings = make(map[string]agent.Finding)
	for _, f := range document.Findings {
		id := f.Group + "/" + f.Name
		if _, twice := x.findings[id]; twice {
			tb.Errorf("%s was reported twice", id)
		}
		x.findings[id] = f
		if f.Found == "" || f.Do == "" && f.State == agent.FindingFailure {
			tb.Errorf("%s says nothing of what was found, or what to do: %+v", id, f)
		}
	}
}

// expect compares some findings, "group/name": "state: text in it".
func (x *examined) expect(tb testing.TB, want map[string]string) {
	tb.Helper()
	failures := 0
	for id, w := range want {
		state, part, _ := strings.Cut(w, ": ")
		f, ok := x.findings[id]
		if !ok || string(f.State) != state || !strings.Contains(f.Found+" → "+f.Do, part) {
			tb.Errorf("%s: %+v, want %s", id, f, w)
		}
	}
	for id, f := range x.findings {
		if f.State == agent.FindingFailure {
			failures++
			if _, ok := want[id]; !ok {
				tb.Errorf("an unexpected failure: %s: %+v", id, f)
			}
		}
	}
	code := 0
	if failures > 0 {
		code = 1
	}
	if x.code != code {
		tb.Errorf("exit %d, want %d: %s", x.code, code, x.stderr)
	}
}

// Each way in which a source can be wrong is told apart, and all that can still
// be checked is.
func TestDoctorSource(t *testing.T) {
	t.Parallel()
	all := func(f simulator.Fault) func(*simulator.Faults) {
		return func(now *simulator.Faults) { now.Strike(simulator.Strike{Fault: f}) }
	}
	for name, test := range map[string]struct {
		faults func(*simulator.Faults)
		args   []string
		want   map[string]string
	}{
		"all well": {nil, nil, map[string]string{
			"configuration/feeds":      "ok: IDX and VOW",
			"source/reachable":         "ok: answers",
			"source/idx_token":         "ok: accepted",
			"source/media.page":        "ok: MediaKey and MediaModificationTimestamp",
			"source/media.count":       "ok: records",
			"source/media.keyset":      "ok: accepted",
			"source/media.page_size":   "ok: asked for 100 rows, 100 came",
			"source/media.order":       "ok: MediaModificationTimestamp",
			"source/media.next_link":   "ok: not sent",
			"source/rooms.keyset":      "ok: accepted",
			"source/openhouse.keyset":  "ok: accepted",
			"source/clock":             "ok: agrees",
			"source/rate_limit":        "ok: X-Rate-Limit-Remaining",
			"destination/disk":         "ok: records to come",
			"destination/positions":    "ok: full backfill",
			"source/idx_property.page": "ok: ListingKey",
		}},
		"one feed": {nil, []string{"--vow-token", ""}, map[string]string{
			"configuration/feeds":    "ok: IDX alone: Media, PropertyRooms, OpenHouse are read with its token",
			"source/media.page":      "ok: MediaKey",
			"source/vow_token":       "",
			"destination/disk":       "ok: records",
			"source/rooms.keyset":    "ok: accepted",
			"source/openhouse.count": "ok: records",
		}},
		"one stream": {nil, []string{"--media"}, map[string]string{"source/media.page": "ok: MediaKey", "source/rooms.page": "", "source/vow_token": "ok: accepted"}},
		"a bad token": {nil, []string{"--idx-token", "wrong"}, map[string]string{
			"source/idx_token":          "failure: HTTP 401",
			"source/idx_property.page":  "not checked: the IDX token is refused",
			"source/idx_property.order": "not checked: the IDX token is refused",
			"source/vow_token":          "ok: accepted",
			"source/media.keyset":       "ok: accepted",
			"destination/disk":          fmt.Sprintf("ok: 1 of %d streams were not counted", len(agent.Streams())),
		}},
		"no token": {nil, []string{"--idx-token", "", "--vow-token", ""}, map[string]string{
			"configuration/feeds": "failure: set --idx-token-file", "source/reachable": "not checked: no token", "destination/disk": "not checked: did not tell",
		}},
		"403 of the source": {all(simulator.Fault{Kind: simulator.Status, Status: 403}), nil, map[string]string{
			"source/reachable": "ok: answers",
			"source/idx_token": "failure: may not read Property",
			"source/vow_token": "failure: may not read Property",
		}},
		"403 of the edge": {all(simulator.Fault{Kind: simulator.StatusHTML}), nil, map[string]string{
			"source/reachable": "failure: edge refuses this host", "source/idx_token": "not checked: edge", "source/media.page": "not checked: edge",
		}},
		"media forbidden": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.Status, Status: 403}})
		}, nil, map[string]string{
			"source/vow_token": "ok: accepted", "source/media.page": "failure: the right to read Media",
			"source/media.keyset": "not checked: the first page failed", "source/rooms.page": "ok: RoomKey",
		}},
		"no source there": {all(simulator.Fault{Kind: simulator.Status, Status: 404}), nil, map[string]string{
			"source/reachable": "ok: answers", "source/idx_token": "not checked: another reason",
			"source/idx_property.page": "failure: check the path of --source-url", "source/vow_property.page": "failure: HTTP 404",
			"source/media.page": "failure: HTTP 404", "source/rooms.page": "failure: HTTP 404", "source/openhouse.page": "failure: HTTP 404",
		}},
		"a resource that is not there": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: "Property", Fault: simulator.Fault{Kind: simulator.Status, Status: 404}})
			f.Strike(simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.Status, Status: 204}})
		}, nil, map[string]string{
			"source/idx_property.page": "warning: a sync leaves it out", "source/media.page": "warning: has no Media", "source/rooms.page": "ok: RoomKey",
		}},
		"a named resource that is not there": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.Status, Status: 404}})
		}, []string{"--vow", "--media"}, map[string]string{"source/vow_property.page": "ok: readable", "source/media.page": "failure: this source has no Media"}},
		"counts that fail": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Match: counts, Fault: simulator.Fault{Kind: simulator.Status, Status: 504}})
		}, nil, map[string]string{"source/media.count": "warning: a sync goes on without counts", "source/media.page": "ok: MediaKey"}},
		"HTML": {all(simulator.Fault{Kind: simulator.HTMLBody}), []string{"--vow"}, map[string]string{
			"source/vow_property.page": "failure: not JSON",
		}},
		"a redirect": {all(simulator.Fault{Kind: simulator.Redirect, Target: "https://elsewhere.example"}), []string{"--vow"}, map[string]string{
			"source/vow_property.page": "failure: to another host",
		}},
		"no count": {func(f *simulator.Faults) { f.CountRefused = 501 }, nil, map[string]string{
			"source/media.count": "warning: does not count", "source/media.page_size": "ok: 100 came", "destination/disk": "not checked: did not tell",
		}},
		"count absent": {func(f *simulator.Faults) { f.CountAbsent = true }, nil, map[string]string{"source/media.count": "warning: does not count"}},
		"a wrong count": {func(f *simulator.Faults) { f.CountDelta = 7 }, nil, map[string]string{
			"source/openhouse.page_size": "warning: nothing lies behind, but the source counts",
		}},
		"a page cap": {func(f *simulator.Faults) { f.PageCap = 40 }, nil, map[string]string{
			"source/media.page_size": "warning: set --media-batch-size 40", "source/vow_property.page_size": "warning: set --property-batch-size 40",
		}},
		"a page cap and no count": {func(f *simulator.Faults) { f.PageCap, f.CountRefused = 40, 400 }, nil, map[string]string{
			"source/media.page_size": "warning: 40 came: a silent cap",
		}},
		"no $select": {func(f *simulator.Faults) { f.SelectRefused = 400 }, nil, map[string]string{
			"source/media.page_size": "ok: asked for 100 rows, 100 came",
		}},
		"fewer whole records": {func(f *simulator.Faults) { f.WholeTop = 60 }, nil, map[string]string{
			"source/media.page_size": "failure: set --media-batch-size to 60", "source/vow_property.page_size": "failure: set --property-batch-size to 60",
			"source/idx_property.page_size": "failure: set --property-batch-size to 60", "source/rooms.page_size": "failure: set --rooms-batch-size to 60",
			"source/openhouse.page_size": "failure: set --openhouse-batch-size to 60",
		}},
		"the filter is refused": {func(f *simulator.Faults) { f.Precision, f.RejectFractions = simulator.Microseconds, true }, []string{"--media"}, map[string]string{
			"source/media.keyset": "failure: the filter by timestamp and key is refused: HTTP 400", "source/media.order": "ok: in the order",
		}},
		"hidden digits": {func(f *simulator.Faults) { f.Precision = simulator.HiddenMicroseconds }, nil, map[string]string{
			"source/media.keyset": "ok: finer timestamps than it prints", "source/media.order": "ok: in the order",
		}},
		"the same page for ever": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.SamePage}})
		}, []string{"--media"}, map[string]string{"source/media.keyset": "failure: the same record comes again"}},
		"400 for the filter": {func(f *simulator.Faults) {
			strike := simulator.Strike{Resource: "Media", Fault: simulator.Fault{Kind: simulator.Status, Status: 400}}
			strike.Match = func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "top=50") }
			f.Strike(strike)
		}, []string{"--media"}, map[string]string{"source/media.keyset": "failure: filter by timestamp and key is refused"}},
		"disorder": {all(simulator.Fault{Kind: simulator.Disorder}), []string{"--rooms"}, map[string]string{
			"source/rooms.order": "failure: goes backwards inside pages", "source/rooms.keyset": "ok: accepted",
		}},
		"disorder once": {func(f *simulator.Faults) {
			seen := 0
			f.Strike(simulator.Strike{Resource: "PropertyRooms", Fault: simulator.Fault{Kind: simulator.Disorder}, Match: func(r *http.Request) bool {
				if strings.Contains(r.URL.RawQuery, "top=50") {
					seen++
				}
				return seen == 1
			}})
		}, []string{"--rooms"}, map[string]string{"source/rooms.order": "warning: went backwards inside one page"}},
		"next links": {func(f *simulator.Faults) { f.NextLink = simulator.NextLinkAfter }, nil, map[string]string{"source/media.next_link": "ok: sent"}},
		"429 for a moment": {func(f *simulator.Faults) {
			f.Strike(simulator.Strike{Next: 1, Fault: simulator.Fault{Kind: simulator.Throttled, Wait: time.Second, Hint: simulator.HintSeconds}})
		}, nil, map[string]string{"source/idx_token": "ok: accepted", "source/rate_limit": "ok: X-Rate-Limit"}},
		"429 for long": {all(simulator.Fault{Kind: simulator.Throttled, Wait: time.Hour}), nil, map[string]string{
			"source/reachable": "ok: answers", "source/idx_token": "not checked: HTTP 429", "source/media.page": "not checked: HTTP 429",
			"source/rate_limit": "warning: asks to wait for 1h", "destination/connection": "", "destination/disk": "not checked: did not tell",
		}},
		"429 without a word": {all(simulator.Fault{Kind: simulator.Throttled, Hint: simulator.HintNone}), nil, map[string]string{
			"source/rate_limit": "warning: HTTP 429", "source/media.page": "not checked: HTTP 429",
		}},
		"429 until a date": {all(simulator.Fault{Kind: simulator.Throttled, Wait: 10 * time.Minute, Hint: simulator.HintDate}), nil, map[string]string{
			"source/rate_limit": "warning: asks to wait for", "source/media.page": "not checked: HTTP 429",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewSQLite(t))
			if test.faults != nil {
				x.source.Set(test.faults)
			}
			x.args = test.args
			x.doctor(t)
			for id, w := range test.want {
				if _, there := x.findings[id]; w == "" && there {
					t.Errorf("%s was checked: %+v", id, x.findings[id])
				}
				if w == "" {
					delete(test.want, id)
				}
			}
			x.expect(t, test.want)
			if n := x.source.Counters().Requests; strings.HasPrefix(name, "429 for long") && n > 1 {
				t.Errorf("%d requests, although the source asks for none", n)
			}
		})
	}
}

// silence is the address of a listener that never answers.
func silence(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	return listener.Addr().String()
}

// A source that cannot be reached is told apart by how, and in time.
func TestDoctorUnreachable(t *testing.T) {
	t.Parallel()
	silent := silence(t)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	secured := httptest.NewUnstartedServer(http.NotFoundHandler())
	secured.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	for name, test := range map[string]struct {
		url  string
		env  []string
		want string
	}{
		"no port":                   {"http://127.0.0.1:1/odata", nil, "failure: nothing listens there"},
		"no host":                   {"https://no-such-host.invalid/odata", nil, "failure: DNS"},
		"no answer":                 {"http://" + silent + "/odata", nil, "failure: takes the connection, but does not answer"},
		"no TLS there":              {"", nil, "failure: does not speak TLS"},
		"a certificate of nobody's": {secured.URL + "/odata", nil, "failure: --ca-file"},
		"a proxy that refuses":      {"https://source.example/odata", []string{"HTTPS_PROXY=" + proxy.URL, "https_proxy="}, "failure: HTTP 407"},
		"a proxy":                   {"https://source.example/odata", []string{"HTTPS_PROXY=http://127.0.0.1:1", "https_proxy="}, "failure: check HTTPS_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewSQLite(t))
			if test.url == "" {
				test.url = strings.Replace(x.source.URL, "http:", "https:", 1)
			}
			x.env = test.env
			x.args = []string{"--source-url", test.url}
			begun := time.Now()
			x.doctor(t)
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			x.expect(t, map[string]string{
				"source/reachable": test.want, "source/idx_token": "not checked: not reached", "source/openhouse.next_link": "not checked: not reached",
				"source/clock": "not checked: not reached", "destination/disk": "not checked: did not tell", "state/directory": "ok: ",
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		s := newSetup(t, harness.Small(), harness.NewSQLite(t))
		args := s.args("--source-url", "http://"+silent+"/odata")
		args[0] = "doctor"
		c := start(t, args...)
		c.until(t, "State\n")
		begun := time.Now()
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := c.wait(t); code != exitInterrupted || time.Since(begun) > 5*time.Second {
			t.Errorf("exit %d after %s:\n%s", code, time.Since(begun), c.output())
		}
	})
}

// A clock that is off, by however much, is warned of by both doctor and sync, and
// stops neither.
func TestDoctorAndSyncAgreeOnTheClock(t *testing.T) {
	t.Parallel()
	for offset, want := range map[time.Duration]string{
		4 * time.Minute: "ok: agrees", -4 * time.Minute: "ok: agrees", 6 * time.Minute: "warning: behind the source's",
		-6 * time.Minute: "warning: ahead of the source's", 50 * time.Hour: "warning: behind the source's", -30 * time.Hour: "warning: ahead of the source's",
	} {
		t.Run(offset.String(), func(t *testing.T) {
			t.Parallel()
			x := newExamined(t, harness.NewSQLite(t))
			x.source.Set(func(f *simulator.Faults) { f.ClockOffset = offset })
			x.doctor(t)
			x.expect(t, map[string]string{"source/clock": want})
			c := start(t, x.setup.args("--vow")...)
			if code := c.wait(t); code != exitDone {
				t.Errorf("the sync: exit %d:\n%s", code, c.output())
			}
			if said := strings.Contains(c.output(), "set the clock (NTP)"); said != strings.HasPrefix(want, "warning") {
				t.Errorf("the sync speaks of the clock: %t, the doctor: %s:\n%s", said, want, c.output())
			}
		})
	}
}
