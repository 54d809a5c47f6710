// Package monitor shows a running agent over HTTP: its metrics in Prometheus'
// format, its health, its status as JSON, and one page for people. It is fed by
// the agent's events, and asks the agent how it stands when somebody looks.
//
// Nothing here is a secret, and nothing here changes anything: only GET and HEAD
// are answered. It listens on the loopback address unless told otherwise.
package monitor

import (
	"time"

	"resoagent/agent"
)

// Subject is the agent that is watched. Its methods may be called at any time,
// from several goroutines.
type Subject interface {
	Status() (agent.Status, error)
	// History gives the newest runs first, at most limit.
	History(limit int) ([]agent.RunRecord, error)
	Traffic() agent.Traffic
}

// Options say what a monitor shows beside the agent itself.
type Options struct {
	Version, Commit string
	Now             func() time.Time // the wall clock
}

// Monitor gathers what cannot be asked for later: counts, the course of the last
// day, and problems. Its methods may be called concurrently.
type Monitor struct {
	options  Options
	metrics  *meters
	course   *course
	problems *problems
}

// New makes a monitor.
func New(o Options) *Monitor {
	return &Monitor{options: o, metrics: newMetrics(o), course: newCourse(), problems: &problems{}}
}

// Observe takes an event of the agent.
func (m *Monitor) Observe(e agent.Event) {
	m.metrics.observe(e)
	m.problems.observe(m.options.Now(), e)
	if stored, ok := e.(agent.GroupStored); ok {
		m.course.add(stored.Counters.Seen())
	}
}
