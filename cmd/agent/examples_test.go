package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"resoagent/internal/harness"
)

// exported collects the metrics that the running agent exports, with the values
// of their labels: during a run and behind it, since some are only there then.
type exported map[string]map[string][]string

func (x exported) scrape(tb testing.TB, url string) {
	tb.Helper()
	for _, s := range scrape(tb, url) {
		name := string(s.Metric[model.MetricNameLabel])
		if x[name] == nil {
			x[name] = make(map[string][]string)
		}
		for label, value := range s.Metric {
			if v := string(value); label != model.MetricNameLabel && !slices.Contains(x[name][string(label)], v) {
				x[name][string(label)] = append(x[name][string(label)], v)
			}
		}
	}
}

// check holds an expression to what is exported. The labels job, instance and
// feed are Prometheus' own, and le the histograms'.
func (x exported) check(tb testing.TB, where, expr string) {
	tb.Helper()
	metric := regexp.MustCompile(`\b((?:resoagent|process|go)_[a-z0-9_]+)(\{[^}]*\})?`)
	matcher := regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	labels := make(map[string]bool)
	found := metric.FindAllStringSubmatch(expr, -1)
	for _, m := range found {
		if x[m[1]] == nil {
			tb.Errorf("%s: the agent does not export %s", where, m[1])
			continue
		}
		for label := range x[m[1]] {
			labels[label] = true
		}
		for _, c := range matcher.FindAllStringSubmatch(m[2], -1) {
			label, op, value := c[1], c[2], c[3]
			if label == "job" || label == "instance" || strings.Contains(value, "$") {
				continue
			}
			for _, v := range strings.Split(value, "|") {
				if (op != "=" && op != "!=" || v == value) && !slices.Contains(x[m[1]][label], v) {
					tb.Errorf("%s: %s has no %s=%q, it has %q", where, m[1], label, v, x[m[1]][label])
				}
			}
		}
	}
	for _, group := range regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for _, label := range strings.Split(group[1], ", ") {
			if label != "job" && label != "instance" && !labels[label] {
				tb.Errorf("%s: nothing in it has the label %s: %s", where, label, expr)
			}
		}
	}
	if len(found) == 0 && !regexp.MustCompile(`\bup\{`).MatchString(expr) {
		tb.Errorf("%s asks for nothing of the agent: %s", where, expr)
	}
}

// scraped runs an agent and gives all that it exports.
func scraped(t *testing.T) exported {
	o := harness.Small()
	o.Faults.Latency = 100 * time.Millisecond
	s := newSetup(t, o, harness.NewPostgres(t))
	c, url := s.serving(t, "--every", "1h")
	x := make(exported)
	until(t, func() bool {
		x.scrape(t, url)
		return x["resoagent_pass_expected_records"] != nil
	}, "no pass is seen")
	c.until(t, "Next sync at")
	x.scrape(t, url)
	c.signal(t, syscall.SIGTERM)
	c.wait(t)
	return x
}

// Alert rules and dashboard ask for what the agent exports, with labels that it
// gives. (promtool test rules, in examples/prometheus, says whether they fire.)
func TestPrometheusExamples(t *testing.T) {
	t.Parallel()
	x := scraped(t)
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(example(t, "examples/prometheus/resoagent.rules.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	var config struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(example(t, "examples/prometheus/prometheus.yml")), &config); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(config.RuleFiles, []string{"resoagent.rules.yml"}) || len(config.ScrapeConfigs) != 1 || config.ScrapeConfigs[0].JobName != "resoagent" {
		t.Errorf("prometheus.yml: %+v", config)
	}
	tests := example(t, "examples/prometheus/resoagent.rules.test.yml")
	seen := make(map[string]bool)
	for _, r := range rules.Groups[0].Rules {
		if r.Alert == "" || seen[r.Alert] || r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
			t.Errorf("alert %q lacks a name of its own, or texts", r.Alert)
		}
		seen[r.Alert] = true
		if strings.Count(tests, "alertname: "+r.Alert+"\n")+strings.Count(tests, "alertname: "+r.Alert+"}") < 2 {
			t.Errorf("%s: its test does not show both that it fires and that it is quiet", r.Alert)
		}
		if !strings.Contains(r.Expr, `up{job="resoagent"}`) {
			x.check(t, r.Alert, r.Expr)
		}
	}
	if len(seen) < 12 {
		t.Errorf("only %d rules", len(seen))
	}
	dashboard(t, x)
}

// dashboard checks the Grafana file.
func dashboard(t *testing.T, x exported) {
	var d struct {
		Title         string
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type, Definition string }
		}
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource struct{ Type, UID string }
			GridPos    struct{ X, Y, W, H int }
			Targets    []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal([]byte(example(t, "examples/grafana/resoagent.json")), &d); err != nil {
		t.Fatal(err)
	}
	variables := []string{"__rate_interval"}
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name)
		if v.Type == "query" {
			x.check(t, "variable "+v.Name, v.Definition)
		}
	}
	if !slices.Contains(variables, "datasource") {
		t.Error("the data source is no variable")
	}
	ids, taken, exprs := make(map[int]bool), make(map[[2]int]string), 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("%s: the id %d is there twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		for i := range p.GridPos.W {
			for j := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + i, p.GridPos.Y + j}
				if other, ok := taken[cell]; ok || cell[0] >= 24 {
					t.Fatalf("%s lies over %s, or beside the board", p.Title, other)
				}
				taken[cell] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s: data source %q, %d questions", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for _, target := range p.Targets {
			exprs++
			x.check(t, "panel "+p.Title, target.Expr)
			for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(variables, v[1]) {
					t.Errorf("panel %s: there is no variable %s", p.Title, v[1])
				}
			}
		}
	}
	if exprs < 30 {
		t.Errorf("only %d questions", exprs)
	}
}
