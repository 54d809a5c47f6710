package catalog

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"resoagent/internal/record"
	"resoagent/migrations"
)

// Property is the view that shows the listings of one feed, whichever that is: of
// several the one of the fullest feed that is complete, see PropertyTable.
const Property = "property"

// Layout is the tables and views of the catalogue in a destination.
func (c Catalogue) Layout() migrations.Layout {
	var l migrations.Layout
	for i := range c {
		s := &c[i]
		l.Tables = append(l.Tables, s.table())
		if s.View != "" {
			l.Views = append(l.Views, migrations.View{
				Name: s.View, Table: s.Table, Tail: []string{"record_timestamp AS modification_timestamp", "record"},
			})
		}
	}
	if listings := c.Listings(); len(listings) > 0 {
		l.Views = append(l.Views, migrations.View{
			Name: Property, Table: listings[0].Table, Tail: []string{"record_timestamp", "record_hash", "record"}, Chosen: true,
		})
	}
	l.Views = append(l.Views, migrations.View{Name: "listing_photo"}, migrations.View{Name: "idx_photo", Barrier: true})
	return l
}

// table is the stream's table.
func (s *Stream) table() migrations.Table {
	shape := s.Shape()
	t := migrations.Table{Name: s.Table, Key: shape.KeyColumns(), Typed: typed(shape)}
	for _, c := range s.Columns {
		t.Columns = append(t.Columns, migrations.Column{Name: c.Name, Type: c.Kind.Type(), Reading: record.Reading})
	}
	for _, i := range s.Indexes {
		t.Indexes = append(t.Indexes, migrations.Index{Name: "agent_" + s.Table + "_" + i.Name, Columns: i.Columns, Where: i.Where})
	}
	return t
}

// typed reads the typed columns out of a record as it is stored, by the conversion
// that a sync uses.
func typed(shape *record.Shape) func([]byte) ([]*string, error) {
	reader := shape.NewReader()
	return func(body []byte) ([]*string, error) {
		r, err := reader.Read(jsontext.NewDecoder(bytes.NewBuffer(body), record.DecodeOptions()...))
		if err != nil {
			return nil, fmt.Errorf("read stored record: %w", err)
		}
		out := make([]*string, len(shape.Columns))
		for i := range r.Values {
			if r.Values[i].Valid {
				text := r.Values[i].Plain(shape.Columns[i].Kind)
				out[i] = &text
			}
		}
		return out, nil
	}
}

// PropertyTable is the table that the view Property is to show from now on: that of
// the last listing stream that has finished a backfill, since the later feed is the
// fuller one; before that the only one that is synced. "": it stays as it is, so that
// a stream that is read anew does not take its rows out of the view.
func (c Catalogue) PropertyTable(finished, synced func(stream string) bool) string {
	listings := c.Listings()
	if len(listings) == 0 {
		return ""
	}
	fuller := listings[1:]
	for _, s := range slices.Backward(fuller) {
		if finished(s.Name) {
			return s.Table
		}
	}
	if synced(listings[0].Name) {
		return "" // which the view shows to begin with
	}
	for _, s := range fuller {
		if synced(s.Name) {
			return s.Table
		}
	}
	return ""
}
