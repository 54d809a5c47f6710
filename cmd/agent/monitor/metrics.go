package monitor

import (
	"context"
	"errors"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"resoagent/agent"
)

// meters are what is counted from the agent's events. What it can be asked for
// at any time is in standing.go.
type meters struct {
	registry *prometheus.Registry
	records  *prometheus.CounterVec
	repaired *prometheus.CounterVec
	pages    *prometheus.HistogramVec
	throttle *prometheus.CounterVec
	retries  *prometheus.CounterVec
	runs     *prometheus.CounterVec
	duration prometheus.Gauge
}

// causes are what a retry can have as its cause: each has a series from the
// beginning, so that a rate over the first one is not lost.
func causes() []string {
	return []string{
		"throttled", "server_error", "connection", "stalled", "broken_answer", "incomplete",
		"database_connection", "database_conflict", "database_resources", "database_shutdown", "other",
	}
}

// results are what can become of a record.
func results() []string {
	return []string{"written", "unchanged", "deleted", "older", "failed", "skipped"}
}

func newMetrics(o Options) *meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &meters{
		registry: prometheus.NewRegistry(),
		records: counter("resoagent_records_total",
			"Records that the source sent, by what became of them; what --lookback reads again and finds known is left out.", "stream", "result"),
		repaired: counter("resoagent_records_repaired_total", "Records, of those written or unchanged, whose broken text had to be repaired.", "stream"),
		pages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "resoagent_page_duration_seconds", Help: "Time that the source took for a page of a pass, from the request to its last record.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"stream"}),
		throttle: counter("resoagent_throttle_seconds_total", "Time that passes have spent waiting to ask for a page: the configured delay, and what a 429 adds.", "stream"),
		retries:  counter("resoagent_retries_total", "Attempts that failed and were made again, by cause.", "cause"),
		runs:     counter("resoagent_runs_total", "Runs that have ended, by how.", "result"),
		duration: prometheus.NewGauge(prometheus.GaugeOpts{Name: "resoagent_last_run_duration_seconds", Help: "How long the run took that ended last."}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "resoagent_build_info", Help: "A metric that is always 1, with the program's version.",
	}, []string{"version", "commit", "goversion"})
	build.WithLabelValues(o.Version, o.Commit, runtime.Version()).Set(1)
	m.registry.MustRegister(m.records, m.repaired, m.pages, m.throttle, m.retries, m.runs, m.duration, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, stream := range agent.Streams() {
		for _, result := range results() {
			m.records.WithLabelValues(stream, result)
		}
		m.repaired.WithLabelValues(stream)
		m.pages.WithLabelValues(stream)
		m.throttle.WithLabelValues(stream)
	}
	for _, cause := range causes() {
		m.retries.WithLabelValues(cause)
	}
	for _, result := range []string{"done", "failed", "interrupted"} {
		m.runs.WithLabelValues(result)
	}
	return m
}

func (m *meters) observe(e agent.Event) {
	switch e := e.(type) {
	case agent.GroupStored:
		n := e.Counters
		for i, value := range []int64{n.Written, n.Unchanged, n.Deleted, n.Older, n.Failed, n.Skipped} {
			m.records.WithLabelValues(e.Stream, results()[i]).Add(float64(max(0, value)))
		}
		m.repaired.WithLabelValues(e.Stream).Add(float64(max(0, n.Repaired)))
	case agent.PageFetched:
		m.pages.WithLabelValues(e.Stream).Observe(e.Took.Seconds())
		m.throttle.WithLabelValues(e.Stream).Add(e.Waited.Seconds())
	case agent.Retrying:
		m.retries.WithLabelValues(e.Cause).Inc()
	case agent.RunFinished:
		result := "done"
		switch {
		case errors.Is(e.Err, context.Canceled):
			result = "interrupted"
		case e.Err != nil:
			result = "failed"
		}
		m.runs.WithLabelValues(result).Inc()
		m.duration.Set(e.Report.Duration.Seconds())
	}
}
