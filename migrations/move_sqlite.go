package migrations

import (
	"context"
	"fmt"
	"strings"

	"resoagent/internal/crashpoint"
)

// sqlite moves the listings in SQLite. There is no renaming: SQLite drops a column
// by writing every row again, three times for three columns, and adds no NOT NULL.
// So both tables are made as the layout has them, each row is written once, and
// the old table goes; the next syncs fill the pages that it leaves.
func (m *mover) sqlite(ctx context.Context) error {
	if err := ask(ctx, m.tx, m.d, m.claim); err != nil {
		return err
	}
	if err := m.mayMoveFile(ctx); err != nil {
		return err
	}
	m.tell()
	at(crashpoint.MoveBegun)
	if err := m.added(ctx); err != nil {
		return err
	}
	feed, stays, other := m.feed()
	// What others have put on it goes with the old table, and comes again.
	theirs, err := m.ownIndexes(ctx, stays.Name)
	if err != nil {
		return err
	}
	for _, t := range []Table{m.idx, m.vow} {
		bare := t
		bare.Indexes = nil
		if err := createTable(ctx, m.tx, m.d, bare); err != nil {
			return err
		}
	}
	if feed == "vow" {
		if err := m.fill(ctx, "idx", other); err != nil {
			return err
		}
	}
	shared, c := strings.Join(sharedColumns(stays), ", "), feedColumns(feed)
	copying := fmt.Sprintf(`INSERT INTO %s (%s, %s) SELECT %[2]s, %[4]s, coalesce(%[5]s, 0), %[6]s FROM Property WHERE %[6]s IS NOT NULL ORDER BY rowid`,
		stays.Name, shared, strings.Join(copyColumns(), ", "), c[0], c[1], c[2])
	if err := m.exec(ctx, copying); err != nil {
		return err
	}
	at(crashpoint.MoveFilled)
	for _, view := range oldViews() {
		if err := m.exec(ctx, `DROP VIEW IF EXISTS `+view); err != nil {
			return err
		}
	}
	if err := m.exec(ctx, `DROP TABLE Property`); err != nil {
		return err
	}
	at(crashpoint.MoveRenamed)
	for _, t := range []Table{m.idx, m.vow} {
		if err := createIndexes(ctx, m.tx, t); err != nil {
			return err
		}
	}
	if err := recordTable(ctx, m.tx, other); err != nil {
		return err
	}
	if err := m.recorded(ctx); err != nil {
		return err
	}
	if err := m.exec(ctx, theirs...); err != nil {
		return err
	}
	if err := m.show(ctx); err != nil {
		return err
	}
	at(crashpoint.MoveOpen)
	return nil
}

// mayMoveFile looks at all that can be in the way, before the first change.
func (m *mover) mayMoveFile(ctx context.Context) error {
	found, err := obstacles(ctx, m.tx, m.d, m.names.Schema, moveVersion-1)
	if err == nil {
		err = refuseObstacles(found)
	}
	if err != nil {
		return err
	}
	err = m.tx.QueryRowContext(ctx, `SELECT count(idx), count(vow), coalesce(sum(octet_length(idx)), 0) + coalesce(sum(octet_length(vow)), 0) FROM Property`).
		Scan(&m.has.idx, &m.has.vow, &m.has.bytes)
	if err != nil {
		return fmt.Errorf("count listings: %w", err)
	}
	// Everything is in the write-ahead log before it is in the file.
	rows := m.has.idx + m.has.vow
	m.has.bytes += m.has.bytes/10 + rows*rowBytes
	m.has.indexes = rows * indexBytes
	m.has.pool = m.has.bytes + m.has.indexes
	if err := m.readFinished(ctx); err != nil {
		return err
	}
	return m.room(ctx)
}

// indexBytes is what a row takes in the indexes of SQLite.
const indexBytes = 250

// ownIndexes are the statements that make others' indexes on the new table. Those
// for which there is none are obstacles.
func (m *mover) ownIndexes(ctx context.Context, table string) (queries []string, err error) {
	all, err := objects(ctx, m.tx)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.kind == "index" && strings.EqualFold(o.table, "property") && !agentIndex(o.name) {
			queries = append(queries, retable(indexOn(), o.text, table))
		}
	}
	return queries, nil
}
