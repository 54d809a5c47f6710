package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"resoagent/internal/crashpoint"
	"resoagent/internal/record"
)

// Commit stores a group in one transaction; see the PostgreSQL destination for
// the contract. A record that SQLite refuses becomes a reject at once: a failed
// statement does not doom SQLite's transaction. There is one transaction at a
// time, so the turn is taken before it begins.
func (d *Destination) Commit(ctx context.Context, g *record.Group) error {
	if err := g.TakeTurn(ctx); err != nil {
		return wrap("write "+g.Stream, err)
	}
	err := d.transaction(ctx, func(tx *sql.Tx) error {
		sequence, incarnation, err := readMark(ctx, tx, g.Stream)
		if err != nil {
			return err
		}
		if err := g.Follows(sequence, incarnation, d.incarnation); err != nil {
			return err
		}
		if err := d.write(ctx, tx, g); err != nil {
			return err
		}
		mark, err := g.Mark(g)
		if err != nil {
			return err
		}
		err = putMark(ctx, tx, mark)
		crashpoint.At(crashpoint.CommitOpen)
		return err
	})
	return wrap("write "+g.Stream, err)
}

func (d *Destination) write(ctx context.Context, tx *sql.Tx, g *record.Group) error {
	w, err := newWriter(ctx, tx, g)
	if err != nil {
		return err
	}
	defer w.close()
	store, remove := g.Sorted()
	for _, e := range store {
		err := w.store(ctx, e)
		if rowFault(err) {
			if e.Refused, err = w.refusal(ctx, e, err); err != nil {
				return fmt.Errorf("key %s: %w", e.Key, err)
			}
			e.Outcome.Failed++
			continue
		}
		if err != nil {
			return fmt.Errorf("key %s: %w", e.Key, err)
		}
	}
	for _, e := range remove {
		if err := w.delete(ctx, e); err != nil {
			return fmt.Errorf("key %s: %w", e.Key, err)
		}
	}
	return w.aside(ctx)
}

type writer struct {
	tx                   *sql.Tx
	g                    *record.Group
	find, upsert, remove *sql.Stmt
	unreject             *sql.Stmt // nil where the stream has no rejects
}

func newWriter(ctx context.Context, tx *sql.Tx, g *record.Group) (*writer, error) {
	w := &writer{tx: tx, g: g}
	find, upsert, remove := statements(g.Shape)
	var some bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM agent_reject WHERE stream = ?)`, g.Stream).Scan(&some)
	if err != nil {
		return nil, err
	}
	prepare := func(text string) (s *sql.Stmt) {
		if err == nil {
			s, err = tx.PrepareContext(ctx, text)
		}
		return s
	}
	w.find, w.upsert, w.remove = prepare(find), prepare(upsert), prepare(remove)
	if some {
		w.unreject = prepare(`DELETE FROM agent_reject WHERE stream = ? AND record_key = ?`)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *writer) close() {
	for _, s := range []*sql.Stmt{w.find, w.upsert, w.remove, w.unreject} {
		if s != nil {
			_ = s.Close() // belongs to a transaction that ends now
		}
	}
}

// delete removes a row unless a newer one is there: that one stays.
func (w *writer) delete(ctx context.Context, e record.Entry) error {
	there, err := w.look(ctx, e)
	if err != nil {
		return err
	}
	if there != nil && !w.g.Replaces(e.Record, there.time) {
		e.GivesWay()
		return nil
	}
	result, err := w.remove.ExecContext(ctx, keys(w.g.Shape, e.Record)...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	e.Outcome.Deleted++
	e.Outcome.Removed += n
	return err
}

// store writes the record if it is not older than what is there and differs.
func (w *writer) store(ctx context.Context, e record.Entry) error {
	there, err := w.look(ctx, e)
	switch {
	case err != nil:
		return err
	case there != nil && there.hash == e.Hash:
		e.Outcome.Unchanged++
		return nil
	case there != nil && !w.g.Replaces(e.Record, there.time):
		e.GivesWay()
		return nil
	}
	if _, err := w.upsert.ExecContext(ctx, row(w.g.Shape, e.Record)...); err != nil {
		return err
	}
	e.Outcome.Written++
	return nil
}

// stored is what is there of a record.
type stored struct {
	hash int64
	time time.Time // zero: it has none
}

// look finds what is there of a record, nil if nothing is.
func (w *writer) look(ctx context.Context, e record.Entry) (*stored, error) {
	var there stored
	var text sql.NullString
	err := w.find.QueryRowContext(ctx, keys(w.g.Shape, e.Record)...).Scan(&there.hash, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // said above
	}
	if err == nil && text.Valid {
		there.time, err = record.ParseTimestamp(text.String)
	}
	return &there, err
}

// aside stores what did not become rows, or not as it came: rejects, repairs, and
// the parents of orphans.
func (w *writer) aside(ctx context.Context) error {
	if err := w.waitFor(ctx, w.g.Stream, w.g.Orphans); err != nil {
		return err
	}
	for stream, parents := range w.g.Owed {
		if err := w.waitFor(ctx, stream, parents); err != nil {
			return err
		}
	}
	for stream, names := range w.g.Paid {
		for _, name := range names {
			if _, err := w.tx.ExecContext(ctx, `DELETE FROM agent_orphan WHERE stream = ? AND parent_key = ?`, stream, name); err != nil {
				return err
			}
		}
	}
	for _, p := range w.g.Arrived {
		if slices.Contains(w.g.Orphans, p) {
			continue
		}
		_, err := w.tx.ExecContext(ctx, `DELETE FROM agent_orphan WHERE stream = ? AND parent_key = ?`, w.g.Stream, p)
		if err != nil {
			return err
		}
	}
	listed, clean := w.g.Settled()
	if w.unreject != nil {
		for _, key := range clean {
			if _, err := w.unreject.ExecContext(ctx, w.g.Stream, key); err != nil {
				return err
			}
		}
	}
	for _, r := range listed {
		if err := w.list(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// waitFor notes that children of a stream are to be asked for by these parents.
func (w *writer) waitFor(ctx context.Context, stream string, parents []string) error {
	for _, p := range parents {
		_, err := w.tx.ExecContext(ctx, `INSERT INTO agent_orphan (stream, parent_key, first_seen_at) VALUES (?, ?, ?)
			ON CONFLICT DO NOTHING`, stream, p, now())
		if err != nil {
			return err
		}
	}
	return nil
}

// list keeps a reject or a repair.
func (w *writer) list(ctx context.Context, r record.Entry) error {
	reason, repaired, body := r.Listed()
	var rejected bool
	err := w.tx.QueryRowContext(ctx, `SELECT repaired IS NULL FROM agent_reject WHERE stream = ? AND record_key = ?`,
		w.g.Stream, r.RejectKey()).Scan(&rejected)
	switch {
	case err == nil:
		r.WasListed(rejected)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	_, err = w.tx.ExecContext(ctx, `INSERT INTO agent_reject
		(stream, record_key, parent_key, reason, repaired, body, body_bytes, run_id, first_seen_at, last_seen_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (stream, record_key) DO UPDATE SET
		parent_key = excluded.parent_key, reason = excluded.reason, repaired = excluded.repaired, body = excluded.body,
		body_bytes = excluded.body_bytes, run_id = excluded.run_id, last_seen_at = excluded.last_seen_at`,
		w.g.Stream, r.RejectKey(), r.Parent, reason, repaired, w.g.Kept(r.Record, body, record.MostListed), len(body), w.g.RunID, now(), now())
	return err
}

// statements are the SQL texts for one shape.
func statements(shape *record.Shape) (find, upsert, remove string) {
	match := strings.Join(shape.KeyColumns(), " = ? AND ") + " = ?"
	find = fmt.Sprintf("SELECT record_hash, record_timestamp FROM %s WHERE %s", shape.Table, match)
	remove = fmt.Sprintf("DELETE FROM %s WHERE %s", shape.Table, match)

	names := shape.KeyColumns()
	for _, c := range shape.Columns {
		names = append(names, c.Name)
	}
	names = append(names, "record_timestamp", "record", "record_hash")
	var sets []string
	for _, name := range names[len(shape.KeyColumns()):] {
		sets = append(sets, name+" = excluded."+name)
	}
	places := strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")
	upsert = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s", shape.Table,
		strings.Join(names, ", "), places, strings.Join(shape.KeyColumns(), ", "), strings.Join(sets, ", "))
	return find, upsert, remove
}

func keys(shape *record.Shape, r *record.Record) []any {
	if shape.Parent == "" {
		return []any{r.Key}
	}
	return []any{r.Parent, r.Key}
}

func row(shape *record.Shape, r *record.Record) []any {
	args := keys(shape, r)
	for i, c := range shape.Columns {
		args = append(args, bind(c.Kind, r.Values[i]))
	}
	return append(args, r.Stamp(), string(r.JSON), r.Hash)
}

// bind turns a value's text form into SQLite's type.
func bind(kind record.Kind, v record.Value) any {
	if !v.Valid {
		return nil
	}
	switch kind {
	case record.Integer:
		if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return n
		}
	case record.Number:
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil {
			return f
		}
	case record.Boolean:
		return v.Text == "true"
	}
	return v.Text
}
