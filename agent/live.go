package agent

import (
	"maps"
	"sync"
	"time"

	"resoagent/checkpoint"
)

// live is what only the running agent knows.
type live struct {
	mu       sync.Mutex
	run      *RunStatus
	streams  map[string]checkpoint.Stream
	rates    map[string]*rate
	schedule *ScheduleStatus
	stored   checkpoint.Counters // by the run under way, itself
	storedAt time.Time           // when it last stored anything, or began
	troubles troubles
}

func (l *live) begin(run RunStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = &run
	l.streams = make(map[string]checkpoint.Stream)
	l.rates = make(map[string]*rate)
	l.stored, l.storedAt = checkpoint.Counters{}, run.StartedAt
	l.troubles.rest()
}

// observe takes from an event what somebody who looks wants to know.
func (l *live) observe(e Event, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.troubles == nil {
		l.troubles = make(troubles)
	}
	switch e := e.(type) {
	case GroupStored:
		l.stored.Add(e.Counters)
		l.storedAt = now
		l.troubles.works("destination")
	case PageFetched:
		l.troubles.works("source, " + e.Stream)
	case PassFinished:
		clear(l.troubles)
	case Retrying:
		l.troubles.failed(e, now)
	case Recovered:
		l.troubles.recovered(e.What)
	}
}

// own is what the run under way has done itself: without what a pass that it has
// taken up had done before.
func (l *live) own() checkpoint.Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored
}

// end notes that the run is over, and how.
func (l *live) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run, l.streams, l.rates = nil, nil, nil
	l.stored = checkpoint.Counters{}
	if l.troubles.rest(); !stopped(err) {
		clear(l.troubles)
	}
}

// set notes a stream's state. The pass is copied, since the caller goes on with it.
func (l *live) set(name string, s checkpoint.Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams == nil {
		return
	}
	if s.Pass == nil {
		delete(l.rates, name)
	} else {
		pass := *s.Pass
		s.Pass = &pass
		if l.rates[name] == nil {
			l.rates[name] = &rate{}
		}
		l.rates[name].add(time.Now(), s.Counters.Seen())
	}
	l.streams[name] = s
}

// setSchedule notes when the next run begins; nil: there is no schedule.
func (l *live) setSchedule(s *ScheduleStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.schedule = s
}

// moment is what live holds at one moment.
type moment struct {
	run      *RunStatus
	schedule *ScheduleStatus
	problem  *ProblemStatus
	stored   int64         // records, by the run under way
	quiet    time.Duration // since it stored anything
	streams  map[string]checkpoint.Stream
	rates    map[string]float64 // records a second; those that can be told
}

func (l *live) snapshot(now time.Time) moment {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := moment{
		run: l.run, schedule: l.schedule, problem: l.troubles.worst(), stored: l.stored.Seen(), streams: maps.Clone(l.streams), rates: make(map[string]float64),
	}
	if l.run != nil {
		m.quiet = max(0, now.Sub(l.storedAt))
	}
	if m.quiet > rateFresh || (m.problem != nil && m.problem.RetryAt != nil && !l.storedAt.After(m.problem.Since)) {
		return m // nothing is stored, so there is no rate, and nobody knows how long it takes
	}
	for name, r := range l.rates {
		if perSecond, ok := r.perSecond(time.Now()); ok {
			m.rates[name] = perSecond
		}
	}
	return m
}

// rateSpan is the time over which a rate is taken: long enough for several pages
// of a slow source, short enough to show that it has become slower.
const rateSpan = time.Minute

// rateFresh is how long a rate is believed when nothing more is stored.
const rateFresh = 15 * time.Second

// rate tells how fast a count grows.
type rate struct{ points []point }

type point struct {
	at   time.Time
	seen int64
}

// add notes a count. Points older than the span go, but for the newest of them.
func (r *rate) add(now time.Time, seen int64) {
	r.points = append(r.points, point{now, seen})
	for len(r.points) > 2 && now.Sub(r.points[1].at) > rateSpan {
		r.points = r.points[1:]
	}
}

// perSecond is the growth since the oldest point; ok is false where that is too
// short a time ago to tell.
func (r *rate) perSecond(now time.Time) (perSecond float64, ok bool) {
	if len(r.points) == 0 {
		return 0, false
	}
	first, last := r.points[0], r.points[len(r.points)-1]
	spent := now.Sub(first.at)
	if spent < time.Second {
		return 0, false
	}
	return float64(last.seen-first.seen) / spent.Seconds(), true
}
