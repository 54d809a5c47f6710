package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// What a batch holds at most: it is read into memory, and its rows are locked until
// it is committed.
const (
	fillRows  = 5000
	fillBytes = 4 << 20
)

// Filled is what Fill has done; nothing at all where there was nothing to do.
type Filled struct {
	Table   string
	Columns []string
	Rows    int64 // that were read
	Spoilt  int64 // of these, without values: what somebody has made of the record cannot be read
	More    bool  // there is more to do, of this table or another
}

// Fill reads columns that were added to tables with rows out of the records that are
// stored, a batch at a time: call it until there is no more. It may be called while a
// sync of the same incarnation writes.
//
// What is right in every row stands in agent_table, and how far a fill has come,
// written in the transaction of the rows: a crash loses the batch alone, and whoever
// is the owner next goes on there. Behind that place all rows are right, since what
// is written meanwhile has all columns; whoever does not know them has not got the
// claim, which is looked at in the same transaction, and made Up forget the columns
// when it began. A row that is not as it was read is left alone, since who wrote it
// has filled it.
func Fill(ctx context.Context, db *sql.DB, d Dialect, names Names, layout Layout, incarnation int64) (Filled, error) {
	for {
		b := batch{d: d, incarnation: incarnation}
		err := reading(ctx, db, d, names.Schema, func(tx *sql.Tx) error { return b.read(ctx, tx, layout) })
		if err == nil && b.table != nil {
			err = within(ctx, db, d, names.Schema, func(tx *sql.Tx) error { return b.write(ctx, tx) })
		}
		switch {
		case errors.Is(err, errChanged):
		case errors.Is(err, ErrClaimLost):
			return Filled{}, err
		case err != nil && b.table != nil:
			return Filled{}, fmt.Errorf("fill columns of %s: %w", b.table.Name, err)
		case err != nil:
			return Filled{}, fmt.Errorf("fill columns: %w", err)
		case b.table == nil:
			return Filled{}, nil
		case len(b.rows) > 0:
			return b.filled(), nil
		}
	}
}

// errChanged: a batch began with what is not so any more.
var errChanged = errors.New("the columns are filled or changed by another")

// batch is a number of rows of one table whose columns are filled.
type batch struct {
	d           Dialect
	incarnation int64

	table   *Table // nil: no table lacks anything
	columns []Column
	was     tableState
	rows    []fillRow
	spoilt  int64 // of the rows: see Filled.Spoilt
	end     bool  // there are no rows behind these
	others  bool  // other tables lack columns
}

type fillRow struct {
	key    []string
	hash   int64
	values []*string // of the batch's columns
}

func (b *batch) filled() Filled {
	f := Filled{Table: b.table.Name, Rows: int64(len(b.rows)), Spoilt: b.spoilt, More: !b.end || b.others}
	for _, c := range b.columns {
		f.Columns = append(f.Columns, c.Name)
	}
	return f
}

// read finds the first table that lacks columns and reads a batch of it.
func (b *batch) read(ctx context.Context, tx *sql.Tx, layout Layout) error {
	states, err := tableStates(ctx, tx, b.d)
	if err != nil {
		return err
	}
	for i := range layout.Tables {
		t := &layout.Tables[i]
		state, made := states[strings.ToLower(t.Name)]
		lacks := state.lacks(*t)
		switch {
		case !made || len(lacks) == 0:
		case b.table == nil:
			b.table, b.columns, b.was = t, lacks, state
		default:
			b.others = true
		}
	}
	if b.table == nil {
		return nil
	}
	var after []string
	if b.was.Fill.of(b.columns) {
		after = b.was.Fill.After
	}
	return b.readRows(ctx, tx, after)
}

// of reports whether a fill is one of these columns, and not of others that were
// wanted before.
func (f *fillState) of(columns []Column) bool {
	if f == nil || len(f.Columns) != len(columns) {
		return false
	}
	for _, c := range columns {
		if f.Columns[c.Name] != c.kept() {
			return false
		}
	}
	return true
}

// readRows reads slices of the table in the order of the key, each about as long as
// there is room for by the records before.
func (b *batch) readRows(ctx context.Context, tx *sql.Tx, after []string) error {
	limit := 16
	for size := 0; !b.end && size < fillBytes && len(b.rows) < fillRows; {
		n, bytes, err := b.slice(ctx, tx, after, limit, fillBytes-size)
		if err != nil {
			return err
		}
		size += bytes
		b.end = n < limit && size < fillBytes
		if n > 0 {
			after = b.rows[len(b.rows)-1].key
			limit = min(max(1, (fillBytes-size)/(bytes/n+1)), 1000, max(1, fillRows-len(b.rows)))
		}
	}
	return nil
}

// slice reads rows behind a key until it has limit of them or so many bytes.
func (b *batch) slice(ctx context.Context, tx *sql.Tx, after []string, limit, room int) (n, size int, err error) {
	key := strings.Join(b.table.Key, ", ")
	query := "SELECT " + key + ", record_hash, CAST(record AS text) FROM " + b.table.Name
	var args []any
	if after != nil {
		query += " WHERE (" + key + ") > (" + parameters(len(after)) + ")"
		args = texts(after)
	}
	rows, err := tx.QueryContext(ctx, query+fmt.Sprintf(" ORDER BY %s LIMIT %d", key, limit), args...)
	if err != nil {
		return 0, 0, fmt.Errorf("read rows: %w", err)
	}
	defer rows.Close()
	for size < room && rows.Next() {
		row := fillRow{key: make([]string, len(b.table.Key))}
		var record []byte
		var into []any
		for i := range row.key {
			into = append(into, &row.key[i])
		}
		if err := rows.Scan(append(into, &row.hash, &record)...); err != nil {
			return 0, 0, fmt.Errorf("read rows: %w", err)
		}
		all, err := b.table.Typed(record)
		if err != nil {
			// One spoilt row must not keep all others from their values for ever.
			all = make([]*string, len(b.table.Columns))
			b.spoilt++
		}
		row.values = b.pick(all)
		b.rows = append(b.rows, row)
		n, size = n+1, size+len(record)
	}
	if err := rows.Err(); err != nil {
		return 0, 0, fmt.Errorf("read rows: %w", err)
	}
	return n, size, nil
}

// pick takes the batch's columns out of all of a record.
func (b *batch) pick(all []*string) []*string {
	values := make([]*string, 0, len(b.columns))
	for i, c := range b.table.Columns {
		if b.was.Columns[c.Name] != c.kept() {
			values = append(values, all[i])
		}
	}
	return values
}

// write writes the batch and how far it goes. The owner's row comes first, and is
// locked no longer than the writing takes, since the lease is renewed by it.
func (b *batch) write(ctx context.Context, tx *sql.Tx) error {
	row, _, err := owner(ctx, tx, b.d, "FOR SHARE")
	if errors.Is(err, sql.ErrNoRows) || err == nil && row.Incarnation != b.incarnation {
		return ErrClaimLost
	}
	if err != nil {
		return fmt.Errorf("read owner: %w", err)
	}
	next := tableState{Columns: b.was.Columns, Indexes: b.was.Indexes}
	if b.end {
		next.Columns = complete(*b.table).Columns
	} else {
		next.Fill = &fillState{Columns: map[string]string{}, After: b.rows[len(b.rows)-1].key}
		for _, c := range b.columns {
			next.Fill.Columns[c.Name] = c.kept()
		}
	}
	if err := b.advance(ctx, tx, next); err != nil {
		return err
	}
	if len(b.rows) == 0 {
		return nil
	}
	if b.d == SQLite {
		return b.updateEach(ctx, tx)
	}
	return b.update(ctx, tx)
}

// advance writes the state in the place of the one that the batch began with.
// Where that has changed, the batch begins again.
func (b *batch) advance(ctx context.Context, tx *sql.Tx, next tableState) error {
	was, err := encode(b.was)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	states, err := tableStates(ctx, tx, b.d)
	if err != nil {
		return err
	}
	is, err := encode(states[strings.ToLower(b.table.Name)])
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if is != was {
		return errChanged
	}
	kept, err := keepTable(b.table.Name, next)
	if err != nil {
		return err
	}
	return run(ctx, tx, []step{kept})
}
