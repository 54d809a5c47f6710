package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"resoagent/internal/crashpoint"
)

// ErrRoom: there is too little room for an upgrade.
var ErrRoom = errors.New("there is too little room on the disk for the upgrade")

// mover gives each feed of listings a table of its own: version 6. Until then
// Property had both feeds in a row, in the columns idx and vow, and its typed
// columns followed VOW wherever there was a copy of it.
//
// All of it is one transaction, with the version's row: whoever dies on the way
// leaves the tables as they were. The owner's row is locked in it, so nobody can
// claim the destination meanwhile, and its owner has been asked for.
type mover struct {
	tx       *sql.Tx
	d        Dialect
	names    Names
	layout   Layout
	claim    Claim
	patience time.Duration // for locks that others hold

	idx, vow Table
	has      census
	finished bool // the stream vow_property has finished a backfill
}

// census is what Property holds.
type census struct {
	idx, vow      int64 // rows
	hashless      int64 // of those that stay: they are taken for other than what comes
	bytes         int64 // of what is copied
	indexes, pool int64 // of the indexes that are made, and of the log that is written
}

// lockPatience is how long locks that somebody holds are tried for in all; the
// caller tries again.
const lockPatience = 2 * time.Minute

// move is version 6.
func move(ctx context.Context, tx *sql.Tx, d Dialect, names Names, layout Layout, claim Claim) error {
	m, err := newMover(tx, d, names, layout, claim)
	if err != nil {
		return err
	}
	return m.run(ctx)
}

func newMover(tx *sql.Tx, d Dialect, names Names, layout Layout, claim Claim) (*mover, error) {
	m := &mover{tx: tx, d: d, names: names, layout: layout, claim: claim, patience: lockPatience}
	idx, vow := layout.table("idx_property"), layout.table("vow_property")
	if idx == nil || vow == nil {
		return nil, errors.New("move the listings: the layout has no idx_property or no vow_property")
	}
	m.idx, m.vow = *idx, *vow
	return m, nil
}

func (m *mover) run(ctx context.Context) error {
	if m.d == SQLite {
		return m.sqlite(ctx)
	}
	return m.postgres(ctx)
}

// feed is the one whose copies stay where they are, or whose columns are right as
// they are: VOW, unless no row has a copy of it.
func (m *mover) feed() (name string, stays, other Table) {
	if m.has.vow > 0 {
		return "vow", m.vow, m.idx
	}
	return "idx", m.idx, m.vow
}

// chosen is the table that the view Property shows: VOW once that stream has
// finished a backfill, else IDX, and none that is empty while the other has rows.
func (m *mover) chosen() string {
	if m.has.vow > 0 && (m.finished || m.has.idx == 0) || m.finished && m.has.idx == 0 {
		return m.vow.Name
	}
	return m.idx.Name
}

// readFinished reads whether VOW was ever complete, out of the stream's state.
func (m *mover) readFinished(ctx context.Context) error {
	var text sql.NullString
	err := m.tx.QueryRowContext(ctx, `SELECT CAST(state AS text) FROM agent_position WHERE stream = 'vow_property'`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !text.Valid {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read position: %w", err)
	}
	var state struct {
		LastFinishedAt time.Time `json:"last_finished_at"`
	}
	// What cannot be read is the sync's to complain about.
	m.finished = json.Unmarshal([]byte(text.String), &state) == nil && !state.LastFinishedAt.IsZero()
	return nil
}

// room refuses to begin what the disk could not hold, where its free space is
// known. A transaction that meets the end of the disk is rolled back, but a server
// may stop for it.
func (m *mover) room(ctx context.Context) error {
	if m.names.Room == nil {
		return nil
	}
	free, place, ok := m.names.Room(ctx)
	needed := m.has.bytes + m.has.indexes + m.has.pool
	if !ok || free >= needed {
		return nil
	}
	return fmt.Errorf("move the listings to a table for each feed: it takes about %d MB on the disk of %s for a while, and %d MB are free: %w;"+
		" make room there and run again", needed>>20+1, place, free>>20, ErrRoom)
}

// added makes the agent_ tables of this version and lists the tables in them. Those
// of the children are as they were, with all columns right.
func (m *mover) added(ctx context.Context) error {
	body, err := files.ReadFile(string(m.d) + "/006_table_for_each_feed.sql")
	if err != nil {
		return fmt.Errorf("read migration: %w", err)
	}
	return execute(ctx, m.tx, string(body))
}

// recorded lists the tables that there are with the columns that are right in
// every row: those of version 1. Others are the layout's to add and to fill.
func (m *mover) recorded(ctx context.Context) error {
	_, stays, _ := m.feed()
	for _, t := range m.layout.Tables {
		if t.Name != stays.Name && !slices.Contains(childTables(), t.Name) {
			continue
		}
		state := tableState{Columns: map[string]string{}, Indexes: map[string]string{}}
		for _, c := range t.Columns {
			if oldType(t.Name, c.Name) == c.Type {
				state.Columns[c.Name] = c.Type
			}
		}
		if t.Name == stays.Name {
			for _, i := range t.Indexes {
				state.Indexes[i.Name] = definition(t, i)
			}
		}
		kept, err := keepTable(t.Name, state)
		if err != nil {
			return err
		}
		if err := run(ctx, m.tx, []step{kept}); err != nil {
			return err
		}
	}
	return nil
}

// show makes the views of the layout over the new tables, in place where that can
// be: in PostgreSQL the four that there were keep their grants, and what others have
// made of them. Property becomes a view of one of the tables.
func (m *mover) show(ctx context.Context) error {
	chosen := make(map[string]string)
	for _, v := range m.layout.Views {
		if v.Chosen {
			chosen[v.Name] = m.chosen()
		}
	}
	return replaceViews(ctx, m.tx, m.d, m.layout, chosen)
}

// tell says what begins: a minute without a word looks like one that hangs.
func (m *mover) tell() {
	if m.names.Tell != nil {
		m.names.Tell(fmt.Sprintf("the tables are upgraded to one for each feed of listings: %d rows of IDX, %d of VOW; this takes some seconds for each 10,000, and a crash costs nothing",
			m.has.idx, m.has.vow))
	}
}

func (m *mover) exec(ctx context.Context, queries ...string) error {
	for _, query := range queries {
		if err := run(ctx, m.tx, []step{{query: query}}); err != nil {
			return err
		}
	}
	return nil
}

// at is a point at which a test may kill the process. Everything is rolled back
// then, since nothing is committed before the end.
func at(point string) { crashpoint.At(point) }
