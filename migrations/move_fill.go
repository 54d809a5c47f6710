package migrations

import (
	"context"
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
)

// copied is one feed's copy of a listing.
type copied struct {
	place     int64 // SQLite's number of the row
	key       string
	timestamp *string
	hash      *string
	record    string
}

// fill fills the table of one feed from its copies in Property, with the typed
// columns as a sync would write them. Hashes are carried over, so that the next
// sync finds every row unchanged.
func (m *mover) fill(ctx context.Context, feed string, t Table) error {
	var last copied
	rows := pieceRows
	for {
		piece, err := m.read(ctx, feed, last, rows)
		if err != nil {
			return fmt.Errorf("read listings: %w", err)
		}
		if len(piece) == 0 {
			return nil
		}
		if err := m.write(ctx, t, piece); err != nil {
			return fmt.Errorf("fill %s behind %q: %w", t.Name, last.key, err)
		}
		last = copied{place: piece[len(piece)-1].place, key: piece[len(piece)-1].key}
		// The server reads no more large rows than will be taken.
		rows = min(pieceRows, 2*len(piece))
	}
}

// read reads the next piece, empty at the end.
func (m *mover) read(ctx context.Context, feed string, last copied, most int) (piece []copied, err error) {
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
		if err := rows.Scan(&r.place, &r.key, &r.timestamp, &r.hash, &r.record); err != nil {
			return nil, err
		}
		size += len(r.record)
		piece = append(piece, r)
	}
	return piece, rows.Err()
}

// write converts a piece and writes it.
func (m *mover) write(ctx context.Context, t Table, piece []copied) error {
	columns := make([][]*string, len(t.Columns)+4)
	add := func(i int, text *string) { columns[i] = append(columns[i], text) }
	n := len(t.Columns)
	for i := range piece {
		r := &piece[i]
		typed, err := t.Typed([]byte(r.record))
		if err != nil {
			return fmt.Errorf("convert listing %s: %w", r.key, err)
		}
		add(0, &r.key)
		for j, text := range typed {
			add(1+j, text)
		}
		hash := "0" // of none: the next sync writes it again
		if r.hash != nil {
			hash = *r.hash
		}
		add(n+1, r.timestamp)
		add(n+2, &hash)
		add(n+3, &r.record)
	}
	if m.d == SQLite {
		return m.writeRows(ctx, t, columns, len(piece))
	}
	types := slices.Concat([]string{"text"}, columnTypes(t), []string{"timestamptz", "bigint", "jsonb"})
	names := slices.Concat(t.Key, columnNames(t), copyColumns())
	var arrays, values []string
	args := make([]any, len(columns))
	for i := range columns {
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", i+1))
		values = append(values, fmt.Sprintf("c%d::%s", i, types[i]))
		args[i] = columns[i]
	}
	aliases := make([]string, len(columns))
	for i := range aliases {
		aliases[i] = fmt.Sprintf("c%d", i)
	}
	_, err := m.tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM unnest(%s) u(%s)`, t.Name,
		strings.Join(names, ", "), strings.Join(values, ", "), strings.Join(arrays, ", "), strings.Join(aliases, ", ")), args...)
	return err
}

// writeRows is write in SQLite, which has no arrays, and no round trips either.
func (m *mover) writeRows(ctx context.Context, t Table, columns [][]*string, n int) error {
	names := slices.Concat(t.Key, columnNames(t), copyColumns())
	insert, err := m.tx.PrepareContext(ctx, `INSERT INTO `+t.Name+` (`+strings.Join(names, ", ")+`) VALUES (?`+strings.Repeat(", ?", len(names)-1)+`)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	args := make([]any, len(names))
	for row := range n {
		for i := range columns {
			args[i] = nil
			if text := columns[i][row]; text != nil {
				args[i] = *text
			}
		}
		if _, err := insert.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
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
