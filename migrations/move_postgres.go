package migrations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"resoagent/internal/crashpoint"
)

// postgres moves the listings in PostgreSQL. While the table of the other feed is
// filled and indexed readers go on with what there was; writers do not, nor does
// anybody who would change the table. Then the tables change places, which takes
// the table from its readers too, for as long as a look at its rows takes.
func (m *mover) postgres(ctx context.Context) error {
	// Times are read as text and written again; and the whole may take hours, with
	// pauses, whatever limits role or database have.
	err := m.exec(ctx, `SELECT set_config(n, v, true) FROM (VALUES ('datestyle', 'ISO, YMD'), ('timezone', 'UTC'),
		('transaction_timeout', '0'), ('idle_in_transaction_session_timeout', '60s')) s(n, v) WHERE current_setting(n, true) IS NOT NULL`)
	if err != nil {
		return err
	}
	// Both are locks of somebody's that end: a claim's, and a writer's who has lost his.
	err = m.patiently(ctx, func() error {
		if err := ask(ctx, m.tx, m.d, m.claim); err != nil {
			return err
		}
		return m.exec(ctx, `LOCK TABLE property IN SHARE MODE`)
	})
	if err != nil {
		return err
	}
	if err := m.mayMove(ctx); err != nil {
		return err
	}
	m.tell()
	at(crashpoint.MoveBegun)
	if err := m.added(ctx); err != nil {
		return err
	}
	grants, err := m.grantsOf(ctx, "property")
	if err != nil {
		return err
	}
	if err := m.fillOther(ctx); err != nil {
		return err
	}
	at(crashpoint.MoveFilled)
	if err := m.patiently(ctx, func() error { return m.change(ctx, grants) }); err != nil {
		return err
	}
	if err := m.dropFunctions(ctx); err != nil {
		return err
	}
	at(crashpoint.MoveOpen)
	return nil
}

// mayMove looks at all that can be in the way, before the first change.
func (m *mover) mayMove(ctx context.Context) error {
	// Who fills a table for an hour should not find out then.
	for _, name := range append(oldViews(), "property") {
		mine, err := owns(ctx, m.tx, m.d, name)
		if err == nil && !mine {
			err = fmt.Errorf("move the listings to a table for each feed: %s is another user's: run 'agent migrate' once as its owner", name)
		}
		if err != nil {
			return err
		}
	}
	found, err := obstacles(ctx, m.tx, m.d, m.names.Schema, moveVersion-1)
	if err == nil {
		err = refuseObstacles(found)
	}
	if err != nil {
		return err
	}
	// Copies are compressed as they are counted; other compression takes a little
	// more. The log is as much again, until the server has no need of it any more.
	err = m.tx.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE idx IS NOT NULL), count(*) FILTER (WHERE vow IS NOT NULL),
		count(*) FILTER (WHERE vow IS NOT NULL AND vow_hash IS NULL OR idx IS NOT NULL AND idx_hash IS NULL),
		coalesce(sum(pg_column_size(idx)), 0)::bigint FROM property`).Scan(&m.has.idx, &m.has.vow, &m.has.hashless, &m.has.bytes)
	if err != nil {
		return fmt.Errorf("count listings: %w", err)
	}
	err = m.tx.QueryRowContext(ctx, `SELECT pg_indexes_size('property'), pg_size_bytes(current_setting('max_wal_size'))`).Scan(&m.has.indexes, &m.has.pool)
	if err != nil {
		return fmt.Errorf("measure tables: %w", err)
	}
	if m.has.vow == 0 {
		m.has.bytes = 0
	} else {
		m.has.bytes += m.has.bytes/5 + m.has.idx*rowBytes
	}
	m.has.pool = min(m.has.pool, m.has.bytes+m.has.indexes)
	if err := m.readFinished(ctx); err != nil {
		return err
	}
	return m.room(ctx)
}

// rowBytes is what a row takes beside its JSON.
const rowBytes = 800

// fillOther makes the table of the feed that does not stay, fills it, and takes
// what is of that feed alone from the one that stays. That one gets its indexes
// here, under the names that its columns still have, since readers go on.
func (m *mover) fillOther(ctx context.Context) error {
	feed, stays, other := m.feed()
	bare := other
	bare.Indexes = nil
	if err := createTable(ctx, m.tx, m.d, bare); err != nil {
		return err
	}
	if feed == "vow" {
		if err := m.fill(ctx, "idx", other); err != nil {
			return err
		}
	}
	if err := createIndexes(ctx, m.tx, other); err != nil {
		return err
	}
	if err := recordTable(ctx, m.tx, other); err != nil {
		return err
	}
	if err := m.exec(ctx, `ANALYZE `+other.Name, `DELETE FROM property WHERE `+feed+` IS NULL`); err != nil {
		return err
	}
	if m.has.hashless > 0 {
		if err := m.exec(ctx, `UPDATE property SET `+feed+`_hash = 0 WHERE `+feed+`_hash IS NULL`); err != nil {
			return err
		}
	}
	old := stays
	old.Name, old.Indexes = "property", m.early(stays)
	for i := range old.Indexes {
		columns := slices.Clone(old.Indexes[i].Columns)
		for j, c := range columns {
			if k := slices.Index(copyColumns(), c); k >= 0 {
				columns[j] = feedColumns(feed)[k]
			}
		}
		old.Indexes[i].Columns = columns
	}
	return createIndexes(ctx, m.tx, old)
}

// early are the indexes that can be made before the columns have their names: not
// those with a condition on the copy, nor on columns that are not there yet.
func (m *mover) early(t Table) (indexes []Index) {
	known := append(sharedColumns(t), copyColumns()...)
	for _, i := range t.Indexes {
		if !strings.Contains(i.Where, "record") && !slices.ContainsFunc(i.Columns, func(c string) bool { return !slices.Contains(known, c) }) {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// change has the tables change places.
func (m *mover) change(ctx context.Context, grants []grant) error {
	feed, stays, other := m.feed()
	goes := "idx"
	if feed == "idx" {
		goes = "vow"
	}
	queries := []string{`LOCK TABLE property IN ACCESS EXCLUSIVE MODE`}
	for _, index := range oldIndexes() {
		queries = append(queries, `DROP INDEX IF EXISTS `+index)
	}
	queries = append(queries, `ALTER TABLE property RENAME TO `+stays.Name)
	for i, c := range feedColumns(feed) {
		queries = append(queries, `ALTER TABLE `+stays.Name+` RENAME COLUMN `+c+` TO `+copyColumns()[i])
	}
	for _, c := range stays.Columns { // that this agent has added since
		if oldType(stays.Name, c.Name) == "" {
			queries = append(queries, `ALTER TABLE `+stays.Name+` ADD COLUMN `+c.Name+` `+c.Type)
		}
	}
	if err := m.exec(ctx, queries...); err != nil {
		return err
	}
	at(crashpoint.MoveRenamed)
	// The views let go of the columns before these go.
	if err := m.show(ctx); err != nil {
		return err
	}
	queries = nil
	for _, c := range feedColumns(goes) {
		queries = append(queries, `ALTER TABLE `+stays.Name+` DROP COLUMN `+c)
	}
	queries = append(queries, `ALTER TABLE `+stays.Name+` ALTER COLUMN record_hash SET NOT NULL, ALTER COLUMN record SET NOT NULL`)
	if err := m.exec(ctx, queries...); err != nil {
		return err
	}
	late := stays
	late.Indexes = slices.DeleteFunc(slices.Clone(stays.Indexes), func(i Index) bool {
		return slices.ContainsFunc(m.early(stays), func(e Index) bool { return e.Name == i.Name })
	})
	if err := createIndexes(ctx, m.tx, late); err != nil {
		return err
	}
	if err := m.renameKey(ctx, stays.Name); err != nil {
		return err
	}
	if err := m.handOver(ctx, grants, stays, other); err != nil {
		return err
	}
	return m.recorded(ctx)
}

func oldIndexes() []string {
	return []string{"agent_idx_search", "agent_idx_map", "agent_idx_changed", "agent_vow_search", "agent_vow_map", "agent_vow_changed"}
}

// renameKey gives the primary key the name that it would have had.
func (m *mover) renameKey(ctx context.Context, table string) error {
	found, err := pairs(ctx, m.tx, `SELECT conname::text, '' FROM pg_constraint
		WHERE conrelid = to_regclass($1::text) AND contype = 'p' AND conname = 'property_pkey'`, table)
	if err != nil || len(found) == 0 {
		return err
	}
	return m.exec(ctx, `ALTER TABLE `+table+` RENAME CONSTRAINT property_pkey TO `+table+`_pkey`)
}

// patiently does fn under a savepoint until it gets the locks that it needs, or
// until it has tried for long enough. Meanwhile it gives way: who came after it
// does not wait behind it for ever.
func (m *mover) patiently(ctx context.Context, fn func() error) error {
	until := time.Now().Add(m.patience)
	for {
		if err := m.exec(ctx, `SAVEPOINT patiently`); err != nil {
			return err
		}
		err := fn()
		if err == nil {
			return m.exec(ctx, `RELEASE SAVEPOINT patiently`)
		}
		if !locked(err) || time.Now().After(until) {
			return err
		}
		if err := m.exec(ctx, `ROLLBACK TO SAVEPOINT patiently`, `RELEASE SAVEPOINT patiently`); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// locked: somebody holds a lock, or two waited for each other.
func locked(err error) bool {
	state := sqlState(err)
	return state == "55P03" || state == "40P01"
}

// sqlState is the server's code of an error; "" for others.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// dropFunctions drops those that the views and indexes of versions 2 to 5 read JSON
// with. What something of the user's depends on stays, and is his from now on.
func (m *mover) dropFunctions(ctx context.Context) error {
	for _, name := range []string{"text", "word", "number", "integer", "boolean", "timestamp", "date"} {
		if err := m.exec(ctx, `SAVEPOINT used`); err != nil {
			return err
		}
		err := m.exec(ctx, `DROP FUNCTION IF EXISTS agent_`+name+`(jsonb)`)
		if sqlState(err) == "2BP01" { // dependent objects still exist
			err = m.exec(ctx, `ROLLBACK TO SAVEPOINT used`)
		}
		if err != nil {
			return err
		}
		if err := m.exec(ctx, `RELEASE SAVEPOINT used`); err != nil {
			return err
		}
	}
	return nil
}
