package agent

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"resoagent/checkpoint"
	"resoagent/internal/catalog"
	"resoagent/internal/harness"
	"resoagent/internal/postgres"
	"resoagent/internal/record"
	"resoagent/keyset"
)

// Two windows that share keys, each of which stores what the other deletes: the
// database finds deadlocks, and the groups that it gives up are played again.
// Both stores have every group in the end, in one order.
func TestWindowsThatShareKeys(t *testing.T) {
	t.Parallel()
	db := harness.NewPostgres(t)
	dest, err := postgres.Open(postgres.Options{URL: db.URL, Schema: db.Schema, Shapes: catalog.All().Shapes(), Layout: catalog.All().Layout(), Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer dest.Close() //nolint:errcheck // of a test
	if _, err := dest.Migrate(t.Context(), record.Owner{}); err != nil {
		t.Fatal(err)
	}
	if _, err := dest.Claim(t.Context(), record.Owner{StateID: "x", Host: "h", Lease: time.Minute}, Streams()); err != nil {
		t.Fatal(err)
	}
	file, err := checkpoint.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // as above
	a := &Agent{config: DefaultConfig(), dest: dest, file: file, keys: &keyset.Set{}}
	l := a.ledger(&standing{stream: a.config.stream(catalog.Media), next: 1})

	const most, keys = 100, 2000
	var retries, groups atomic.Int64
	window := func(which int) func(context.Context) error {
		return func(ctx context.Context) error {
			retry := newRetrier("destination", time.Minute, func(Event) { retries.Add(1) })
			for n := 0; n < most && retries.Load() < 2; n++ {
				groups.Add(1)
				if _, err := l.commit(ctx, sharedKeys(which, n, keys), retry, func(s checkpoint.Stream) (checkpoint.Stream, error) {
					s.Counters.Written++
					return s, nil
				}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := together(t.Context(), 2, []func(context.Context) error{window(0), window(1)}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d groups were played again", retries.Load())
	if retries.Load() == 0 {
		t.Errorf("%d groups, and no deadlock: this shows nothing", groups.Load())
	}
	all := groups.Load()
	marks, err := dest.Marks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		if m.Stream == catalog.Media && m.Sequence != uint64(all) {
			t.Errorf("the destination is at %d, want %d", m.Sequence, all)
		}
	}
	if s := l.st.state; s.Sequence != uint64(all) || s.Counters.Written != all {
		t.Errorf("the account says %d, %+v", s.Sequence, s.Counters)
	}
}

// sharedKeys is a group that stores every other key and deletes those between.
func sharedKeys(which, n, keys int) *record.Group {
	shape := catalog.All().Find(catalog.Media).Shape()
	at := time.Date(2026, 1, 1, 0, 0, 2*n+which, 0, time.UTC)
	b := record.Batch{Page: 1, Number: 1}
	for k := range keys {
		b.Records = append(b.Records, record.Record{
			Key: fmt.Sprintf("k%04d", k), Parent: "p", Timestamp: record.WholeSecond(at), Time: at, Deleted: (k+which)%2 == 0,
			Hash: int64(2*n + which), JSON: []byte(`{}`), Values: make([]record.Value, len(shape.Columns)),
		})
	}
	return &record.Group{Stream: catalog.Media, Shape: shape, RunID: "run", Batches: []record.Batch{b}}
}

// taker is a destination that takes every group.
type taker struct{}

func (taker) Commit(ctx context.Context, g *record.Group) error {
	if err := g.TakeTurn(ctx); err != nil {
		return err
	}
	_, err := g.Mark(g)
	return err
}

func (taker) Applied(context.Context, *record.Group) (bool, error) { return false, nil }

// When the state file cannot be written, the other windows stop with that error,
// and not with one about a sequence that somebody else has moved.
func TestNobodyGoesOnBehindABrokenCommit(t *testing.T) {
	t.Parallel()
	file, err := checkpoint.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	a := &Agent{config: DefaultConfig(), dest: taker{}, file: file, keys: &keyset.Set{}}
	l := a.ledger(&standing{stream: a.config.stream(catalog.Media), next: 1})
	same := func(s checkpoint.Stream) (checkpoint.Stream, error) { return s, nil }
	commit := func() error {
		_, err := l.commit(t.Context(), sharedKeys(0, 0, 1), newRetrier("destination", time.Minute, func(Event) {}), same)
		return err
	}
	first, second := commit(), commit()
	if first == nil || !errors.Is(second, first) {
		t.Errorf("the first window stopped with %v, the second with %v", first, second)
	}
}
