package migrations

import "fmt"

// Layout is the record tables and the views that there shall be. They are made
// and altered as the layout says, not by migration files: those hold the agent_
// tables and moves of data.
type Layout struct {
	Tables []Table
	Views  []View
}

// Table is a record table: its key, its typed columns, then record_timestamp,
// record_hash and record.
type Table struct {
	Name    string
	Key     []string // columns of the primary key, in its order; text
	Columns []Column
	Indexes []Index
	// Typed reads a record as it is stored and gives the text for each of Columns,
	// nil for NULL, in the form in which both dialects take it (booleans are 1 and
	// 0). It may be called by one goroutine at a time.
	Typed func(record []byte) ([]*string, error)
}

// Column is a typed column. A column whose Type or Reading changes is read again for
// every row.
type Column struct {
	Name    string
	Type    string // PostgreSQL's: text, bigint, numeric, boolean, date, timestamptz
	Reading int    // raised when Table.Typed reads it in another way
}

// kept is what agent_table has of a column that is right in every row.
func (c Column) kept() string {
	if c.Reading == 0 {
		return c.Type
	}
	return fmt.Sprintf("%s, reading %d", c.Type, c.Reading)
}

// Index is an index that is not unique.
type Index struct {
	Name    string
	Columns []string
	Where   string // a condition in SQL, the same in both dialects; "" for all rows
}

// View is a view: of one table, or of the query in the file of its name.
type View struct {
	Name string
	// Table is the table that a plain view shows: the key and typed columns, then
	// Tail. "" for a view whose query is in the file views/NAME.sql of the dialect.
	Table string
	Tail  []string // such as "record_timestamp AS modification_timestamp"
	// Barrier: what a reader of the view asks for sees none of the rows that the view
	// leaves out, not even by a function of its own (PostgreSQL's security_barrier).
	Barrier bool
	// Chosen: the view shows Table only until another one is chosen for it (Show),
	// and keeps that one.
	Chosen bool
}
