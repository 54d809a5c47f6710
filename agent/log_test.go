package agent_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"resoagent/agent"
	"resoagent/internal/catalog"
)

// every is one event of each kind, with everything that it can have.
func every() []agent.Event {
	n := int64(1)
	err := errors.New("why")
	return []agent.Event{
		agent.RunStarted{},
		agent.Notice{},
		agent.LastSync{},
		agent.PassStarted{Total: &n, Windows: 1},
		agent.PageStarted{Window: 1},
		agent.PageFetched{Window: 1},
		agent.PageStored{Window: 1, Total: &n},
		agent.Progress{Total: &n},
		agent.GroupStored{},
		agent.Retrying{Err: err},
		agent.Recovered{},
		agent.RecordsRefused{},
		agent.KeysLoaded{},
		agent.OrphansHome{},
		agent.PassFinished{PassReport: agent.PassReport{Check: &agent.Check{}}},
		agent.RunFinished{Err: err, Report: agent.Report{LeftOut: []agent.LeftOut{{Stream: catalog.Media}}}},
		agent.RunScheduled{Err: err},
	}
}

// docs/LOGS.md has each event with its level and its attributes, and nothing else.
func TestLogsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/LOGS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string][]string) // by event: level, when, attributes
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) == 6 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			rows[strings.Trim(cells[1], " `")] = cells[2:]
		}
	}
	names := regexp.MustCompile("`([a-z_]+)`")
	for _, e := range every() {
		row, ok := rows[e.Name()]
		if !ok {
			t.Errorf("%s is not in docs/LOGS.md", e.Name())
			continue
		}
		delete(rows, e.Name())
		if !strings.Contains(row[0], strings.ToLower(e.Level().String())) {
			t.Errorf("%s is %s, documented as%s", e.Name(), e.Level(), row[0])
		}
		documented := make(map[string]bool)
		for _, m := range names.FindAllStringSubmatch(row[2], -1) {
			documented[m[1]] = true
		}
		for _, a := range e.Attrs() {
			if !documented[a.Key] {
				t.Errorf("%s has %s, which is not documented", e.Name(), a.Key)
			}
			delete(documented, a.Key)
		}
		delete(documented, "window") // where there are windows
		if len(documented) > 0 {
			t.Errorf("%s does not have %v", e.Name(), reflect.ValueOf(documented).MapKeys())
		}
	}
	if len(rows) > 0 {
		t.Errorf("documented, but no event: %v", reflect.ValueOf(rows).MapKeys())
	}
}

// Each record has the run's identifier, the last one's between two runs.
func TestLogHasTheRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	observe := agent.LogTo(slog.New(slog.NewTextHandler(&out, nil)))
	for _, e := range []agent.Event{
		agent.Notice{Text: "before"},
		agent.RunStarted{ID: "one"},
		agent.Notice{Text: "in"},
		agent.RunFinished{},
		agent.RunScheduled{},
		agent.RunStarted{ID: "two"},
		agent.Notice{Text: "in"},
	} {
		observe(e)
	}
	var runs []string
	for _, m := range regexp.MustCompile(` run=(\S+)`).FindAllStringSubmatch(out.String(), -1) {
		runs = append(runs, m[1])
	}
	if got := strings.Join(runs, " "); got != `"" one one one one two two` {
		t.Errorf("runs: %s\n%s", got, out.String())
	}
}
