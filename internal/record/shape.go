package record

// Kind is the type of a typed column.
type Kind uint8

// The column types. Their text forms are what both PostgreSQL and SQLite take:
// see Column.Convert.
const (
	Text Kind = iota
	Integer
	Number
	Boolean
	Date
	Timestamp
	Word // text that is short enough for an index
)

// Type is the kind's type in PostgreSQL.
func (k Kind) Type() string {
	switch k {
	case Integer:
		return "bigint"
	case Number:
		return "numeric"
	case Boolean:
		return "boolean"
	case Date:
		return "date"
	case Timestamp:
		return "timestamptz"
	case Text, Word:
	}
	return "text"
}

// Column is one typed column of a table and the RESO field that fills it.
type Column struct {
	Name  string // in the destination
	Field string // in the source
	Kind  Kind
}

// Shape says how the records of one RESO resource are read and stored. Shapes
// are read-only after they are made by NewShape.
type Shape struct {
	Resource string // the resource in the service root, such as "Property"
	Table    string // the destination's table

	Key       string // field names in the source
	Timestamp string
	Parent    string // "" for the parent resource itself
	Tombstone Tombstone

	KeyColumn    string // column names in the destination
	ParentColumn string // "" where Parent is ""

	Columns []Column // beside key, parent and the record itself

	fields map[string]*use // by source field
}

// use is what a field is there for.
type use struct {
	role   role
	column int // index in Columns; -1: none
}

// role is what the agent itself needs a field for.
type role uint8

const (
	roleNone role = iota
	roleKey
	roleTimestamp
	roleParent
	roleStatus
)

// KeyColumns are the columns of the primary key: the parent first, so that one
// index serves uniqueness and "all children of this listing".
func (s *Shape) KeyColumns() []string {
	if s.Parent == "" {
		return []string{s.KeyColumn}
	}
	return []string{s.ParentColumn, s.KeyColumn}
}

// NewShape makes a shape that can be used.
func NewShape(s Shape) *Shape { return s.index() }

// Tombstone marks records that are deleted at the source: a field, and its value
// in those. No field: the source does not tell.
type Tombstone struct{ Field, Value string }

func (s *Shape) index() *Shape {
	s.fields = make(map[string]*use, len(s.Columns)+4)
	for field, r := range map[string]role{s.Key: roleKey, s.Timestamp: roleTimestamp, s.Parent: roleParent, s.Tombstone.Field: roleStatus} {
		if field != "" {
			s.fields[field] = &use{role: r, column: -1}
		}
	}
	for i, c := range s.Columns {
		if u := s.fields[c.Field]; u != nil {
			u.column = i
			continue
		}
		s.fields[c.Field] = &use{column: i}
	}
	return s
}

// Shapes are those of all streams.
type Shapes struct {
	All      []*Shape
	Listings []*Shape // whose keys are the parent keys
}
