package simulator

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// page is the answer to a query. Its rows are copies: they can be written
// without a lock while the data changes.
type page struct {
	rows  []record
	total int    // matching rows, if they were counted; else -1
	more  bool   // there are rows after these
	token string // of the next link, which tells links to the same rows apart
}

// search answers queries on one table. The caller holds the simulator's lock.
type search struct {
	order  func(*table, column, *Faults) *order
	table  *table
	faults *Faults
	query  *query
	limit  int
	turn   uint64 // number of the request: what is not ordered varies with it
	cursor cursor
}

func (s *Simulator) search(t *table, q *query, f *Faults, turn uint64) *search {
	limit := q.top
	if f.TopIgnored {
		limit = mostRows
	}
	if f.PageCap > 0 {
		limit = min(limit, f.PageCap)
	}
	collation := f.Collation
	if f.FilterByBytes {
		collation = ByteOrder
	}
	return &search{
		order: s.order, table: t, faults: f, query: q, limit: limit, turn: turn,
		cursor: cursor{table: t, precision: f.Precision, collation: collation, feed: q.feed},
	}
}

// accepts moves the cursor to a row and says whether the query wants it.
func (s *search) accepts(id int32) bool {
	if !s.table.visible(id, s.query.feed) {
		return false
	}
	s.cursor.move(id)
	return s.cursor.matches(s.query.filter)
}

// candidates are the rows among which all matches are. ordered says that they
// come sorted by column c and key.
func (s *search) candidates(c column) (ids []int32, ordered bool) {
	if keys, ok := named(s.query.filter, columnKey); ok {
		for _, key := range keys {
			if id, found := s.table.find(key); found {
				ids = append(ids, id)
			}
		}
		return unique(ids), false
	}
	if parents, ok := named(s.query.filter, columnParent); ok && s.table.listings != nil {
		for _, parent := range parents {
			ids = append(ids, s.table.under(parent)...)
		}
		return unique(ids), false
	}
	b := bounds(s.query.filter, c)
	if other := bounds(s.query.filter, columnStamp2); c == columnStamp && b == everything() && other != everything() {
		o := s.order(s.table, columnStamp2, s.faults)
		return o.between(s.table, other.low, other.high), false
	}
	o := s.order(s.table, c, s.faults)
	return o.between(s.table, b.low, b.high), true
}

func unique(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// run selects the rows of one page.
func (s *search) run() page {
	c, keyed, descending, byTime := s.query.columns()
	if !byTime {
		c = columnStamp
	}
	if s.limit == 0 {
		return page{total: -1}
	}
	ids, ordered := s.candidates(c)
	switch {
	case byTime && ordered && keyed:
		return s.walk(ids, descending, false)
	case byTime && ordered:
		return s.walk(ids, descending, true)
	case len(s.query.order) == 0:
		return s.wander(ids)
	default:
		return s.sort(ids)
	}
}

// walk takes matching rows as they come. With shuffled ties the rows of one
// timestamp come in another order each time, as they may where a query does
// not order them.
func (s *search) walk(ids []int32, descending, shuffled bool) page {
	p := page{total: -1}
	skip := s.query.skip
	keep := func(id int32) bool {
		switch {
		case skip > 0:
			skip--
		case len(p.rows) == s.limit:
			p.more = true
			return false
		default:
			p.rows = append(p.rows, s.table.shown(id, s.faults))
		}
		return true
	}
	c, _, _, _ := s.query.columns()
	var ties []int32
	var tied int64
	flush := func() bool {
		random := rand.New(rand.NewPCG(s.turn, uint64(tied)))
		random.Shuffle(len(ties), func(i, j int) { ties[i], ties[j] = ties[j], ties[i] })
		for _, id := range ties {
			if !keep(id) {
				return false
			}
		}
		ties = ties[:0]
		return true
	}
	for i := range ids {
		id := ids[i]
		if descending {
			id = ids[len(ids)-1-i]
		}
		if !s.accepts(id) {
			continue
		}
		if !shuffled {
			if !keep(id) {
				return p
			}
			continue
		}
		if at := s.cursor.record.stamp(c); len(ties) > 0 && at != tied {
			if !flush() {
				return p
			}
			tied = at
		} else {
			tied = at
		}
		ties = append(ties, id)
	}
	flush()
	return p
}

// wander takes rows in an order that differs from request to request.
func (s *search) wander(ids []int32) page {
	p := page{total: -1}
	n := uint64(len(ids))
	if n == 0 {
		return p
	}
	random := rand.New(rand.NewPCG(s.turn, n))
	start, step := random.Uint64N(n), coprimeStep(len(ids), random.Uint64())
	skip := s.query.skip
	for i := range n {
		id := ids[(start+i*step)%n]
		if !s.accepts(id) {
			continue
		}
		switch {
		case skip > 0:
			skip--
		case len(p.rows) == s.limit:
			p.more = true
			return p
		default:
			p.rows = append(p.rows, s.table.shown(id, s.faults))
		}
	}
	return p
}

// sort gathers all matches before it orders them.
func (s *search) sort(ids []int32) page {
	type match struct {
		id     int32
		values []literal
	}
	var matches []match
	for _, id := range ids {
		if s.accepts(id) {
			m := match{id, make([]literal, len(s.query.order))}
			for i, term := range s.query.order {
				m.values[i] = s.cursor.value(term.field)
			}
			matches = append(matches, m)
		}
	}
	random := rand.New(rand.NewPCG(s.turn, uint64(len(matches))))
	random.Shuffle(len(matches), func(i, j int) { matches[i], matches[j] = matches[j], matches[i] })
	slices.SortStableFunc(matches, func(a, b match) int {
		for i, term := range s.query.order {
			order := compareValues(a.values[i], b.values[i], s.faults.Collation)
			if order != 0 && term.descending {
				return -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	p := page{total: -1}
	for i := s.query.skip; i < len(matches); i++ {
		if len(p.rows) == s.limit {
			p.more = true
			break
		}
		p.rows = append(p.rows, s.table.shown(matches[i].id, s.faults))
	}
	return p
}

// compareValues orders null before everything else.
func compareValues(a, b literal, collation Collation) int {
	switch {
	case a.kind == kindNull || b.kind == kindNull:
		return cmp.Compare(b2i(a.kind != kindNull), b2i(b.kind != kindNull))
	case judge(a, "eq", b, collation) == yes:
		return 0
	case a.kind == kindBool:
		return cmp.Compare(b2i(a.truth), b2i(b.truth))
	case judge(a, "lt", b, collation) == yes:
		return -1
	}
	return 1
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// count is how many rows match.
func (s *search) count() int {
	ids, _ := s.candidates(columnStamp)
	if s.query.filter == nil && s.query.feed == VOW {
		return len(ids)
	}
	n := 0
	for _, id := range ids {
		if s.accepts(id) {
			n++
		}
	}
	return n
}
