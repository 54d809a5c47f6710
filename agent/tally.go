package agent

import "time"

// mostMarked bounds how many records of one second are told apart.
const mostMarked = 100_000

// tally counts what comes in the span that a walk is held against, each record
// once: those of the last two seconds are told apart, since a source that prints
// less than it filters by sends them again and again. Records without a place
// lie where those behind them lie.
type tally struct {
	from, old, before  time.Time // of the span; before zero: whatever comes lies in it
	came, young, later int64     // as in checkpoint.Place
	loose              int64     // without a place, since the last that has one

	second    int64 // since 1970
	now, last map[uint64]struct{}
}

// add counts a record with a place. beyond: the walk has left the present behind,
// and the last second before that stays marked.
func (t *tally) add(id uint64, at time.Time, beyond bool) {
	if !beyond && !t.mark(id, at) {
		return
	}
	switch {
	case t.before.IsZero():
		t.came++
	case at.Before(t.from):
	case at.Before(t.old):
		t.came += 1 + t.loose
		t.loose = 0
	case at.Before(t.before):
		t.young += 1 + t.loose
		t.loose = 0
	default:
		t.later++
	}
}

// addLoose counts a record without a place.
func (t *tally) addLoose() {
	if t.before.IsZero() {
		t.came++
		return
	}
	t.loose++
}

// allLater: the records without a place were ahead of the present.
func (t *tally) allLater() { t.later, t.loose = t.later+t.loose, 0 }

// mark reports whether a record has not been counted yet, as far as that is known.
func (t *tally) mark(id uint64, at time.Time) bool {
	marks := &t.now
	switch s := at.Unix(); {
	case s > t.second+1:
		t.second, t.now, t.last = s, emptied(t.now), emptied(t.last)
	case s == t.second+1:
		t.second, t.now, t.last = s, emptied(t.last), t.now
	case s == t.second-1:
		marks = &t.last
	case s != t.second:
		return true
	}
	if _, known := (*marks)[id]; known {
		return false
	}
	if *marks == nil {
		*marks = make(map[uint64]struct{})
	}
	if len(*marks) < mostMarked {
		(*marks)[id] = struct{}{}
	}
	return true
}

// emptied is an empty set for the next second: most seconds have few records, and
// a set that was large once takes long to clear.
func emptied(marks map[uint64]struct{}) map[uint64]struct{} {
	if len(marks) > 1000 {
		return nil
	}
	clear(marks)
	return marks
}

// numbers are the counts alone.
func (t *tally) numbers() tally {
	n := *t
	n.now, n.last = nil, nil
	return n
}
