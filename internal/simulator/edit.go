package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"
)

// Touch changes fields of a row and gives it a new timestamp. The key, the
// parent and the sync timestamps are not fields that can be changed.
//
// What the source does beside it is done too: a touched photo moves its
// listing's PhotosChangeTimestamp, a touched room its listing's
// ModificationTimestamp (unless that is later already). A listing that is
// given a StandardStatus other than Active, or may no longer be displayed,
// leaves IDX, and comes back the same way.
func (s *Simulator) Touch(resource, key string, at time.Time, changes map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(resource)
	if err != nil {
		return err
	}
	id, ok := t.find(key)
	if !ok {
		return fmt.Errorf("touch %s: no row with the key %q", resource, key)
	}
	if err := t.touch(id, at, changes); err != nil {
		return fmt.Errorf("touch %s %s: %w", resource, key, err)
	}
	return s.touchParent(t, id, at)
}

func (s *Simulator) touchParent(t *table, id int32, at time.Time) error {
	if t.listings == nil || t.def.moves == "" {
		return nil
	}
	r := t.record(id, WholeSeconds)
	parent, ok := t.listings.find(string(r.appendParent(nil)))
	if !ok {
		return nil
	}
	listing := t.listings.record(parent, WholeSeconds)
	if listing.edit != nil && listing.edit.raw != nil {
		return nil
	}
	when := time.UnixMicro(listing.row.at)
	var changes map[string]any
	switch {
	case t.def.moves != t.listings.def.stamps[0]:
		changes = map[string]any{t.def.moves: at.UTC().Format("2006-01-02T15:04:05Z")}
	case at.After(when):
		when = at
	default:
		return nil
	}
	return t.listings.touch(parent, when, changes)
}

func (t *table) touch(id int32, at time.Time, changes map[string]any) error {
	values, err := t.encode(changes)
	if err != nil {
		return err
	}
	old := t.edits[id]
	if old != nil && old.raw != nil {
		return errors.New("the row was added as raw bytes")
	}
	next := edit{}
	if old != nil {
		next = *old
		next.fields = maps.Clone(old.fields)
	} else {
		next.origin = t.rows[id].at
	}
	if next.fields == nil {
		next.fields = map[string]json.RawMessage{}
	}
	maps.Copy(next.fields, values)
	t.unlink(id)
	t.rows[id].at = at.UnixMicro()
	t.edits[id] = &next
	t.setVisible(id)
	t.link(id)
	return nil
}

// encode turns values into the JSON that is served.
func (t *table) encode(values map[string]any) (map[string]json.RawMessage, error) {
	encoded := make(map[string]json.RawMessage, len(values))
	for name, value := range values {
		f := t.def.byName[name]
		if f == nil {
			return nil, fmt.Errorf("no field %q", name)
		}
		if f.column != columnNone {
			return nil, fmt.Errorf("the field %s cannot be changed", name)
		}
		text, err := encode(value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		encoded[name] = text
	}
	return encoded, nil
}

// setVisible decides from a listing's own values whether IDX may see it.
func (t *table) setVisible(id int32) {
	if t.def.name != Property {
		t.rows[id].state |= inIDX
		return
	}
	c := cursor{table: t}
	c.move(id)
	standard := c.value(t.def.byName["StandardStatus"])
	display := c.value(t.def.byName["InternetEntireListingDisplayYN"])
	hidden := (standard.kind == kindText && standard.text != "Active") || (display.kind == kindBool && !display.truth)
	t.rows[id].state &^= inIDX
	if !hidden {
		t.rows[id].state |= inIDX
	}
}

// Add puts in a new row. The record holds its key, for a child its parent, and
// its main sync timestamp as RFC 3339 text; what it lacks but the keys is null. A
// json.Number or json.RawMessage is served as it is written. A listing is in
// IDX if it is active (or has no status) and may be displayed.
func (s *Simulator) Add(resource string, values map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(resource)
	if err != nil {
		return err
	}
	rest := maps.Clone(values)
	text := func(name string) string {
		value, _ := rest[name].(string)
		delete(rest, name)
		return value
	}
	e := &edit{key: text(t.def.key)}
	if t.def.parent != "" {
		e.parent = text(t.def.parent)
	}
	stamp := text(t.def.stamps[0])
	for _, other := range t.def.stamps[1:] {
		delete(rest, other)
	}
	if e.fields, err = t.encode(rest); err != nil {
		return fmt.Errorf("add %s: %w", resource, err)
	}
	if err := t.add(e, stamp); err != nil {
		return fmt.Errorf("add %s: %w", resource, err)
	}
	return nil
}

// AddRaw puts in a row whose JSON goes onto the wire byte by byte, valid or
// not; it is served to both feeds (a child of a listing: to those that see the
// listing), whatever $select says. Key, parent and timestamp say how it is
// found and where it stands; filters on other fields see it as null.
func (s *Simulator) AddRaw(resource, key, timestamp, parent string, raw []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(resource)
	if err != nil {
		return err
	}
	e := &edit{key: key, parent: parent, raw: append([]byte{}, raw...)}
	if err := t.add(e, timestamp); err != nil {
		return fmt.Errorf("add %s: %w", resource, err)
	}
	return nil
}

func (t *table) add(e *edit, stamp string) error {
	at, ok := parseTime(stamp)
	if stamp == "" {
		at, ok = noStamp, true
	}
	switch {
	case !ok:
		return fmt.Errorf("%q is not a timestamp for %s", stamp, t.def.stamps[0])
	case e.key == "":
		return fmt.Errorf("no %s", t.def.key)
	case t.def.parent != "" && e.parent == "":
		return fmt.Errorf("no %s", t.def.parent)
	case len(t.rows) >= math.MaxInt32:
		return errors.New("too many rows")
	}
	if _, exists := t.find(e.key); exists {
		return fmt.Errorf("the key %q exists", e.key)
	}
	id := int32(len(t.rows))
	t.rows = append(t.rows, row{at: at, parent: -1, state: added})
	t.edits[id] = e
	t.addedKeys[e.key] = id
	if t.def.parent != "" {
		t.addedUnder[e.parent] = append(t.addedUnder[e.parent], id)
	}
	t.setVisible(id)
	t.link(id)
	return nil
}

// Remove takes a row out of every feed without a trace. Children of a removed
// listing stay, as orphans.
func (s *Simulator) Remove(resource, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.table(resource)
	if err != nil {
		return err
	}
	id, ok := t.find(key)
	if !ok {
		return fmt.Errorf("remove %s: no row with the key %q", resource, key)
	}
	t.unlink(id)
	t.rows[id].state |= removed
	if t.rows[id].state&added != 0 {
		delete(t.addedKeys, key)
		parent := t.edits[id].parent
		var others []int32
		for _, other := range t.addedUnder[parent] {
			if other != id {
				others = append(others, other)
			}
		}
		t.addedUnder[parent] = others
	}
	return nil
}

func (s *Simulator) table(resource string) (*table, error) {
	if t := s.tables[resource]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("find rows: no resource %q", resource)
}
