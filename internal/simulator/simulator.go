package simulator

import (
	"compress/gzip"
	"io"
	"sync"
	"time"
)

// Simulator is the server. All its methods may be used by several goroutines
// at once.
//
// ServeHTTP ends some faults with panic(http.ErrAbortHandler), which net/http
// servers turn into a broken connection; a httptest.ResponseRecorder does not.
type Simulator struct {
	world     *world
	resources map[string]*resource
	names     []string // of the resources, listings first

	mu     sync.RWMutex // the rows; a request holds it while it selects
	tables map[string]*table

	buildMu sync.Mutex // held inside mu while an order or a count is made
	counts  map[countKey]int

	faultMu sync.Mutex
	faults  Faults

	requestMu sync.Mutex
	log       requestLog
	minute    time.Time // the minute that used counts
	used      int

	closing chan struct{}
	close   sync.Once
	writers sync.Pool
}

type countKey struct {
	resource, filter string
	feed             Feed
	precision        Precision
	collation        Collation
	version          uint64
}

// New makes a simulator. The error says which option is senseless.
func New(o Options) (*Simulator, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	w := newWorld(o)
	definitions, err := newResources(w)
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		world: w, resources: map[string]*resource{}, tables: map[string]*table{},
		counts: map[countKey]int{}, faults: o.Faults, closing: make(chan struct{}),
	}
	s.log.counters = newCounters()
	s.writers.New = func() any {
		w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		if err != nil {
			return gzip.NewWriter(io.Discard)
		}
		return w
	}
	for _, def := range definitions {
		s.resources[def.name] = def
		s.names = append(s.names, def.name)
		s.tables[def.name] = newTable(s.world, def, s.tables[Property])
	}
	return s, nil
}

// Close releases requests that a Stall holds. It may be called again.
func (s *Simulator) Close() { s.close.Do(func() { close(s.closing) }) }

// Set changes how the server behaves. The function runs under a lock and must
// not call the Simulator.
func (s *Simulator) Set(change func(*Faults)) {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	change(&s.faults)
}

// order finds or builds an index; the caller holds mu, at least for reading.
func (s *Simulator) order(t *table, c column, f *Faults) *order {
	s.buildMu.Lock()
	defer s.buildMu.Unlock()
	return t.order(c, f.Precision, f.Collation)
}

// count is the number of rows that match, remembered while no row changes.
func (s *Simulator) count(t *table, q *query, f *Faults) int {
	key := countKey{q.def.name, q.filterRaw, q.feed, f.Precision, f.Collation, t.version}
	if t.listings != nil {
		key.version += t.listings.version << 32
	}
	s.buildMu.Lock()
	n, ok := s.counts[key]
	s.buildMu.Unlock()
	if ok {
		return n
	}
	n = s.search(t, q, f, 0).count()
	s.buildMu.Lock()
	defer s.buildMu.Unlock()
	const kept = 256
	if len(s.counts) >= kept {
		clear(s.counts)
	}
	s.counts[key] = n
	return n
}
