package simulator

import (
	"math"
	"slices"
)

// row is all that is stored of a row.
type row struct {
	at     int64 // microseconds since 1970, fraction included
	parent int32 // number of the parent; of a listing its own number
	seq    uint16
	state  uint8
}

// noStamp is the timestamp of a row that has none.
const noStamp = math.MinInt64

const (
	inIDX   uint8 = 1 << iota // a row without parents that IDX may see
	removed                   // gone from every feed
	added                     // not generated: key and values are in its edit
)

// table holds the rows of one resource. The caller holds the simulator's lock.
type table struct {
	world      *world
	def        *resource
	listings   *table // the parents; nil for a resource without them
	rows       []row
	first      []int32 // the children of parent p are rows first[p] to first[p+1]
	edits      map[int32]*edit
	addedKeys  map[string]int32
	addedUnder map[string][]int32
	orders     []*order
	version    uint64 // counts changes
	rendered   map[Feed]*rendered
}

func newTable(w *world, def *resource, listings *table) *table {
	t := &table{
		world: w, def: def, listings: listings,
		edits: map[int32]*edit{}, addedKeys: map[string]int32{}, addedUnder: map[string][]int32{},
	}
	if def.parent == "" {
		t.listings = nil
	}
	t.rows, t.first = w.rows(def)
	return t
}

func (t *table) record(id int32, p Precision) record {
	r := record{world: t.world, def: t.def, row: t.rows[id], precision: p}
	if len(t.edits) > 0 {
		r.edit = t.edits[id]
	}
	return r
}

// shown is the row as the faults have it printed.
func (t *table) shown(id int32, f *Faults) record {
	r := t.record(id, f.Precision)
	r.notation = f.Notation
	r.number, r.rendered = id, t.rendered
	return r
}

// visible says whether a feed may see a row that has not been removed. IDX
// sees the children of its own listings, and those without any listing.
func (t *table) visible(id int32, feed Feed) bool {
	if feed == VOW {
		return true
	}
	r := &t.rows[id]
	switch {
	case t.listings == nil:
		return r.state&inIDX != 0
	case r.state&added != 0:
		parent, ok := t.listings.find(t.edits[id].parent)
		return !ok || t.listings.rows[parent].state&inIDX != 0
	case int(r.parent) < t.world.listings:
		return t.listings.rows[r.parent].state&(inIDX|removed) != 0
	case len(t.listings.addedKeys) > 0: // perhaps an orphan's parent came late
		key := t.world.appendParentKey(nil, int(r.parent))
		parent, ok := t.listings.addedKeys[string(key)]
		return !ok || t.listings.rows[parent].state&inIDX != 0
	}
	return true
}

// find returns the row with a key, unless it has been removed.
func (t *table) find(key string) (int32, bool) {
	if id, ok := t.addedKeys[key]; ok {
		return id, true
	}
	parent, seq, ok := t.def.keys.find(key)
	if !ok || parent >= t.def.numbers {
		return 0, false
	}
	id := int32(parent)
	if t.first != nil {
		if seq >= int(t.first[parent+1]-t.first[parent]) {
			return 0, false
		}
		id = t.first[parent] + int32(seq)
	}
	r := t.record(id, WholeSeconds)
	var scratch [64]byte
	if r.row.state&removed != 0 || string(r.appendKey(scratch[:0])) != key {
		return 0, false
	}
	return id, true
}

// under returns the rows whose parent has a key.
func (t *table) under(parentKey string) []int32 {
	ids := slices.Clone(t.addedUnder[parentKey])
	if parent, ok := t.world.parentOf(parentKey); ok && parent+1 < len(t.first) {
		for id := t.first[parent]; id < t.first[parent+1]; id++ {
			if t.rows[id].state&removed == 0 {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// link and unlink keep the orders right around a change of a row's timestamp.
func (t *table) link(id int32) {
	for _, o := range t.orders {
		at := o.position(t, id)
		o.ids = slices.Insert(o.ids, at, id)
	}
	t.version++
}

func (t *table) unlink(id int32) {
	for _, o := range t.orders {
		if at := o.position(t, id); at < len(o.ids) && o.ids[at] == id {
			o.ids = slices.Delete(o.ids, at, at+1)
		}
	}
	t.version++
}
