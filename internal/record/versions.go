package record

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Replaces reports whether a version whose content differs takes the place of
// the one that is there, of which this is the timestamp as a destination keeps
// it (zero: it has none). It does unless it is older; what has no timestamp, or
// stands behind one that is ahead of the present, is not.
func (g *Group) Replaces(r *Record, there time.Time) bool {
	return g.Forced || g.ByKey || r.Time.IsZero() || there.IsZero() || !g.Present.IsZero() && there.After(g.Present) ||
		!r.Time.Truncate(time.Microsecond).Before(there)
}

// Entry is a record on its way into a destination, and where it is counted.
type Entry struct {
	*Record
	Outcome *Outcome // of the record's batch
}

// Sorted divides a group for writing: the records to store and those to delete,
// ordered by primary key and unique, as one SQL statement needs it. Of several
// versions of a key that one is kept that would be there if each had been
// written as it came. Rejects and the versions that were left out are counted
// here; what an earlier attempt has left is forgotten.
func (g *Group) Sorted() (store, remove []Entry) {
	n := 0
	for i := range g.Batches {
		n += len(g.Batches[i].Records)
	}
	good := make([]Entry, 0, n)
	for i := range g.Batches {
		b := &g.Batches[i]
		b.Outcome = Outcome{}
		for j := range b.Records {
			r := &b.Records[j]
			r.Refused, r.Older = "", false
			if r.Reason != "" {
				b.Outcome.Failed++
				continue
			}
			good = append(good, Entry{r, &b.Outcome})
		}
	}
	slices.SortStableFunc(good, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Key, b.Key))
	})
	store = good[:0]
	for i, e := range good {
		if i+1 < len(good) && good[i+1].Parent == e.Parent && good[i+1].Key == e.Key {
			good[i+1] = g.choose(e, good[i+1])
			continue
		}
		if e.Deleted {
			remove = append(remove, e)
		} else {
			store = append(store, e)
		}
	}
	return store, remove
}

// choose gives the version that is there once both have been written, and counts
// the other one.
func (g *Group) choose(earlier, later Entry) Entry {
	keep, leave := later, earlier
	if !g.Replaces(later.Record, earlier.Time.Truncate(time.Microsecond)) {
		keep, leave = earlier, later
	}
	if leave.Hash == keep.Hash {
		leave.Outcome.Unchanged++
	} else {
		leave.GivesWay()
	}
	return keep
}

// GivesWay notes that the record is not stored, since what is there is newer.
func (e Entry) GivesWay() {
	e.Record.Older = true
	e.Outcome.Older++
}

// Settled divides the records once they are written: the last version of each
// key that could not be stored, or was stored with its text repaired, and the keys
// of which the last version was stored as it came, so that what the list says of an
// earlier one is history. A version that gave way to a newer row says nothing of
// either. What is repaired is counted here, and what the group has twice is counted
// as known.
func (g *Group) Settled() (listed []Entry, clean []string) {
	last := make(map[string]*Entry)
	for i := range g.Batches {
		b := &g.Batches[i]
		for j := range b.Records {
			r := &b.Records[j]
			_, bad := r.Bad()
			switch key := r.RejectKey(); {
			case bad || r.Stands():
				if b.Outcome.list(r); last[key] != nil {
					_, was := last[key].Bad()
					b.Outcome.known(r, was)
				}
				last[key] = &Entry{r, &b.Outcome}
			case !r.Older:
				clean = append(clean, key)
				delete(last, key)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(last)) {
		listed = append(listed, *last[key])
	}
	if len(listed) > 0 {
		clean = slices.DeleteFunc(clean, func(key string) bool { return last[key] != nil })
	}
	return listed, clean
}

// list counts a repair; rejects have been counted.
func (o *Outcome) list(r *Record) {
	if _, bad := r.Bad(); !bad {
		o.Repaired++
	}
}

// known counts a reject or repair that was on the list before as what it is now.
// rejected: what was there was a reject.
func (o *Outcome) known(r *Record, rejected bool) {
	switch _, bad := r.Bad(); {
	case bad && rejected:
		o.Known++
	case !bad && !rejected:
		o.RepairedKnown++
	}
}

// WasListed notes that the entry was on the list of rejects and repairs before.
func (e Entry) WasListed(rejected bool) { e.Outcome.known(e.Record, rejected) }
