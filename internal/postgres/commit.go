package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// Commit stores a group: rows, rejects, orphans and the stream's mark, in one
// transaction. It makes one attempt. After an error that is Temporary the group
// may be committed again as it is: a group whose acknowledgement was lost is
// recognised by its mark, which the lost transaction holds locked until it is
// decided, and not applied twice.
//
// A record that the database refuses (SQLSTATE classes 22 and 23) becomes a
// reject; the others of its batch go in.
func (d *Destination) Commit(ctx context.Context, g *record.Group) error {
	err := d.attempt(ctx, g, false)
	if rowFault(err) {
		// The failed statement has doomed the whole transaction. Played again
		// with a savepoint around each batch, it costs only the bad records.
		err = d.attempt(ctx, g, true)
	}
	return wrap("write "+g.Stream, err)
}

func (d *Destination) attempt(ctx context.Context, g *record.Group, careful bool) error {
	tx, err := d.pool.Begin(ctx)
	if err != nil {
		return err
	}
	// The context may be over already; the rollback must reach the server all
	// the same, or the connection is thrown away.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	applied, err := d.checkMark(ctx, tx, g)
	if err != nil || applied {
		return err
	}
	s := d.statements(g.Shape, g.Feed)
	for i := range g.Batches {
		w := writer{d: d, tx: tx, s: s, forced: g.Forced, careful: careful}
		if err := w.batch(ctx, &g.Batches[i]); err != nil {
			return wrap(place(g, &g.Batches[i]), err)
		}
	}
	if err := d.aside(ctx, tx, g); err != nil {
		return err
	}
	mark, err := g.Mark(g)
	if err != nil {
		return err
	}
	if err := d.putMark(ctx, tx, mark); err != nil {
		return err
	}
	crashpoint.At(crashpoint.CommitOpen)
	// Commit point. Before it nothing of the group is there, after it all of
	// it is, with the mark that says so. If the answer is lost, the next
	// attempt finds the mark.
	return tx.Commit(ctx)
}

// place names a batch for the log.
func place(g *record.Group, b *record.Batch) string {
	first, last := "", ""
	if n := len(b.Records); n > 0 {
		first, last = b.Records[0].Key, b.Records[n-1].Key
	}
	return fmt.Sprintf("write %s, page %d, batch %d, keys %s to %s", g.Stream, b.Page, b.Number, first, last)
}

type writer struct {
	d       *Destination
	tx      pgx.Tx
	s       statements
	forced  bool
	careful bool
}

func (w *writer) batch(ctx context.Context, b *record.Batch) error {
	b.Outcome = record.Outcome{}
	for i := range b.Records {
		b.Records[i].Refused = ""
	}
	store, remove, reject, superseded := b.Sorted()
	b.Outcome.Failed = int64(len(reject))
	b.Outcome.Unchanged = int64(superseded)
	if err := w.guarded(ctx, store, b, w.store); err != nil {
		return err
	}
	return w.guarded(ctx, remove, b, w.remove)
}

type operation func(context.Context, pgx.Tx, []*record.Record) (record.Outcome, error)

// guarded runs an operation on records. In careful mode it halves them around a
// bad one until that one stands alone and becomes a reject.
func (w *writer) guarded(ctx context.Context, records []*record.Record, b *record.Batch, run operation) error {
	if len(records) == 0 {
		return nil
	}
	if !w.careful {
		o, err := run(ctx, w.tx, records)
		b.Outcome.Add(o)
		return err
	}
	var o record.Outcome
	err := pgx.BeginFunc(ctx, w.tx, func(savepoint pgx.Tx) error {
		var err error
		o, err = run(ctx, savepoint, records)
		return err
	})
	switch {
	case err == nil:
		b.Outcome.Add(o)
		return nil
	case !rowFault(err):
		return err
	case len(records) == 1:
		records[0].Refused = wrap("store record", err).Error()
		b.Outcome.Failed++
		return nil
	}
	half := len(records) / 2
	if err := w.guarded(ctx, records[:half], b, run); err != nil {
		return err
	}
	return w.guarded(ctx, records[half:], b, run)
}

type stored struct {
	hash int64
	time time.Time
}

// store writes the records that are not older than what is there and differ
// from it. What is the same is found by a read and not touched at all: even an
// update that changes nothing locks the row and writes WAL.
func (w *writer) store(ctx context.Context, tx pgx.Tx, records []*record.Record) (record.Outcome, error) {
	there, err := w.find(ctx, tx, records)
	if err != nil {
		return record.Outcome{}, err
	}
	differ := make([]*record.Record, 0, len(records))
	for _, r := range records {
		old, ok := there[[2]string{r.Parent, r.Key}]
		older := r.Time.Truncate(time.Microsecond).Before(old.time) && !w.forced
		if !ok || (old.hash != r.Hash && !older) {
			differ = append(differ, r)
		}
	}
	o := record.Outcome{Unchanged: int64(len(records) - len(differ))}
	if len(differ) == 0 {
		return o, nil
	}
	statement := w.s.merge
	if w.forced {
		statement = w.s.force
	}
	if _, err := tx.Exec(ctx, statement, w.s.rowArrays(differ)...); err != nil {
		return record.Outcome{}, err
	}
	o.Written = int64(len(differ))
	return o, nil
}

func (w *writer) find(ctx context.Context, tx pgx.Tx, records []*record.Record) (map[[2]string]stored, error) {
	rows, err := tx.Query(ctx, w.s.find, w.s.keyArrays(records)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	there := make(map[[2]string]stored, len(records))
	for rows.Next() {
		var key [2]string
		var old stored
		into := []any{&key[0], &key[1], &old.hash, &old.time}
		if w.s.shape.Parent == "" {
			into = into[1:]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		there[key] = old
	}
	return there, rows.Err()
}

// remove deletes rows that are soft-deleted at the source. Each such record
// counts as deleted, whether or not its row had ever arrived: it is not there now.
func (w *writer) remove(ctx context.Context, tx pgx.Tx, records []*record.Record) (record.Outcome, error) {
	tag, err := tx.Exec(ctx, w.s.remove, w.s.keyArrays(records)...)
	if err != nil {
		return record.Outcome{}, err
	}
	return record.Outcome{Deleted: int64(len(records)), Removed: tag.RowsAffected()}, nil
}
