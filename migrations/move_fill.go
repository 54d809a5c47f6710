package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a piece that is read, converted and written at a time: the process
// has 64 MiB, and a listing may have eight. One listing alone may be larger.
const (
	pieceBytes = 4 << 20
	pieceRows  = 400
	// What is larger is not sent back, but copied by the database.
	largeRecord = 1 << 20
)

// copied is one feed's copy of a listing.
type copied struct {
	place     int64 // SQLite's number of the row
	key       string
	timestamp *string
	hash      *string
	typed     []*string
	record    *string // nil: the database copies it
}

// fill fills the table of one feed from its copies in Property, with the typed
// columns as a sync would write them. Hashes are carried over, so that the next
// sync finds every row unchanged.
func (m *mover) fill(ctx context.Context, feed string, t Table) error {
	var last copied
	rows := pieceRows
	for {
		piece, err := m.read(ctx, feed, t, last, rows)
		if err != nil {
			return fmt.Errorf("read listings: %w", err)
		}
		if len(piece) == 0 {
			return nil
		}
		if err := m.write(ctx, feed, t, piece); err != nil {
			return fmt.Errorf("fill %s behind %q: %w", t.Name, last.key, err)
		}
		last = copied{place: piece[len(piece)-1].place, key: piece[len(piece)-1].key}
		// The server reads no more large rows than will be taken.
		rows = min(pieceRows, 2*len(piece))
	}
}

// read reads and converts the next piece, empty at the end.
func (m *mover) read(ctx context.Context, feed string, t Table, last copied, most int) (piece []copied, err error) {
	c := feedColumns(feed)
	limit := strconv.Itoa(most)
	// The server cuts it: what was asked for has to be read. The first is taken
	// whatever its size.
	query := `SELECT 0, listing_key, stamp, hash, body FROM (
		SELECT *, octet_length(body) AS size, sum(octet_length(body)) OVER (ORDER BY listing_key) AS total FROM (
			SELECT listing_key, ` + c[0] + `::text AS stamp, ` + c[1] + `::text AS hash, ` + c[2] + `::text AS body FROM property
			WHERE ` + c[2] + ` IS NOT NULL AND listing_key > $1::text ORDER BY listing_key LIMIT ` + limit + `) x) y
		WHERE total <= ` + strconv.Itoa(pieceBytes) + ` OR total = size ORDER BY listing_key`
	after := any(last.key)
	if m.d == SQLite {
		query = `SELECT rowid, listing_key, ` + c[0] + `, CAST(` + c[1] + ` AS TEXT), ` + c[2] + ` FROM Property
			WHERE ` + c[2] + ` IS NOT NULL AND rowid > ? ORDER BY rowid LIMIT ` + limit
		after = last.place
	}
	rows, err := m.tx.QueryContext(ctx, query, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for size := 0; (size < pieceBytes || m.d == Postgres) && rows.Next(); {
		var r copied
		var body sql.RawBytes
		if err := rows.Scan(&r.place, &r.key, &r.timestamp, &r.hash, &body); err != nil {
			return nil, err
		}
		if r.typed, err = t.Typed(body); err != nil {
			// What somebody has spoilt must not keep all others from being moved for ever.
			r.typed = make([]*string, len(t.Columns))
		}
		if m.d == Postgres && len(body) < largeRecord {
			text := string(body)
			r.record = &text
		}
		size += len(body)
		piece = append(piece, r)
	}
	return piece, rows.Err()
}

// write writes a piece: what it has the JSON of at once, the rest row by row.
func (m *mover) write(ctx context.Context, feed string, t Table, piece []copied) error {
	columns := make([][]*string, len(t.Columns)+4)
	var large []copied
	zero := "0" // of none: the next sync writes it again
	for i := range piece {
		r := &piece[i]
		if r.record == nil {
			large = append(large, *r)
			continue
		}
		if r.hash == nil {
			r.hash = &zero
		}
		for j, text := range slices.Concat([]*string{&r.key}, r.typed, []*string{r.timestamp, r.hash, r.record}) {
			columns[j] = append(columns[j], text)
		}
	}
	if err := m.writeLarge(ctx, feed, t, large); err != nil || len(large) == len(piece) {
		return err
	}
	types := slices.Concat([]string{"text"}, columnTypes(t), []string{"timestamptz", "bigint", "jsonb"})
	var arrays, values, aliases []string
	args := make([]any, len(columns))
	for i := range columns {
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", i+1))
		values = append(values, fmt.Sprintf("c%d::%s", i, types[i]))
		aliases = append(aliases, fmt.Sprintf("c%d", i))
		args[i] = columns[i]
	}
	_, err := m.tx.ExecContext(ctx, insertInto(t)+` SELECT `+strings.Join(values, ", ")+` FROM unnest(`+strings.Join(arrays, ", ")+`) u(`+
		strings.Join(aliases, ", ")+`)`, args...)
	return err
}

// writeLarge has the database copy the JSON itself, which is then in this process
// one at a time. SQLite has all rows written like this: it has no arrays, and no
// round trips either.
func (m *mover) writeLarge(ctx context.Context, feed string, t Table, rows []copied) error {
	if len(rows) == 0 {
		return nil
	}
	var typed []string
	for i, c := range t.Columns {
		value := "?"
		if m.d == Postgres {
			value = fmt.Sprintf("$%d::text::%s", i+1, c.Type)
		}
		typed = append(typed, value)
	}
	where := "rowid = ?"
	if m.d == Postgres {
		where = fmt.Sprintf("listing_key = $%d::text", len(typed)+1)
	}
	f := feedColumns(feed)
	values := slices.Concat(t.Key, typed, []string{f[0], "coalesce(" + f[1] + ", 0)", f[2]})
	insert, err := m.tx.PrepareContext(ctx, insertInto(t)+` SELECT `+strings.Join(values, ", ")+` FROM property WHERE `+where)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	args := make([]any, len(typed)+1)
	for _, r := range rows {
		for i, text := range r.typed {
			args[i] = nil
			if text != nil {
				args[i] = *text
			}
		}
		args[len(typed)] = r.key
		if m.d == SQLite {
			args[len(typed)] = r.place
		}
		if _, err := insert.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func insertInto(t Table) string {
	return `INSERT INTO ` + t.Name + ` (` + strings.Join(slices.Concat(t.Key, columnNames(t), copyColumns()), ", ") + `)`
}

func columnNames(t Table) (names []string) {
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

func columnTypes(t Table) (types []string) {
	for _, c := range t.Columns {
		types = append(types, c.Type)
	}
	return types
}
