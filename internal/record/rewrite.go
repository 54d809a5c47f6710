package record

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// rewriter writes JSON again as a database can hold it: text repaired (see
// repair.go), and of members that occur twice the last one. The JSON must be
// valid, but for UTF-8.
type rewriter struct {
	in      []byte
	out     []byte
	members []span // of the objects that are open, one behind the other
	cuts    []cut  // what is still to be taken out of the output
	damage  damage // what has been repaired
	tooMany bool   // members: it is no record
}

// maxMembers is how many members the objects that are open at a time may have
// together. Real ones have some hundred; what is kept of each is more than the few
// bytes that a broken source needs for one.
const maxMembers = 100_000

// span is where a member stands in the output: its name, in quotes, and its
// value.
type span struct {
	name, nameEnd, end int
	damage             damage
	gone               bool // it occurs again
}

// cut is a part of the output that goes.
type cut struct{ from, to int }

// repaired is a member of a record that had to be repaired.
type repaired struct {
	name   []byte // without quotes; good until the next record
	damage damage
}

// record rewrites a whole record. Names have no escapes afterwards but those that
// JSON asks for. What it gives is good until the next record.
func (w *rewriter) record(raw []byte) (object []byte, fixed []repaired) {
	w.in, w.out, w.members, w.cuts, w.damage = raw, w.out[:0], w.members[:0], w.cuts[:0], 0
	w.tooMany = false
	w.object(0, func(members []span) {
		for _, m := range members {
			if null := w.out[m.nameEnd+1] == 'n'; m.damage != 0 && !m.gone && !null {
				fixed = append(fixed, repaired{bytes.Clone(w.out[m.name+1 : m.nameEnd-1]), m.damage})
			}
		}
	})
	w.takeOut()
	return w.out, fixed
}

// nested appends a value to out. One that holds an object is rewritten on the
// way, unless that has been done.
func (w *rewriter) nested(out, value []byte, done bool) []byte {
	if done || value[0] != '{' && (value[0] != '[' || bytes.IndexByte(value, '{') < 0) {
		return append(out, value...)
	}
	in, before, members := w.in, w.out, w.members
	w.in, w.out, w.members, w.cuts = value, out, w.members[:0], w.cuts[:0]
	w.value(0)
	w.takeOut()
	out, w.in, w.out, w.members = w.out, in, before, members
	return out
}

// value rewrites the value that begins at i, and gives the place behind it.
func (w *rewriter) value(i int) int {
	switch w.in[i] {
	case '{':
		return w.object(i, nil)
	case '[':
		return w.array(i)
	case '"':
		return w.text(i)
	}
	end := valueEnd(w.in, i)
	w.out = append(w.out, w.in[i:end]...)
	return end
}

func (w *rewriter) array(i int) int {
	w.out = append(w.out, '[')
	for i = space(w.in, i+1); w.in[i] != ']'; {
		if w.in[i] == ',' {
			w.out = append(w.out, ',')
			i = space(w.in, i+1)
		}
		i = space(w.in, w.value(i))
	}
	w.out = append(w.out, ']')
	return i + 1
}

// object rewrites an object. look, if there is one, sees its members.
func (w *rewriter) object(i int, look func([]span)) int {
	first := len(w.members)
	outside := w.damage
	w.out = append(w.out, '{')
	for i = space(w.in, i+1); w.in[i] != '}'; {
		if w.in[i] == ',' {
			w.out = append(w.out, ',')
			i = space(w.in, i+1)
		}
		m := span{name: len(w.out)}
		w.damage = 0
		i = space(w.in, w.name(i))
		m.nameEnd = len(w.out)
		w.out = append(w.out, ':')
		i = space(w.in, w.value(space(w.in, i+1)))
		m.end, m.damage = len(w.out), w.damage
		outside |= w.damage
		if w.tooMany = w.tooMany || len(w.members) >= maxMembers; !w.tooMany {
			w.members = append(w.members, m)
		}
	}
	w.damage = outside
	members := w.members[first:]
	w.markGone(members)
	for i, m := range members {
		if m.gone {
			w.cuts = append(w.cuts, cut{m.name, members[i+1].name}) // the last one is not gone
		}
	}
	if look != nil {
		look(members)
	}
	w.out = append(w.out, '}')
	w.members = w.members[:first]
	return i + 1
}

// name rewrites a name so that the same name is the same bytes.
func (w *rewriter) name(i int) int {
	start := len(w.out)
	end := w.text(i)
	if bytes.IndexByte(w.out[start:], '\\') < 0 {
		return end
	}
	plain, err := jsontext.AppendUnquote(nil, w.out[start:])
	if err != nil {
		return end // not reached: it is a JSON string
	}
	if out, err := jsontext.AppendQuote(w.out[:start], plain); err == nil {
		w.out = out
	}
	return end
}

// fewMembers are so few that comparing each with each is the quickest.
const fewMembers = 12

// markGone marks members that occur again further behind.
func (w *rewriter) markGone(members []span) {
	name := func(m span) []byte { return w.out[m.name:m.nameEnd] }
	if len(members) <= fewMembers {
		for i := range members {
			same := func(m span) bool { return bytes.Equal(name(m), name(members[i])) }
			members[i].gone = slices.ContainsFunc(members[i+1:], same)
		}
		return
	}
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return bytes.Compare(name(members[a]), name(members[b])) })
	for i := range order[1:] {
		m := &members[order[i]]
		m.gone = bytes.Equal(name(*m), name(members[order[i+1]]))
	}
}

// takeOut takes the cuts out of the output, all at once: objects inside each
// other would else be moved once for each of them.
func (w *rewriter) takeOut() {
	if len(w.cuts) == 0 {
		return
	}
	slices.SortFunc(w.cuts, func(a, b cut) int { return a.from - b.from })
	to, from := w.cuts[0].from, w.cuts[0].to
	for _, c := range w.cuts[1:] {
		if c.from > from { // else it lies in one that goes
			to += copy(w.out[to:], w.out[from:c.from])
		}
		from = max(from, c.to)
	}
	to += copy(w.out[to:], w.out[from:])
	w.out = w.out[:to]
}
