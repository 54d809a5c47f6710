package monitor

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"sync"
	"time"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
	"github.com/dustin/go-humanize"

	"resoagent/agent"
	"resoagent/cmd/agent/console"
	"resoagent/internal/catalog"
)

// The template package is html/template without calls of methods: those would make the
// linker keep every exported method of the program, a tenth of its size.

// The page is one file: what is in it is rendered here, also the charts. Its
// script does no more than to fetch the page again and to put the new contents
// in the place of the old.

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// mostRuns is how many runs the page shows.
const mostRuns = 20

// policy allows the page's own style and script, by their hashes, and to ask
// this server again; nothing else.
func policy() string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; connect-src 'self'; img-src data:; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", hash(pageCSS), hash(pageJS))
}

// view is what the template shows.
type view struct {
	CSS     template.CSS
	JS      template.JS
	Status  agent.Status
	Ready   error
	Version string
	Now     time.Time
	Runs    []runView
	RunsErr error

	Problems []problem
	Charts   []chart
	Traffic  agent.Traffic
	Rate     *float64 // records a second, over all streams; nil: nothing is stored
	Trying   string   // what is done about the status's problem
	Stalled  bool     // the run under way stores nothing because of it
}

// runView is a run with the length of its bar.
type runView struct {
	agent.RunRecord
	Share float64 // of the largest run's records, 0 to 100
}

//nolint:gochecknoglobals // parsed once, then read-only
var pageTemplate = sync.OnceValues(func() (*template.Template, error) {
	return template.New("page").Funcs(functions()).Parse(pageHTML)
})

func (m *Monitor) page(w io.Writer, s Subject) error {
	status, err := s.Status()
	if err != nil {
		return err
	}
	t, err := pageTemplate()
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	v := view{
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
		Status: status, Ready: status.Ready(), Version: m.options.Version, Now: status.At,
		Problems: m.problems.newest(), Traffic: s.Traffic(),
		Charts: charts(m.course.lastHour(), m.course.lastDay()), Stalled: console.Stalled(status),
	}
	if status.Problem != nil {
		v.Trying = console.Trying(status)
	}
	for _, stream := range status.Streams {
		if stream.Rate != nil {
			if v.Rate == nil {
				v.Rate = new(float64)
			}
			*v.Rate += *stream.Rate
		}
	}
	runs, err := s.History(mostRuns)
	v.RunsErr = err
	var most int64
	for _, r := range runs {
		most = max(most, r.Processed)
	}
	for _, r := range runs {
		v.Runs = append(v.Runs, runView{r, 100 * float64(r.Processed) / float64(max(1, most))})
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("show page: %w", err)
	}
	return nil
}

// dash is how the page writes that there is nothing.
func dash(text string) string {
	if text == "-" {
		return "–"
	}
	return text
}

// functions are what the template formats with.
func functions() template.FuncMap {
	return template.FuncMap{
		"count": func(n any) string {
			switch n := n.(type) {
			case int:
				return humanize.Comma(int64(n))
			case int64:
				return humanize.Comma(n)
			case *int64:
				return humanize.Comma(*n)
			case uint64:
				return humanize.Comma(int64(n)) //nolint:gosec // far below the limit
			}
			return fmt.Sprint(n)
		},
		"size":    func(n int64) string { return humanize.IBytes(uint64(max(0, n))) },
		"bits":    func(n uint64) string { return humanize.IBytes(n / 8) },
		"percent": func(v float64) string { return fmt.Sprintf("%.2f%%", 100*v) },
		"rate":    func(v float64) string { return humanize.CommafWithDigits(v, 0) + "/s" },
		"title":   func(stream string) string { return catalog.All().Of(stream).Title },
		"rows":    func(s agent.StreamStatus) string { return dash(console.Rows(s)) },
		"newest":  func(s agent.StreamStatus) string { return dash(console.Newest(s)) },
		"between": func(g *agent.GapStatus) string { return console.Between(*g) },
		"done":    agent.StreamStatus.Done,
		"utc":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") },
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":   func(t time.Time) string { return t.UTC().Format("15:04Z") },
		"ago":     func(t, now time.Time) string { return humanize.RelTime(t, now, "ago", "from now") },
		"span":    func(seconds float64) string { return console.Span(time.Duration(seconds * float64(time.Second))) },
		"share": func(s agent.StreamStatus) float64 {
			if s.Pass == nil || s.Pass.Total == nil || *s.Pass.Total <= 0 {
				return 0
			}
			return console.Percent(s.Done(), *s.Pass.Total)
		},
	}
}
