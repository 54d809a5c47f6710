package record

import "bytes"

// names are the members' names of the records that were read so far. Whether a
// name comes twice in a record costs no search where records have their members
// in the same order as the ones before, as they mostly do.
type names struct {
	shape  *Shape
	known  map[string]*member
	first  member // the one in front of the first
	before *member
	record uint64 // the number of the record that is being read
}

// member is a name of an object's member.
type member struct {
	name  string
	use   *use    // nil: none of ours
	seen  uint64  // the record that it was last seen in
	after *member // what followed it then
}

const (
	// maxNames and maxName bound what is remembered; a source has some hundred
	// names of some ten bytes.
	maxNames = 4096
	maxName  = 256
)

// begin begins the next record.
func (n *names) begin() {
	if n.known == nil || len(n.known) >= maxNames {
		n.known = make(map[string]*member)
		n.first = member{}
	}
	n.record++
	n.before = &n.first
}

// next gives the next member of the record, or nil where it was there already,
// or where that is not easily told: a name with an escape in it may be spelled in
// two ways.
func (n *names) next(name []byte) *member {
	m := n.before.after
	if m == nil || m.name != string(name) {
		var ok bool
		if m, ok = n.known[string(name)]; !ok {
			if len(n.known) >= maxNames || len(name) > maxName || bytes.IndexByte(name, '\\') >= 0 {
				return nil
			}
			m = &member{name: string(name), use: n.use(name)}
			n.known[m.name] = m
		}
		n.before.after = m
	}
	if m.seen == n.record {
		return nil
	}
	m.seen = n.record
	n.before = m
	return m
}

// use is what the agent needs a member for; nil: nothing.
func (n *names) use(name []byte) *use {
	u, ok := n.shape.fields[string(name)]
	if !ok {
		return nil
	}
	return u
}
