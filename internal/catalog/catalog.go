// Package catalog is data: the one table of what can be synced. A row is a
// stream, and this is the only place that knows the names of resources, fields,
// tables and typed columns. What lists streams (flags, help, console, status,
// SyncLog, doctor, tables, views) reads it.
package catalog

import (
	"slices"
	"time"

	"resoagent/internal/record"
)

// The feeds of PropTx: whose token reads a stream.
const (
	IDX = "idx"
	VOW = "vow"
)

// Stream is one thing to sync: what is fetched, how people call it, and the table
// that it has for itself.
type Stream struct {
	Name    string // in messages, status and the agent's own tables
	Flag    string // --Flag selects it
	Title   string // for people
	Noun    string // what its records are, in the plural
	Help    string // what they are, for the flag's help
	Heading string // of its part of a run on the console
	// Listing: its keys are the parents that children need. Listings come before
	// what is not.
	Listing bool

	Resource  string // in the service root
	Key       string // field names in the source
	Timestamp string
	Parent    string // "" for records that belong to no listing
	Tombstone record.Tombstone

	Table        string
	KeyColumn    string
	ParentColumn string // "" where Parent is ""
	Columns      []record.Column
	Indexes      []Index
	View         string // a plain view of it for people who query; "" for none

	Feeds    []string // whose token reads it, the best first
	Filter   string   // an extra OData filter; where there is one, there is a setting for it
	Settings string   // the name of its settings of pace and sizes; streams may share them
	Sizes    Sizes    // their defaults
	RowBytes int64    // about what one record takes in the destination with its indexes
	SyncLog  string   // its column in the SyncLog table; "": it stands in agent_run alone
}

// Sizes are the settings of pace and sizes.
type Sizes struct {
	Page     int           // records asked for in one request
	Batch    int           // records of a batch, which is a checkpoint inside a page
	Throttle time.Duration // between two requests
}

// Index is an index of a table, named agent_TABLE_Name.
type Index struct {
	Name    string
	Columns []string
	Where   string // a condition in SQL; "" for all rows
}

// Child reports whether the records belong to a listing.
func (s *Stream) Child() bool { return s.Parent != "" }

// Shape is how the records are read and stored.
func (s *Stream) Shape() *record.Shape {
	return record.NewShape(record.Shape{
		Resource: s.Resource, Table: s.Table, Key: s.Key, Timestamp: s.Timestamp, Parent: s.Parent, Tombstone: s.Tombstone,
		KeyColumn: s.KeyColumn, ParentColumn: s.ParentColumn, Columns: s.Columns,
	})
}

// Catalogue is all streams, in the order in which they are synced.
type Catalogue []Stream

// Names are the streams' names.
func (c Catalogue) Names() []string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].Name
	}
	return names
}

// Find gives a stream by its name, nil if there is none.
func (c Catalogue) Find(name string) *Stream {
	i := slices.IndexFunc(c, func(s Stream) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &c[i]
}

// Of gives a stream by its name, and one that is called by it if there is none.
func (c Catalogue) Of(name string) Stream {
	if s := c.Find(name); s != nil {
		return *s
	}
	return Stream{Name: name, Flag: name, Title: name, Noun: "records"}
}

// Settings are the streams that give each name of settings its defaults, in order.
func (c Catalogue) Settings() (first []*Stream) {
	for i := range c {
		if !slices.ContainsFunc(first, func(s *Stream) bool { return s.Settings == c[i].Settings }) {
			first = append(first, &c[i])
		}
	}
	return first
}

// Listings are the streams of listings.
func (c Catalogue) Listings() (listings []*Stream) {
	for i := range c {
		if c[i].Listing {
			listings = append(listings, &c[i])
		}
	}
	return listings
}

// Shapes are the shapes of all streams.
func (c Catalogue) Shapes() (s record.Shapes) {
	for i := range c {
		shape := c[i].Shape()
		s.All = append(s.All, shape)
		if c[i].Listing {
			s.Listings = append(s.Listings, shape)
		}
	}
	return s
}

// SyncLog are the columns of SyncLog that streams have.
func (c Catalogue) SyncLog() (columns []string) {
	for i := range c {
		if c[i].SyncLog != "" {
			columns = append(columns, c[i].SyncLog)
		}
	}
	return columns
}
