package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/simulator"
)

// example reads a file of the source tree.
func example(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(top, path))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// substitute puts what a test has in the place of what an example names: by
// setting, as a line of a settings file has it.
func (s *setup) substitute(tb testing.TB) map[string]string {
	tb.Helper()
	values := map[string]string{
		"source-url": s.source.URL, "database-url": s.db.URL, "state-dir": s.dir, "listen": "127.0.0.1:0",
	}
	for feed, token := range map[string]string{"idx": simulator.DefaultIDXToken, "vow": simulator.DefaultVOWToken} {
		path := filepath.Join(tb.TempDir(), feed+".token")
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			tb.Fatal(err)
		}
		values[feed+"-token-file"] = path
	}
	return values
}

// setting is a variable's name as a line of a settings file has it.
func setting(variable string) (name string, ok bool) {
	name, ok = strings.CutPrefix(variable, "AGENT_")
	return strings.ReplaceAll(strings.ToLower(name), "_", "-"), ok
}

// environmentOf gives the environment that an example sets, with the test's
// values where it has any. All it sets must be settings.
func (s *setup) environmentOf(tb testing.TB, example []string) (env []string) {
	tb.Helper()
	known, values := flagsOf(tb, "run"), s.substitute(tb)
	for _, v := range example {
		name, value, _ := strings.Cut(v, "=")
		key, ours := setting(name)
		if !ours {
			continue
		}
		if !slices.Contains(known, "--"+key) {
			tb.Errorf("%s is no setting", name)
		}
		if other, ok := values[key]; ok {
			value = other
		}
		env = append(env, name+"="+value)
	}
	// Not in the examples: the tests' schema, and no delays.
	env = append(env, "AGENT_SCHEMA="+s.db.Schema)
	for _, stream := range catalog.All().Settings() {
		env = append(env, "AGENT_"+strings.ToUpper(stream.Settings)+"_THROTTLE=0")
	}
	return env
}

// flagsOf are the flags that a command's help lists.
func flagsOf(tb testing.TB, command ...string) []string {
	tb.Helper()
	c := start(tb, append(slices.Clone(command), "--help")...)
	if code := c.wait(tb); code != exitDone {
		tb.Fatalf("agent %s --help: exit %d:\n%s", strings.Join(command, " "), code, c.output())
	}
	return regexp.MustCompile(`--[a-z][a-z-]*[a-z]`).FindAllString(c.output(), -1)
}

// withEnvironment is the agent with these variables and no others of its own.
func withEnvironment(tb testing.TB, env []string, args ...string) *command {
	tb.Helper()
	c := prepared(tb, args...)
	c.Env = slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "AGENT_") })
	c.Env = append(c.Env, env...)
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// unit gives the values of a systemd unit by key; comments are left out.
func unit(tb testing.TB) map[string][]string {
	tb.Helper()
	values := make(map[string][]string)
	for line := range strings.Lines(example(tb, "deploy/systemd/resoagent.service")) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "[") {
			continue
		}
		if !ok {
			tb.Fatalf("no line of a unit: %q", line)
		}
		values[key] = append(values[key], value)
	}
	return values
}

// The unit starts the program that there is: with its command line, its variables
// and the settings file beside it, and the program tells systemd what the unit
// waits for.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	s, m := newSetup(t, harness.Small(), harness.NewPostgres(t)), newManager(t)
	u := unit(t)

	// The settings file, with the test's values.
	values := s.substitute(t)
	var conf strings.Builder
	used := make(map[string]bool)
	for line := range strings.Lines(example(t, "deploy/systemd/agent.conf")) {
		if name, _, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") {
			used[name] = true
			if values[name] != "" { // the others as they are
				line = name + " " + values[name] + "\n"
			}
		}
		conf.WriteString(line)
	}
	for _, name := range []string{"source-url", "idx-token-file", "vow-token-file", "database-url", "state-dir", "every", "listen"} {
		if !used[name] {
			t.Errorf("agent.conf does not set %s", name)
		}
	}
	path := filepath.Join(t.TempDir(), "agent.conf")
	if err := os.WriteFile(path, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(u["ExecStart"][0])
	for i := range args {
		if args[i] == "/etc/resoagent/agent.conf" {
			args[i] = path
		}
	}
	env := s.environmentOf(t, strings.Fields(strings.Join(u["Environment"], " ")))
	c := withEnvironment(t, append(env, "NOTIFY_SOCKET="+m.path), args[1:]...)
	m.until(t, "READY=1")
	m.until(t, "STATUS=the last sync is done; next at ")
	for _, command := range []string{"status", "health", "history"} { // as the documentation has an operator ask
		if asked := withEnvironment(t, nil, command, "--config", path); asked.wait(t) != exitDone {
			t.Errorf("%s --config: %s", command, asked.output())
		}
	}
	c.signal(t, syscall.SIGHUP) // ExecReload
	c.until(t, "the token files were read again")
	c.signal(t, syscall.SIGTERM)
	if code := c.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, c.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())

	for key, want := range map[string]string{
		"Type": "notify", "ExecReload": "kill -HUP $MAINPID", "Restart": "on-failure", "RestartPreventExitStatus": "2",
		"User": "resoagent", "StateDirectory": "resoagent", "StateDirectoryMode": "0700",
		"NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": "",
	} {
		if len(u[key]) == 0 || u[key][0] != want {
			t.Errorf("%s is %v, want %q", key, u[key], want)
		}
	}
	if len(u["WatchdogSec"]) == 0 {
		t.Error("no watchdog")
	}
	if !strings.Contains(example(t, "deploy/systemd/agent.conf"), "\nstate-dir       /var/lib/"+u["StateDirectory"][0]+"\n") {
		t.Error("the state directory of agent.conf is not the unit's")
	}
}

// What deployment files and documents write of the program exists: each command,
// each of its flags, each variable.
func TestExamplesNameWhatThereIs(t *testing.T) {
	t.Parallel()
	settings := flagsOf(t, "run")
	flags := make(map[string][]string) // by command
	code := regexp.MustCompile("(?s)```.*?```|`[^`]+`|(?-s:ExecStart=.*)")
	call := regexp.MustCompile(`(?m)(?:^|[\x60/]|sudo -u resoagent )agent ((?:rejects retry|completion [a-z]+|[a-z]+)\b)([^\n|#>;)]*)`)
	variable := regexp.MustCompile(`\bAGENT_[A-Z][A-Z_]*[A-Z]\b`)
	flag := regexp.MustCompile(`--[a-z][a-z-]*[a-z]`)
	number := 0
	for _, path := range []string{
		"Dockerfile", "deploy/systemd/resoagent.service", "deploy/systemd/agent.conf", "docs/DEPLOYMENT.md", "README.md",
		"deploy/kubernetes/common.yaml", "deploy/kubernetes/statefulset.yaml", "deploy/kubernetes/deployment.yaml",
		"examples/prometheus/prometheus.yml", "examples/prometheus/resoagent.rules.yml", "examples/grafana/resoagent.json",
	} {
		text := example(t, path)
		for _, v := range variable.FindAllString(text, -1) {
			if name, _ := setting(v); !slices.Contains(settings, "--"+name) {
				t.Errorf("%s: %s is no setting", path, v)
			}
		}
		for _, m := range call.FindAllStringSubmatch(strings.Join(code.FindAllString(text, -1), "\n"), -1) {
			command, rest := m[1], m[2]
			if flags[command] == nil {
				flags[command] = flagsOf(t, strings.Fields(command)...)
			}
			number++
			for _, f := range flag.FindAllString(rest, -1) {
				if !slices.Contains(flags[command], f) && f != "--help" && f != "--config" {
					t.Errorf("%s: agent %s does not take %s", path, command, f)
				}
			}
		}
	}
	if number < 40 {
		t.Errorf("only %d commands found: the test does not see what it should", number)
	}
}

// A pod without a volume dies in its first backfill, and another one takes its
// place: once the lease has run out it goes on where the first had come to, by
// what the database says, and fetches nothing that is stored.
func TestPodWithoutVolume(t *testing.T) {
	t.Parallel()
	o := harness.Small()
	o.Faults.Latency = 200 * time.Millisecond
	s := newSetup(t, o, harness.NewPostgres(t))
	args := []string{"--every", "1h", "--lease", "2s", "--lookback", "0"}
	if c := start(t, append([]string{"migrate"}, s.args()[1:]...)...); c.wait(t) != 0 {
		t.Fatal(c.output())
	}
	first := start(t, s.runArgs(args...)...)
	// By the database alone, as the next pod will see it.
	until(t, func() bool { return s.db.Count(t, "media", "") > 100 }, "no media")
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.wait(t)
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	stored := int(s.db.Count(t, "media", ""))
	all := s.source.Count(simulator.VOW, simulator.Media)
	if stored >= all*9/10 {
		t.Fatalf("%d of %d photos were stored: too late to show anything", stored, all)
	}
	s.source.ResetRequests()
	s.source.Set(func(f *simulator.Faults) { f.Latency = 0 })
	next := *s
	next.dir = filepath.Join(t.TempDir(), "another")
	second := start(t, next.runArgs(args...)...)
	second.until(t, "SYNC COMPLETED")
	fetched := make(map[string]int)
	for _, r := range s.source.Requests() {
		if r.Query["$top"] != "0" {
			fetched[r.Resource] += r.Rows
		}
	}
	if fetched[simulator.Property] != 0 || fetched[simulator.Media] > all-stored || fetched[simulator.Media] == 0 {
		t.Errorf("fetched again: %d listings, and %d photos of %d with %d stored", fetched[simulator.Property], fetched[simulator.Media], all, stored)
	}
	second.signal(t, syscall.SIGTERM)
	if code := second.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, second.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
}
