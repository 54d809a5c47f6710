package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"resoagent/cmd/agent/manual"
)

// Each command can be read: it has examples that are command lines of this
// program, a place in the overview, and help that stays within its width.
func TestHelpOfEachCommand(t *testing.T) {
	t.Parallel()
	r := testRoot(&bytes.Buffer{})
	top := r.tree()
	book := r.book()
	for _, c := range book.Root.All() {
		if len(c.Examples) == 0 {
			t.Errorf("%s has no examples", c.Path)
		}
		for _, example := range c.Examples {
			line, _, _ := strings.Cut(example, " # ")
			line = strings.NewReplacer("source <(", "", ")", "").Replace(line)
			words := strings.Fields(line)
			for i, word := range words {
				if word == ">" || word == "|" {
					words = words[:i]
					break
				}
			}
			if words[0] != "agent" {
				t.Errorf("%s: the example %q is of another program", c.Path, example)
			}
			if _, err := readLine(top, words[1:]); err != nil {
				t.Errorf("%s: the example %q: %v", c.Path, example, err)
			}
		}
		if c != book.Root && !strings.Contains(strings.TrimPrefix(c.Path, "agent "), " ") && c.Group == "" {
			t.Errorf("%s stands in no group of the overview", c.Path)
		}
		for _, width := range []int{80, 100, 500} {
			for line := range strings.Lines(book.Help(c, width)) {
				command := strings.HasPrefix(line, "  agent ") || strings.HasPrefix(line, "  source ") // kept in one piece
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > min(width, 100) && !command {
					t.Errorf("%s, width %d: a line of %d: %s", c.Path, width, n, line)
				}
			}
		}
		for _, f := range c.Shown() {
			if text := book.Help(c, 100); !strings.Contains(text, "--"+f.Name) && (f.Family == "" || !strings.Contains(text, "--"+f.Family)) {
				t.Errorf("%s: the help lacks --%s", c.Path, f.Name)
			}
			if f.Text == "" {
				t.Errorf("%s: --%s says nothing", c.Path, f.Name)
			}
		}
	}
}

// The completion scripts know a flag by its name: it takes the same kind of
// value in all commands.
func TestFlagsOfOneNameAreAlike(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, c := range testRoot(&bytes.Buffer{}).book().Root.All() {
		for _, f := range append(c.Shown(), c.Aside...) {
			if value, ok := seen[f.Name]; ok && value != f.Value {
				t.Errorf("--%s of %s takes %q, elsewhere %q", f.Name, c.Path, f.Value, value)
			}
			seen[f.Name] = f.Value
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"sync", "status", "source-url", "media-throttle", "rooms-throttle", "idx-token", "idx-token-file", "idx", "vow", "force", "media"}
	for word, want := range map[string]string{
		"synk": "sync", "snyc": "sync", "SYNC": "sync", "stat": "status", "source": "source-url", "sourec-url": "source-url",
		"medai-throttle": "media-throttle", "meida": "media", "idx-tokn": "idx-token", "idx-toke": "idx-token", "vwo": "vow",
		"": "", "x": "", "id": "", "elephant": "", "eyJhbGciOiJIUzI1NiJ9": "", "token": "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest to %q: %q, want %q", word, got, want)
		}
	}
}

// Variables of other programs that begin with AGENT_ are left alone, those that
// are settings too; only a slip is named, and never what it holds.
func TestVariablesThatAreNoSettings(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"AGENT_SORCE_URL": "AGENT_SOURCE_URL", "AGENT_IDX_TOKEN_FLIE": "AGENT_IDX_TOKEN_FILE",
		"AGENT_DEMO_PROPERTEIS": "AGENT_DEMO_PROPERTIES", "AGENT_SIMULATE_LATNECY": "AGENT_SIMULATE_LATENCY",
		"AGENT_SOURCE_URL": "", "AGENT_DEMO_PROPERTIES": "", "AGENT_SIMULATE_LATENCY": "", "AGENT_STREAM": "",
		// Azure Pipelines' own, and others'.
		"AGENT_ID": "", "AGENT_NAME": "", "AGENT_OS": "", "AGENT_VERSION": "", "AGENT_BUILDDIRECTORY": "", "AGENT_HOMEDIRECTORY": "",
		"AGENT_JOBNAME": "", "AGENT_JOBSTATUS": "", "AGENT_MACHINENAME": "", "AGENT_OSARCHITECTURE": "", "AGENT_ROOTDIRECTORY": "",
		"AGENT_TEMPDIRECTORY": "", "AGENT_TOOLSDIRECTORY": "", "AGENT_WORKFOLDER": "", "AGENT_DIAGNOSTIC": "", "AGENT_ROOM": "", "SSH_AGENT_PID": "",
		"AGENT_": "", "SORCE_URL": "", "AGENTSOURCE_URL": "",
	} {
		var out bytes.Buffer
		r := testRoot(&out)
		r.env.list = func() []string { return []string{variable + "=canary"} }
		top := r.tree()
		line, err := readLine(top, []string{"status"})
		if err != nil {
			t.Fatal(err)
		}
		r.warnOfVariables(top, line.command)
		said := ""
		if want != "" {
			said = fmt.Sprintf("agent: warning: the environment variable %s is no setting; did you mean %s?\n", variable, want)
		}
		if out.String() != said {
			t.Errorf("%s: %q, want %q", variable, out.String(), said)
		}
	}
}

// A command that nobody put into a group, with a flag that nobody labelled, is
// described all the same.
func TestUnlabelledFlags(t *testing.T) {
	t.Parallel()
	r := testRoot(&bytes.Buffer{})
	fs := r.flags("agent new")
	fs.String("where", "", "`directory` to look in")
	fs.Bool("quick", false, "not thoroughly")
	groups, aside := described(fs, "")
	want := []manual.Flag{{Name: "quick", Text: "not thoroughly"}, {Name: "where", Value: "directory", Text: "directory to look in"}}
	if len(groups) != 1 || len(aside) != 0 || groups[0].Title != ownGroup || len(groups[0].Flags) != 2 ||
		groups[0].Flags[0] != want[0] || groups[0].Flags[1] != want[1] {
		t.Errorf("%+v, %+v", groups, aside)
	}
}
