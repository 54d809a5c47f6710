package simulator

import (
	"cmp"
	"slices"
	"sort"
)

// order is all rows of a table sorted by one of its timestamps, then by key.
// Both depend on how the server behaves at the moment, so there may be several.
type order struct {
	column    column
	precision Precision
	collation Collation
	ids       []int32
}

// order returns the index, which is built when it is first asked for. The
// caller holds the simulator's lock, and its lock for building.
func (t *table) order(c column, p Precision, collation Collation) *order {
	if p != WholeSeconds {
		p = Microseconds // what is printed makes no difference here
	}
	for _, o := range t.orders {
		if o.column == c && o.precision == p && o.collation == collation {
			return o
		}
	}
	o := &order{column: c, precision: p, collation: collation}
	type entry struct {
		at int64
		id int32
	}
	entries := make([]entry, 0, len(t.rows))
	for id := range t.rows {
		if t.rows[id].state&removed == 0 {
			r := t.record(int32(id), p)
			entries = append(entries, entry{r.stamp(c), int32(id)})
		}
	}
	var a, b []byte
	slices.SortFunc(entries, func(x, y entry) int {
		if x.at != y.at {
			return cmp.Compare(x.at, y.at)
		}
		left, right := t.record(x.id, p), t.record(y.id, p)
		a, b = left.appendKey(a[:0]), right.appendKey(b[:0])
		return compareText(collation, a, b)
	})
	o.ids = make([]int32, len(entries))
	for i, e := range entries {
		o.ids[i] = e.id
	}
	t.orders = append(t.orders, o)
	return o
}

// position is where a row stands or belongs.
func (o *order) position(t *table, id int32) int {
	r := t.record(id, o.precision)
	at, key := r.stamp(o.column), r.appendKey(nil)
	var scratch []byte
	return sort.Search(len(o.ids), func(i int) bool {
		other := t.record(o.ids[i], o.precision)
		if theirs := other.stamp(o.column); theirs != at {
			return theirs > at
		}
		scratch = other.appendKey(scratch[:0])
		return compareText(o.collation, scratch, key) >= 0
	})
}

// between returns the part of the order whose timestamps are within bounds,
// both included.
func (o *order) between(t *table, low, high int64) []int32 {
	stamp := func(i int) int64 {
		r := t.record(o.ids[i], o.precision)
		return r.stamp(o.column)
	}
	from := sort.Search(len(o.ids), func(i int) bool { return stamp(i) >= low })
	to := sort.Search(len(o.ids), func(i int) bool { return stamp(i) > high })
	if to < from {
		to = from
	}
	return o.ids[from:to]
}
