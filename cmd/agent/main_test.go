package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"resoagent/agent"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

var update = flag.Bool("update", false, "write the golden parts of the scripts anew")

// asCommand in the environment makes the test binary the agent itself: so the
// tests run, signal and kill the real program.
const asCommand = "RESOAGENT_TEST_AS_COMMAND"

// asHost is the name of the host that it takes itself to be on, then.
const asHost = "RESOAGENT_TEST_AS_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		if host := os.Getenv(asHost); host != "" {
			os.Exit(process(host))
		}
		main()
	}
	testscript.Main(m, map[string]func(){"agent": main})
}

// The scripts in testdata/script are the command line as a user types it. Each
// has a simulator of its own at $SOURCE.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			sim := harness.NewSource(e.T().(testing.TB), harness.Small())
			e.Setenv("SOURCE", sim.URL)
			e.Setenv("IDX", simulator.DefaultIDXToken)
			e.Setenv("VOW", simulator.DefaultVOWToken)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Values["simulator"] = sim
			return os.Mkdir(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// raw RESOURCE KEY TIMESTAMP JSON: put a record into the feed as it is.
			"raw": func(ts *testscript.TestScript, _ bool, args []string) {
				sim := ts.Value("simulator").(*harness.Source)
				ts.Check(sim.AddRaw(args[0], args[1], args[2], "", []byte(args[3])))
			},
			// fix RESOURCE KEY TIMESTAMP JSON: put another record in its place.
			"fix": func(ts *testscript.TestScript, _ bool, args []string) {
				sim := ts.Value("simulator").(*harness.Source)
				ts.Check(sim.Remove(args[0], args[1]))
				ts.Check(sim.AddRaw(args[0], args[1], args[2], "", []byte(args[3])))
			},
		},
	})
}

// command is a sync under way.
type command struct {
	*exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *command) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (c *command) output() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

// prepared is the agent, ready to be started.
func prepared(tb testing.TB, args ...string) *command {
	tb.Helper()
	c := &command{Cmd: exec.CommandContext(tb.Context(), os.Args[0], args...)}
	c.Env = append(os.Environ(), asCommand+"=1")
	c.Stdout, c.Stderr = c, c
	return c
}

// start runs the agent in the background.
func start(tb testing.TB, args ...string) *command {
	tb.Helper()
	c := prepared(tb, args...)
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// wait gives the exit code.
func (c *command) wait(tb testing.TB) int {
	tb.Helper()
	err := c.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil && !errors.Is(err, context.Canceled):
		tb.Fatalf("wait: %v", err)
	}
	return 0
}

// until waits for a text in the output.
func (c *command) until(tb testing.TB, text string) {
	tb.Helper()
	until(tb, func() bool { return strings.Contains(c.output(), text) }, "no %q in the output", text)
}

// until polls a condition and gives up after two minutes, with what it waited for.
func until(tb testing.TB, holds func() bool, format string, args ...any) {
	tb.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf(format, args...)
		}
		time.Sleep(10 * time.Millisecond) // a poll with a deadline
	}
}

// setup are the flags of a sync between a simulator and a destination.
type setup struct {
	source *harness.Source
	db     *harness.Database
	dir    string
}

func newSetup(tb testing.TB, o simulator.Options, db *harness.Database) *setup {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "state")
	return &setup{source: harness.NewSource(tb, o), db: db, dir: dir}
}

func (s *setup) args(more ...string) []string {
	args := []string{
		"sync", "--source-url", s.source.URL, "--idx-token", simulator.DefaultIDXToken, "--vow-token", simulator.DefaultVOWToken,
		"--database-url", s.db.URL, "--schema", s.db.Schema, "--state-dir", s.dir, "--retry-for", "20s",
	}
	for _, stream := range catalog.All().Settings() {
		name := "--" + stream.Settings
		args = append(args, name+"-batch-size", "100", name+"-db-batch-size", "30", name+"-throttle", "0")
	}
	return append(args, more...)
}

func (s *setup) status(tb testing.TB) (st agent.Status) {
	tb.Helper()
	c := start(tb, "status", "--json", "--state-dir", s.dir)
	if code := c.wait(tb); code != 0 {
		tb.Fatalf("status: exit %d:\n%s", code, c.output())
	}
	if err := json.Unmarshal([]byte(c.output()), &st); err != nil {
		tb.Fatalf("status: %v:\n%s", err, c.output())
	}
	return st
}
