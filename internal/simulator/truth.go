package simulator

import "fmt"

// Row is a row as the API serves it without $select.
type Row struct {
	Key       string
	Parent    string // of a child: the key of its parent
	Timestamp string // the main sync timestamp as it is printed
	JSON      []byte // good until the function that got it returns
}

// Each calls a function with every row of a feed, ordered by timestamp and
// key, and stops at its first error. It sees the rows as they are when it is
// called; the function may change the simulator.
func (s *Simulator) Each(feed Feed, resource string, each func(Row) error) error {
	rows, err := s.visible(feed, resource)
	if err != nil {
		return err
	}
	var buffer []byte
	for i := range rows {
		r := &rows[i]
		buffer = r.appendJSON(buffer[:0], feed, nil)
		row := Row{Key: string(r.appendKey(nil)), Timestamp: r.timestamp(), JSON: buffer}
		if r.def.parent != "" {
			row.Parent = string(r.appendParent(nil))
		}
		if err := each(row); err != nil {
			return err
		}
		r.shared = nil // or a pass over all listings would keep them all
	}
	return nil
}

func (r *record) timestamp() string {
	text := r.appendTime(nil, r.stamp(columnStamp), r.precision == Microseconds)
	return string(text[1 : len(text)-1])
}

func (s *Simulator) visible(feed Feed, resource string) ([]record, error) {
	f := s.currentFaults()
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tables[resource]
	if t == nil || (feed != IDX && feed != VOW) {
		return nil, fmt.Errorf("read rows: no resource %q in feed %q", resource, feed)
	}
	var rows []record
	for _, id := range s.order(t, columnStamp, &f).ids {
		if t.visible(id, feed) {
			rows = append(rows, t.shown(id, &f))
		}
	}
	return rows, nil
}

func (s *Simulator) currentFaults() Faults {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	return s.faults
}

// Count is how many rows a feed has; none of a resource that does not exist.
func (s *Simulator) Count(feed Feed, resource string) int {
	f := s.currentFaults()
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tables[resource]
	if t == nil || (feed != IDX && feed != VOW) {
		return 0
	}
	return s.count(t, &query{def: t.def, feed: feed}, &f)
}
