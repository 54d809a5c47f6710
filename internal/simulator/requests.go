package simulator

import (
	"net/http"
	"strings"
	"time"
)

// Request is what was asked and how it was answered.
type Request struct {
	Number    int // from 1; goes on counting after ResetRequests
	Method    string
	Path      string
	Resource  string // empty if the path names none
	Query     map[string]string
	RawQuery  string
	Feed      Feed // empty if the token is not known
	UserAgent string
	Status    int // 0 while there is no answer yet, or if there never was one
	Rows      int
	Faults    []Kind // that hit the request
	Time      time.Time
}

// Counters are totals since New or ResetRequests.
type Counters struct {
	Requests   int
	Rows       int
	Bytes      int64 // of pages, as they went out
	ByStatus   map[int]int
	ByResource map[string]int
}

const keptRequests = 10_000

// requestLog is a ring of requests. It is guarded by Simulator.requestMu.
type requestLog struct {
	total    int
	ring     []*Request
	next     int
	counters Counters
}

func (l *requestLog) add(r *http.Request, resource string, at time.Time) *Request {
	l.total++
	entry := &Request{
		Number: l.total, Method: r.Method, Path: r.URL.Path, Resource: resource, RawQuery: r.URL.RawQuery,
		UserAgent: r.UserAgent(), Time: at,
	}
	if len(l.ring) < keptRequests {
		l.ring = append(l.ring, entry)
	} else {
		l.ring[l.next] = entry
		l.next = (l.next + 1) % keptRequests
	}
	l.counters.Requests++
	l.counters.ByResource[resource]++
	return entry
}

func newCounters() Counters {
	return Counters{ByStatus: map[int]int{}, ByResource: map[string]int{}}
}

// Requests returns the last 10,000 requests, oldest first. It may be called at
// any time; a request appears as soon as it has arrived.
func (s *Simulator) Requests() []Request {
	s.requestMu.Lock()
	defer s.requestMu.Unlock()
	all := make([]Request, 0, len(s.log.ring))
	for i := range s.log.ring {
		all = append(all, *s.log.ring[(s.log.next+i)%len(s.log.ring)])
	}
	return all
}

// Counters returns the totals. It may be called at any time.
func (s *Simulator) Counters() Counters {
	s.requestMu.Lock()
	defer s.requestMu.Unlock()
	c := newCounters()
	c.Requests, c.Rows, c.Bytes = s.log.counters.Requests, s.log.counters.Rows, s.log.counters.Bytes
	for status, n := range s.log.counters.ByStatus {
		c.ByStatus[status] = n
	}
	for resource, n := range s.log.counters.ByResource {
		c.ByResource[resource] = n
	}
	return c
}

// ResetRequests forgets all requests and totals.
func (s *Simulator) ResetRequests() {
	s.requestMu.Lock()
	defer s.requestMu.Unlock()
	s.log.ring, s.log.next, s.log.counters = nil, 0, newCounters()
}

// splitPath finds what a path names: a resource, and what follows it.
func (s *Simulator) splitPath(path string) (resource, rest string) {
	for _, name := range s.names {
		if i := strings.LastIndex(path, "/"+name); i >= 0 {
			rest = path[i+1+len(name):]
			if rest == "" || rest[0] == '/' || rest[0] == '(' {
				return name, rest
			}
		}
	}
	return "", path[strings.LastIndex(path, "/")+1:]
}
