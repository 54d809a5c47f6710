package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/record"
	"resoagent/migrations"
)

// fakeTruth is what a destination holds.
type fakeTruth struct {
	rows        map[string]map[string]int64 // stream, parent and key: version
	rejects     map[string]map[string]bool
	orphans     map[string]map[string]bool
	marks       map[string]record.Mark
	by          map[string]int64 // the incarnation that claimed a stream last
	incarnation int64
	runs        map[string]bool
}

func newTruth() *fakeTruth {
	t := &fakeTruth{
		rows: make(map[string]map[string]int64), rejects: make(map[string]map[string]bool), orphans: make(map[string]map[string]bool),
		marks: make(map[string]record.Mark), by: make(map[string]int64), runs: make(map[string]bool),
	}
	for _, s := range Streams() {
		t.rows[s], t.rejects[s], t.orphans[s] = make(map[string]int64), make(map[string]bool), make(map[string]bool)
	}
	return t
}

func (t *fakeTruth) clone() *fakeTruth {
	c := newTruth()
	for _, s := range Streams() {
		c.rows[s], c.rejects[s] = maps.Clone(t.rows[s]), maps.Clone(t.rejects[s])
	}
	for s := range t.orphans {
		c.orphans[s] = maps.Clone(t.orphans[s])
	}
	c.marks, c.by, c.incarnation, c.runs = maps.Clone(t.marks), maps.Clone(t.by), t.incarnation, maps.Clone(t.runs)
	return c
}

func (t *fakeTruth) hasMarks() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(t.marks)), func(m record.Mark) bool { return len(m.State) > 0 })
}

func (t *fakeTruth) parentThere(key string) bool {
	_, vow := t.rows[catalog.VOWProperty][key]
	_, idx := t.rows[catalog.IDXProperty][key]
	return vow || idx
}

// fakeStore is a destination in memory that checks what must always hold.
type fakeStore struct {
	*fakeTruth
	mu      sync.Mutex
	feed    *fakeFeed
	draw    func(int) int
	state   func() []byte // the state file as it is now
	trouble bool
	dieIn   int    // calls until the agent dies; 0: it does not
	dead    []byte // the state file at that moment
	broken  error  // what did not hold
	own     int64
}

// call makes a write: with trouble it fails now and then, before or after its
// effect, and at the appointed call the agent dies, before or after it.
func (s *fakeStore) call(write func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return errDead
	}
	if s.dieIn > 0 {
		if s.dieIn--; s.dieIn == 0 {
			s.dead = s.state()
			if s.draw(2) == 0 {
				_ = write()
			}
			return errDead
		}
	}
	fate := 0
	if s.trouble {
		fate = s.draw(12)
	}
	if fate == 1 {
		return brief{} // failed and not applied
	}
	if err := write(); err != nil {
		return err
	}
	if fate == 2 {
		return brief{} // failed but applied
	}
	return nil
}

func (s *fakeStore) Claim(_ context.Context, _ record.Owner, streams []string) (marks []record.Mark, err error) {
	err = s.call(func() error {
		s.incarnation++
		s.own = s.incarnation
		for _, name := range streams {
			m := s.marks[name]
			m.Stream = name
			s.marks[name], s.by[name] = m, s.own
		}
		return nil
	})
	for _, name := range streams {
		marks = append(marks, s.marks[name])
	}
	return marks, err
}

func (s *fakeStore) Applied(_ context.Context, g *record.Group) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return false, errDead
	}
	return g.Applied(s.marks[g.Stream].Sequence, s.by[g.Stream], s.own)
}

func (s *fakeStore) Commit(ctx context.Context, g *record.Group) error {
	if err := g.TakeTurn(ctx); err != nil {
		return err
	}
	return s.call(func() error {
		if err := g.Follows(s.marks[g.Stream].Sequence, s.by[g.Stream], s.own); err != nil {
			return err
		}
		for i := range g.Batches {
			s.batch(g, &g.Batches[i])
		}
		for _, p := range g.Arrived {
			delete(s.orphans[g.Stream], p)
		}
		for _, p := range g.Orphans {
			s.orphans[g.Stream][p] = true
		}
		for stream, parents := range g.Owed {
			for _, p := range parents {
				if s.orphans[stream] == nil {
					s.orphans[stream] = make(map[string]bool)
				}
				s.orphans[stream][p] = true
			}
		}
		for stream, names := range g.Paid {
			for _, n := range names {
				delete(s.orphans[stream], n)
			}
		}
		m, err := g.Mark(g)
		if err != nil {
			return err
		}
		s.marks[g.Stream] = m
		s.broken = errors.Join(s.broken, s.check(g.Stream))
		return s.broken
	})
}

func (s *fakeStore) batch(g *record.Group, b *record.Batch) {
	b.Outcome = record.Outcome{}
	rows := s.rows[g.Stream]
	for i := range b.Records {
		r := &b.Records[i]
		id := r.Parent + "/" + r.Key
		old, there := rows[id]
		if g.Shape.Parent != "" && r.Reason == "" && !r.Deleted && !s.parentThere("/"+r.Parent) {
			s.broken = errors.Join(s.broken, fmt.Errorf("%s %s is stored without its parent %s", g.Stream, r.Key, r.Parent))
		}
		switch {
		case r.Reason != "":
			b.Outcome.Failed++
			if s.rejects[g.Stream][r.Key] {
				b.Outcome.Known++
			}
			s.rejects[g.Stream][r.Key] = true
			continue
		case r.Deleted:
			if there && old > r.Hash && !g.ByKey {
				b.Outcome.Older++
				continue
			}
			b.Outcome.Deleted++
			if there {
				b.Outcome.Removed++
				delete(rows, id)
			}
		case there && old > r.Hash && !g.ByKey:
			b.Outcome.Older++
			continue
		case there && old == r.Hash:
			b.Outcome.Unchanged++
		default:
			b.Outcome.Written++
			rows[id] = r.Hash
		}
		delete(s.rejects[g.Stream], r.Key)
	}
}

// missing tells what is not in its place of one record of the feed.
func (s *fakeStore) missing(stream string, r *fakeRow) string {
	version, there := s.rows[stream][r.parent+"/"+r.key]
	switch {
	case r.bad:
		if !s.rejects[stream][r.key] && (r.parent == "" || s.parentThere("/"+r.parent)) {
			return "is bad and no reject"
		}
	case r.parent != "" && !s.parentThere("/"+r.parent):
		if !r.deleted && !s.orphans[stream][r.parent] {
			return "waits for " + r.parent + ", and nobody knows"
		}
	case s.orphans[stream][r.parent]: // will be brought home
	case r.deleted && there:
		return "is deleted and still there"
	case !r.deleted && version != r.version:
		return fmt.Sprintf("is there in version %d of %d", version, r.version)
	}
	return ""
}

// check: all that lies up to the position is stored. Rows that come late are
// behind a position that is right.
func (s *fakeStore) check(stream string) (err error) {
	var st checkpoint.Stream
	if err := json.Unmarshal(s.marks[stream].State, &st); err != nil {
		return err
	}
	if st.Position == nil {
		return nil
	}
	if s.owed(stream, st.Pass) { // nothing is claimed
		return nil
	}
	at := *st.Position
	if st.Pass != nil && st.Pass.Forced {
		// What a pass from the beginning is owed to has come as far as it has.
		if at = checkpoint.Position(st.Pass.Cursor); at.Timestamp == "" {
			return nil
		}
	}
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	for _, r := range s.feed.rows[shapeOf(stream)] {
		if r.late || !r.upTo(at.Timestamp, at.Key) {
			continue
		}
		if what := s.missing(stream, r); what != "" {
			err = errors.Join(err, fmt.Errorf("%s stands at %s, and %s at %s %s", stream, at.Timestamp, r.key, r.stamp(), what))
		}
	}
	return err
}

// owed reports whether a stream is owed a pass that has not begun.
func (s *fakeStore) owed(stream string, p *checkpoint.Pass) bool {
	for name := range s.orphans[debtOf(stream)] {
		if p == nil || p.Anew != name {
			return true
		}
	}
	return false
}

// compare: in the end everything is there, and nothing else.
func (s *fakeStore) compare() (err error) {
	for _, stream := range Streams() {
		want := make(map[string]bool)
		for _, r := range s.feed.rows[shapeOf(stream)] {
			want[r.parent+"/"+r.key] = true
			if what := s.missing(stream, r); what != "" {
				err = errors.Join(err, fmt.Errorf("in the end %s %s at %s %s", stream, r.key, r.stamp(), what))
			}
		}
		for id := range s.rows[stream] {
			if !want[id] {
				err = errors.Join(err, fmt.Errorf("in the end %s has %s, which never was", stream, id))
			}
		}
		for p := range s.orphans[stream] {
			if s.parentThere("/" + p) {
				err = errors.Join(err, fmt.Errorf("in the end children in %s still wait for %s, which is there", stream, p))
			}
		}
		if len(s.orphans[debtOf(stream)]) > 0 {
			err = errors.Join(err, fmt.Errorf("in the end %s is still owed a pass", stream))
		}
	}
	return err
}

func (s *fakeStore) Renew(context.Context, time.Duration) error { return nil }
func (s *fakeStore) Release(context.Context) error              { return s.call(func() error { return nil }) }

func (s *fakeStore) Keys(_ context.Context, yield func(string) error) error {
	keys := make(map[string]bool)
	for _, stream := range []string{catalog.IDXProperty, catalog.VOWProperty} {
		for id := range s.rows[stream] {
			keys[strings.TrimPrefix(id, "/")] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if err := yield(k); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) Tally(_ context.Context, stream string, _ *record.Shape) (record.Tally, error) {
	return record.Tally{
		Rows: int64(len(s.rows[stream])), Rejects: int64(len(s.rejects[stream])), Orphans: int64(len(s.orphans[stream])),
	}, nil
}

func (s *fakeStore) HasRows(_ context.Context, shape *record.Shape) (bool, error) {
	for _, name := range Streams() {
		if st := (&Config{}).stream(name); st != nil && st.Table == shape.Table && len(s.rows[name]) > 0 {
			return true, nil
		}
	}
	return false, nil
}

func (s *fakeStore) Figures(context.Context, []record.Holding) (record.Figures, error) {
	all := make(map[string]bool)
	for _, o := range s.orphans {
		maps.Copy(all, o)
	}
	return record.Figures{OrphanParents: int64(len(all))}, nil
}

func (s *fakeStore) Fill(context.Context) (migrations.Filled, error) { return migrations.Filled{}, nil }

func (s *fakeStore) ShowProperty(context.Context, string) error { return nil }

func (s *fakeStore) Orphans(_ context.Context, stream, after string, limit int) (waited []string, err error) {
	for _, p := range slices.Sorted(maps.Keys(s.orphans[stream])) {
		if p > after && len(waited) < limit {
			waited = append(waited, p)
		}
	}
	return waited, nil
}

func (s *fakeStore) Rejects(context.Context, string, string, int) ([]record.Reject, error) {
	return nil, nil // not asked for in these histories
}

func (s *fakeStore) Mirror(_ context.Context, r record.Run) error {
	return s.call(func() error { s.runs[r.ID] = true; return nil })
}

func (s *fakeStore) Newest(context.Context, []string) (map[string]time.Time, error) {
	return nil, nil
}
