package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testRoot is the command line of a user with nothing in the environment.
func testRoot(out *bytes.Buffer) *root {
	env := environment{
		get:  func(name string) string { return map[string]string{"HOME": "/home/user"}[name] },
		list: func() []string { return nil }, host: "host", now: time.Now,
	}
	return newRoot(strings.NewReader(""), out, out, env)
}

// completions are what a shell offers at the end of a line.
type completions struct {
	line string
	want string // words that are offered, in any order; files lie in the current directory
}

// cases are the lines for all three shells. flagsAtOnce: the shell offers flags
// before a dash is typed.
func completionCases(flagsAtOnce bool) []completions {
	cases := []completions{
		{"agent sy", "sync"},
		{"agent re", "rejects repair reset"},
		{"agent --v", "--version"},
		{"agent sync --log-f", "--log-format"},
		{"agent sync --log-format ", "json text"},
		{"agent sync --log-format j", "json"},
		{"agent sync --quiet --media-thr", "--media-throttle"},
		{"agent sync --config sett", "settings.conf settings.d"},
		{"agent sync --state-dir sett", "settings.d"},
		{"agent sync --source-url a", ""},
		{"agent sync --source-url sync --qui", "--quiet"},
		{"agent sync --media-batch-size=5 --qui", "--quiet"},
		{"agent --version sy", "sync"},
		{"agent status --", "--config --help --interval --json --state-dir --watch"}, // not the other settings
		{"agent rejects r", "retry"},
		{"agent rejects --stream media r", "retry"},
		{"agent rejects --json --stream m", "media"},
		{"agent rejects --stream retry --js", "--json"}, // a value is no command
		{"agent rejects retry --str", "--stream"},
		{"agent rejects retry --stream ", "idx_property media openhouse rooms vow_property"},
		{"agent completion ", "bash fish zsh"},
		{"agent simulate --pag", "--page-cap"},
	}
	if flagsAtOnce {
		cases = append(cases, completions{"agent version ", "--help"})
	}
	return cases
}

// script writes the completion script of a shell into a file, beside some files
// to complete.
func script(t *testing.T, shell, name string) (file, dir string) {
	t.Helper()
	dir = t.TempDir()
	text, err := testRoot(&bytes.Buffer{}).book().Completion(shell)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), name)
	for path, content := range map[string]string{file: text, filepath.Join(dir, "settings.conf"): ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "settings.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file, dir
}

// shell runs a shell and gives its output; it must have no complaint.
func shell(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "TERM=xterm")
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("%s: %v\n%s%s", name, err, out, complaint.String())
	}
	return string(out)
}

func offers(t *testing.T, line, got, want string) {
	t.Helper()
	less := func(words []string) map[string]bool {
		set := make(map[string]bool)
		for _, w := range words {
			set[strings.TrimSuffix(w, "/")] = true
		}
		return set
	}
	if diff := cmp.Diff(less(strings.Fields(want)), less(strings.Fields(got))); diff != "" {
		t.Errorf("%q (-want +got):\n%s", line, diff)
	}
}

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	file, dir := script(t, "bash", "agent.bash")
	// As bash calls it: the line in words, and the number of the one to complete.
	const call = `source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
complete -p agent >/dev/null || exit
_agent
echo "${COMPREPLY[@]}"`
	try := func(words []string, line, want string) {
		t.Helper()
		got := shell(t, dir, "bash", append([]string{"--norc", "--noprofile", "-c", call, "bash", file}, words...)...)
		offers(t, line, got, want)
	}
	for _, test := range completionCases(true) {
		// bash breaks words at = too, and leaves it as a word.
		line := strings.ReplaceAll(test.line, "=", " = ")
		words := strings.Fields(line)
		if strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		try(words, test.line, test.want)
	}
	for _, test := range []struct{ words, want string }{
		{"agent|sync|--log-format|=", "json text"}, // the cursor is behind the sign
		{"agent|sync|--log-format|=|t", "text"},
		{"agent|sync|--log-format=t", "--log-format=text"}, // where COMP_WORDBREAKS has no =
		{"agent|sync|-log-format|t", "text"},
		{"agent|sync|--config|=|settings.c", "settings.conf"},
		{"agent|sync|--quiet|=|true|--vow-token-f", "--vow-token-file"},
		{"agent|sync|--quiet|=|", ""},
	} {
		try(strings.Split(test.words, "|"), test.words, test.want)
	}
}

func TestFishCompletes(t *testing.T) {
	t.Parallel()
	file, dir := script(t, "fish", "agent.fish")
	for _, test := range append(completionCases(false),
		completions{"agent sync --log-format=t", "--log-format=text"},
		completions{"agent sync --config=settings.c", "--config=settings.conf"},
	) {
		got := shell(t, dir, "fish", "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`, file, test.line)
		var words strings.Builder
		for offered := range strings.Lines(got) {
			word, text, _ := strings.Cut(strings.TrimSpace(offered), "\t")
			words.WriteString(word + " ")
			if strings.HasPrefix(word, "--") && !strings.Contains(word, "=") && text == "" {
				t.Errorf("%q: %s has no description", test.line, word)
			}
		}
		offers(t, test.line, words.String(), test.want)
	}
}

// zsh completes in a terminal of its own: see testdata/complete.zsh.
func TestZshCompletes(t *testing.T) {
	t.Parallel()
	driver, err := filepath.Abs("testdata/complete.zsh")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sourced.zsh", "_agent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, dir := script(t, "zsh", name)
			shell(t, dir, "zsh", "-n", file)
			cases := append(completionCases(false),
				completions{"agent sync --log-format=t", "text"},
				completions{"agent sync --config=settings.c", "settings.conf"},
			)
			args := []string{"-f", driver, file, t.TempDir()}
			for _, test := range cases {
				args = append(args, test.line)
			}
			got := strings.Split(shell(t, dir, "zsh", args...), "\n")
			if len(got) != len(cases)+1 {
				t.Fatalf("%d answers to %d lines:\n%q", len(got)-1, len(cases), got)
			}
			for i, test := range cases {
				offers(t, test.line, got[i], test.want)
			}
		})
	}
}

// The man page has all that can be typed, and nothing that a formatter stumbles
// over.
func TestManPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := testRoot(&bytes.Buffer{})
	r.env.get = func(string) string { return "/home/user" } // also XDG_STATE_HOME
	book := r.forAnybody().book()
	file := filepath.Join(dir, "agent.1")
	if err := os.WriteFile(file, []byte(book.Man()), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := shell(t, dir, "mandoc", "-T", "lint", "-W", "warning", file); said != "" {
		t.Errorf("mandoc: %s", said)
	}
	// Without backspaces for bold, and in lines that break nothing.
	page := shell(t, dir, "sh", "-c", "mandoc -T ascii -O width=300 agent.1 | col -b")
	has := func(text string) {
		t.Helper()
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q", text)
		}
	}
	for _, c := range book.Root.All() {
		has(c.Path)
		for _, f := range append(c.Shown(), c.Aside...) {
			has("--" + f.Name)
			if f.Default != "" {
				has("default " + f.Default)
			}
		}
		for _, e := range c.Examples {
			has(e)
		}
	}
	for _, text := range []string{
		"AGENT_MEDIA_THROTTLE", "AGENT_SIMULATE_PAGE_CAP", "default ~/.local/state/resoagent", "ResourceName eq 'Property'", "EXIT STATUS",
		"interrupted; what was stored is kept", "psql(1)",
	} {
		has(text)
	}
	if strings.Contains(page, "/home/user") {
		t.Error("the page has a directory of who made it")
	}
}
