package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/record"
)

// stored is what is there of a record.
type stored struct {
	hash int64
	time time.Time // zero: it has none
}

// comparison is records beside what is there of them.
type comparison struct{ absent, differ, same, older []record.Entry }

func (w *writer) compare(entries []record.Entry, there map[[2]string]stored) (c comparison) {
	for _, e := range entries {
		old, ok := there[[2]string{e.Parent, e.Key}]
		switch {
		case !ok:
			c.absent = append(c.absent, e)
		case old.hash == e.Hash:
			c.same = append(c.same, e)
		case w.g.Replaces(e.Record, old.time):
			c.differ = append(c.differ, e)
		default:
			c.older = append(c.older, e)
		}
	}
	return c
}

// outdone finds, of those that differed, the ones in whose place another version
// is there once they were written.
func (c *comparison) outdone(there map[[2]string]stored) {
	c.differ = slices.DeleteFunc(c.differ, func(e record.Entry) bool {
		now, ok := there[[2]string{e.Parent, e.Key}]
		gone := ok && now.hash != e.Hash
		if gone {
			c.older = append(c.older, e)
		}
		return gone
	})
}

// count counts the records, once nothing more can go wrong with their writing:
// a savepoint that is taken back is played again in halves.
func (c comparison) count() {
	for _, entries := range [][]record.Entry{c.absent, c.differ} {
		for _, e := range entries {
			e.Outcome.Written++
		}
	}
	for _, e := range c.same {
		e.Outcome.Unchanged++
	}
	for _, e := range c.older {
		e.GivesWay()
	}
}

func (w *writer) find(ctx context.Context, tx pgx.Tx, entries []record.Entry) (map[[2]string]stored, error) {
	rows, err := tx.Query(ctx, w.s.find, w.s.keyArrays(entries)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := make(map[[2]string]stored)
	for rows.Next() {
		var key [2]string
		var old stored
		var at *time.Time
		into := []any{&key[0], &key[1], &old.hash, &at}
		if w.s.shape.Parent == "" {
			into = into[1:]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		if at != nil {
			old.time = *at
		}
		there[key] = old
	}
	return there, rows.Err()
}
