package simulator

import (
	"fmt"
	"slices"
)

// rendered is the JSON of a table's rows in one feed, printed once.
type rendered struct {
	precision Precision
	notation  Notation
	text      []byte
	end       []int // row n is text[end[n-1]:end[n]]; nothing where the feed does not see it
}

// Render prints the rows of a feed once and keeps the text, so that a page costs
// little more than its sending: what is measured is then the client. Rows that are
// changed or added later are printed as they are asked for, and so are all where a
// fault has them printed otherwise.
func (s *Simulator) Render(feed Feed, resource string) error {
	f := s.currentFaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[resource]
	if t == nil || (feed != IDX && feed != VOW) {
		return fmt.Errorf("render rows: no resource %q in feed %q", resource, feed)
	}
	out := &rendered{precision: f.Precision, notation: f.Notation, end: make([]int, len(t.rows))}
	for id := range t.rows {
		if id == 1000 { // room for the rest at once: there may be gigabytes
			out.text = slices.Grow(out.text, len(out.text)/1000*len(t.rows)*11/10)
		}
		if r := t.shown(int32(id), &f); r.edit == nil && r.row.state&removed == 0 && t.visible(int32(id), feed) {
			out.text = r.appendJSON(out.text, feed, nil)
		}
		out.end[id] = len(out.text)
	}
	if t.rendered == nil {
		t.rendered = make(map[Feed]*rendered)
	}
	t.rendered[feed] = out
	return nil
}

// of is the text of a row, nil where it must be printed.
func (d *rendered) of(id int32, r *record) []byte {
	if d == nil || r.edit != nil || int(id) >= len(d.end) || d.precision != r.precision || d.notation != r.notation {
		return nil
	}
	begin := 0
	if id > 0 {
		begin = d.end[id-1]
	}
	if begin == d.end[id] {
		return nil
	}
	return d.text[begin:d.end[id]]
}
