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
	problem  *ProblemStatus      // that the run under way is at; nil: none
}

func (l *live) begin(id string, at time.Time, streams []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = &RunStatus{ID: id, StartedAt: at, Streams: streams}
	l.streams = make(map[string]checkpoint.Stream)
	l.rates = make(map[string]*rate)
	l.stored, l.problem = checkpoint.Counters{}, nil
}

// failed notes that something is tried again, and until when it waits.
func (l *live) failed(what string, err error, at, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := ProblemStatus{At: at.UTC(), Times: 1, Text: what + ": " + err.Error(), RetryAt: until.UTC()}
	if l.problem != nil {
		p.Times += l.problem.Times
	}
	l.problem = &p
}

// goesOn notes that something has gone well.
func (l *live) goesOn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problem = nil
}

// count adds what a group of the run has done.
func (l *live) count(n checkpoint.Counters) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored.Add(n)
}

// own is what the run under way has done itself: without what a pass that it has
// taken up had done before.
func (l *live) own() checkpoint.Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stored
}

func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run, l.streams, l.rates, l.problem = nil, nil, nil, nil
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
	streams  map[string]checkpoint.Stream
	rates    map[string]float64 // records a second; those that can be told
}

func (l *live) snapshot() moment {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := moment{run: l.run, schedule: l.schedule, problem: l.problem, streams: maps.Clone(l.streams), rates: make(map[string]float64)}
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
