package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nasty has what the shells and roff give a meaning to.
const nasty = `.it's a [thing]: 50% of \o/ -- "$HOME" & 'more' ` + "`id`"

func nastyBook() *Book {
	leaf := &Command{
		Path: "agent run", Group: "All", Usage: []string{"agent run"}, Short: nasty, Long: nasty + "\n\n" + nasty,
		Examples: []string{"'agent' run", ".agent run", `agent run \n`}, Variable: "AGENT",
		Groups: []Group{{Title: "Flags", Flags: []Flag{
			{Name: "colour", Value: "red|green", Text: nasty},
			{Name: "where", Value: "file", Text: nasty, Default: `C:\x`},
			{Name: "how", Value: "what: [so]", Text: nasty},
			{Name: "zeal", Text: nasty},
		}}},
	}
	return &Book{
		Root:    &Command{Path: "agent", Usage: []string{"agent COMMAND"}, Short: nasty, Commands: []*Command{leaf}},
		Version: "1", Date: "2026-01-02", Main: "agent run", Settings: nasty,
		Exits: []Entry{{"0", nasty}}, Files: []Entry{{".rc", nasty}},
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// Whatever a text holds, the man page shows as it is.
func TestManEscapes(t *testing.T) {
	t.Parallel()
	book := nastyBook()
	file := write(t, "agent.1", book.Man())
	if said := output(t, "mandoc", "-T", "lint", "-W", "warning", file); said != "" {
		t.Errorf("mandoc: %s", said)
	}
	if strings.Contains(book.Man(), "--") {
		t.Error("a hyphen that is not escaped can become another character, which no command line takes")
	}
	page := output(t, "sh", "-c", "mandoc -T ascii -O width=300 '"+file+"' | col -b")
	for text, n := range map[string]int{
		nasty: 9, "'agent' run": 1, ".agent run": 1, `agent run \n`: 1, `default C:\x`: 1, ".rc": 1, "--where FILE": 1, "red|green": 1,
	} {
		if got := strings.Count(page, text); got < n {
			t.Errorf("%q stands there %d times, want %d or more:\n%s", text, got, n, page)
		}
	}
}

// Nor do the shells see anything in it: they still complete, run nothing, and
// fish shows the text as it is.
func TestCompletionEscapes(t *testing.T) {
	t.Parallel()
	scripts := make(map[string]string)
	for _, shell := range Shells() {
		text, err := nastyBook().Completion(shell)
		if err != nil {
			t.Fatal(err)
		}
		scripts[shell] = write(t, "agent."+shell, text)
	}
	for shell, want := range map[string]string{"bash": "--where", "zsh": "--where", "fish": "--where\t" + nasty} {
		var got string
		switch shell {
		case "bash":
			got = output(t, "bash", "--norc", "-c",
				`source "$1"; COMP_WORDS=(agent run --w) COMP_CWORD=2; _agent; echo "${COMPREPLY[@]}"`, "bash", scripts[shell])
		case "zsh":
			got = output(t, "zsh", "-f", "../testdata/complete.zsh", scripts[shell], t.TempDir(), "agent run --w")
		case "fish":
			got = output(t, "fish", "--no-config", "-c", `source $argv[1]; complete -C "agent run --w"`, scripts[shell])
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%s offers %q, want %q", shell, got, want)
		}
	}
	if got, want := zshAction(Flag{Value: "what: [so]"}), `:what\: \[so\]: `; got != want {
		t.Errorf("zsh is told %s, want %s", got, want)
	}
	got := output(t, "zsh", "-f", "../testdata/complete.zsh", scripts["zsh"], t.TempDir(), "agent run --how=", "agent run --colour=", "agent r")
	if want := "\nred green\nrun\n"; got != want && got != "\ngreen red\nrun\n" {
		t.Errorf("zsh offers %q, want %q", got, want)
	}
}

// A line never breaks inside a command that it quotes, and a long name has its
// text below it.
func TestHelpBreaksLines(t *testing.T) {
	t.Parallel()
	c := &Command{
		Path: "agent run", Usage: []string{"agent run"}, Variable: "AGENT",
		Short: "see what '" + strings.Repeat("x", 20) + " " + strings.Repeat("y", 20) + "' and 'this here' does " + strings.Repeat("word ", 20),
		Groups: []Group{{Title: "Flags", Flags: []Flag{
			{Name: "a-flag-with-a-name-that-is-too-long", Value: "file", Text: "its text"},
			{Name: "short", Text: "beside it", Default: "yes"},
			{Name: "one-size", Value: "n", Text: "of it", Default: "1", Family: "KIND-size", Member: "one"},
			{Name: "two-size", Value: "n", Text: "of it", Default: "2", Family: "KIND-size", Member: "two"},
			{Name: "three-size", Value: "n", Text: "of it", Default: "2", Family: "KIND-size", Member: "three"},
		}}},
	}
	text := (&Book{Root: &Command{Path: "agent"}, Main: "agent run"}).Help(c, LeastWidth-20)
	for line := range strings.Lines(text) {
		if len(line)-1 > LeastWidth {
			t.Errorf("too long: %s", line)
		}
	}
	for _, want := range []string{
		strings.Repeat("x", 20) + " " + strings.Repeat("y", 20), "\n  --a-flag-with-a-name-that-is-too-long FILE\n                 its text\n",
		"\n  --short        beside it (default yes)\n", "\n  --KIND-size N  of it (default 2; one 1)\n", "\n  KIND is one, two or three.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}
