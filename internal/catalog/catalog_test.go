package catalog

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"resoagent/internal/record"
)

// all are the streams of the catalogue, by pointer.
func all() (streams []*Stream) {
	c := All()
	for i := range c {
		streams = append(streams, &c[i])
	}
	return streams
}

// A row has all that a stream needs, and what must be its own is.
func TestRows(t *testing.T) {
	seen := make(map[string]string)
	own := func(what, value, stream string) {
		if value == "" {
			t.Errorf("%s has no %s", stream, what)
		}
		key := what + " " + strings.ToLower(value)
		if other, taken := seen[key]; taken {
			t.Errorf("the %s %q of %s is that of %s", what, value, stream, other)
		}
		seen[key] = stream
	}
	for _, s := range all() {
		own("name", s.Name, s.Name)
		own("flag", s.Flag, s.Name)
		own("title", s.Title, s.Name)
		own("table", s.Table, s.Name)
		// A view has its name among the tables.
		if s.View != "" {
			own("table", s.View, s.Name)
		}
		if s.SyncLog != "" {
			own("column of SyncLog", s.SyncLog, s.Name)
		}
		for what, value := range map[string]string{
			"noun": s.Noun, "help": s.Help, "heading": s.Heading, "resource": s.Resource, "key": s.Key, "timestamp": s.Timestamp,
			"key column": s.KeyColumn, "name of settings": s.Settings, "feed": strings.Join(s.Feeds, ""),
		} {
			if value == "" {
				t.Errorf("%s has no %s", s.Name, what)
			}
		}
		if s.Child() && s.Listing {
			t.Errorf("%s is a child and a listing", s.Name)
		}
		if (s.Parent == "") != (s.ParentColumn == "") || (s.Tombstone.Field == "") != (s.Tombstone.Value == "") {
			t.Errorf("%s has half of a parent or of a tombstone: %q, %q, %+v", s.Name, s.Parent, s.ParentColumn, s.Tombstone)
		}
		if s.Sizes.Page < s.Sizes.Batch || s.Sizes.Batch <= 0 || s.Sizes.Throttle < 0 || s.RowBytes <= 0 {
			t.Errorf("%s has the sizes %+v, and %d bytes a row", s.Name, s.Sizes, s.RowBytes)
		}
		for _, feed := range s.Feeds {
			if feed != IDX && feed != VOW {
				t.Errorf("%s is read by the token of %q", s.Name, feed)
			}
		}
	}
	for _, view := range []string{Property, "listing_photo", "idx_photo"} {
		own("table", view, "the layout")
	}
}

// name is what both databases take without quotes.
var name = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// Columns and indexes fit beside each other and beside what every table has.
func TestColumns(t *testing.T) {
	for _, s := range all() {
		columns := append(s.Shape().KeyColumns(), "record_timestamp", "record_hash", "record")
		var fields []string
		for _, c := range s.Columns {
			columns, fields = append(columns, c.Name), append(fields, c.Field)
			if slices.Contains([]string{s.Key, s.Parent}, c.Field) {
				t.Errorf("%s.%s is a key of the table twice", s.Table, c.Name)
			}
		}
		if s.View != "" && slices.Contains(columns, "modification_timestamp") {
			t.Errorf("%s has the column that its view %s names its timestamp", s.Table, s.View)
		}
		for what, names := range map[string][]string{"column": columns, "field": fields} {
			slices.Sort(names)
			if twice := slices.Compact(slices.Clone(names)); len(twice) != len(names) {
				t.Errorf("%s has a %s twice: %v", s.Table, what, names)
			}
		}
		if i := slices.IndexFunc(append(slices.Clone(columns), s.Table), func(c string) bool { return !name.MatchString(c) }); i >= 0 {
			t.Errorf("%s has a name that would have to be quoted: %v", s.Table, columns)
		}
		indexes := make(map[string]bool)
		for _, i := range s.Indexes {
			if indexes[i.Name] || !name.MatchString("agent_"+s.Table+"_"+i.Name) || len(i.Columns) == 0 {
				t.Errorf("%s has the index %+v", s.Table, i)
			}
			indexes[i.Name] = true
			for _, c := range i.Columns {
				at := slices.IndexFunc(s.Columns, func(column record.Column) bool { return column.Name == c })
				if at >= 0 && s.Columns[at].Kind == record.Text {
					t.Errorf("index %s of %s is on %s, whose text may be too long for one: it must be a Word", i.Name, s.Table, c)
				}
				if !slices.Contains(columns, c) {
					t.Errorf("index %s of %s is on %s, which is not there", i.Name, s.Table, c)
				}
			}
		}
	}
}

// Listings come first: children are stored when their parents are.
func TestOrder(t *testing.T) {
	children := false
	for _, s := range all() {
		if s.Listing && children {
			t.Errorf("%s comes behind a child", s.Name)
		}
		children = children || !s.Listing
	}
	if listings := All().Listings(); len(listings) == 0 || len(All().Shapes().Listings) != len(listings) {
		t.Errorf("listings %v", listings)
	}
}

// What shares settings has the same defaults, since one flag sets them.
func TestSharedSettings(t *testing.T) {
	for _, first := range All().Settings() {
		for _, s := range all() {
			if s.Settings == first.Settings && s.Sizes != first.Sizes {
				t.Errorf("%s and %s share the settings %q, but not the defaults", first.Name, s.Name, s.Settings)
			}
		}
	}
}

// SyncLog is the table of the user's description: its columns are not ours to add to.
func TestSyncLogColumns(t *testing.T) {
	want := []string{"idx_property_timestamp", "vow_property_timestamp", "media_timestamp", "rooms_timestamp", "openhouse_timestamp"}
	if diff := cmp.Diff(want, All().SyncLog()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The feeds of listings have tables and views of one layout.
func TestListingsAreAlike(t *testing.T) {
	listings := All().Listings()
	for _, s := range listings[1:] {
		first := listings[0]
		if diff := cmp.Diff(first.Columns, s.Columns) + cmp.Diff(first.Indexes, s.Indexes); diff != "" || s.KeyColumn != first.KeyColumn {
			t.Errorf("%s differs from %s:\n%s", s.Name, first.Name, diff)
		}
	}
}

// The view Property shows the fullest feed that is complete, and until one is the
// first that is synced at all.
func TestPropertyTable(t *testing.T) {
	c := All()
	for name, test := range map[string]struct {
		finished, synced []string
		want             string
	}{
		"nothing yet":            {nil, []string{"idx_property", "vow_property"}, ""},
		"VOW alone, not yet":     {nil, []string{"vow_property"}, "vow_property"},
		"IDX is complete":        {[]string{"idx_property", "media"}, []string{"idx_property", "vow_property"}, ""},
		"both are":               {[]string{"idx_property", "vow_property"}, []string{"idx_property", "vow_property"}, "vow_property"},
		"VOW was, and is left":   {[]string{"vow_property"}, []string{"idx_property"}, "vow_property"},
		"no feed, nothing there": {nil, nil, ""},
	} {
		got := c.PropertyTable(
			func(stream string) bool { return slices.Contains(test.finished, stream) },
			func(stream string) bool { return slices.Contains(test.synced, stream) })
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
