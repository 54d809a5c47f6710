package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// media is a shape with a parent, a tombstone and a column of each sort that the
// tests look at. The real ones are in the catalogue, which imports this package.
func media() *Shape {
	return NewShape(Shape{
		Resource: "Media", Table: "media", Key: "MediaKey", Timestamp: "MediaModificationTimestamp", Parent: "ResourceRecordKey",
		Tombstone: Tombstone{Field: "MediaStatus", Value: "Deleted"}, KeyColumn: "media_key", ParentColumn: "resource_record_key",
		Columns: []Column{
			{"media_status", "MediaStatus", Text},
			{"image_size_description", "ImageSizeDescription", Text},
			{"media_order", "Order", Integer},
			{"preferred_photo_yn", "PreferredPhotoYN", Boolean},
			{"media_url", "MediaURL", Text},
			{"modification_timestamp", "ModificationTimestamp", Timestamp},
		},
	})
}

// listing is one without a parent.
func listing() *Shape {
	return NewShape(Shape{
		Resource: "Property", Table: "vow_property", Key: "ListingKey", Timestamp: "ModificationTimestamp", KeyColumn: "listing_key",
		Columns: []Column{
			{"city", "City", Word},
			{"list_price", "ListPrice", Number},
			{"close_date", "CloseDate", Date},
		},
	})
}

func TestKeyColumns(t *testing.T) {
	if diff := cmp.Diff([]string{"resource_record_key", "media_key"}, media().KeyColumns()); diff != "" {
		t.Errorf("of children (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"listing_key"}, listing().KeyColumns()); diff != "" {
		t.Errorf("of listings (-want +got):\n%s", diff)
	}
}

// A field that marks deletes is typed too, and only its one value does.
func TestTombstone(t *testing.T) {
	other := *media()
	other.Tombstone.Value = "Gone"
	none := *media()
	none.Tombstone = Tombstone{}
	for name, test := range map[string]struct {
		shape   *Shape
		status  string
		deleted bool
	}{
		"its value":       {media(), `"Deleted"`, true},
		"another":         {media(), `"Active"`, false},
		"in another case": {media(), `"deleted"`, false},
		"null":            {media(), `null`, false},
		"of another name": {NewShape(other), `"Gone"`, true},
		"not that of one": {NewShape(other), `"Deleted"`, false},
		"none":            {NewShape(none), `"Deleted"`, false},
	} {
		r := read(t, test.shape, `{`+good+`,"MediaStatus":`+test.status+`}`)
		if r.Deleted != test.deleted || r.Reason != "" || r.Values[0].Valid != (test.status != "null") {
			t.Errorf("%s: deleted %t, %q, %+v", name, r.Deleted, r.Reason, r.Values[0])
		}
	}
}

// Each kind has a type of PostgreSQL, and text in which that and SQLite take its
// values.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		kind       Kind
		name       string
		json, want string
	}{
		{Text, "text", `"true"`, "true"},
		{Word, "text", `"Toronto E03"`, "Toronto E03"},
		{Integer, "bigint", `2.0E7`, "20000000"},
		{Number, "numeric", `"149900.50"`, "149900.50"},
		{Boolean, "boolean", `"Yes"`, "1"},
		{Boolean, "boolean", `false`, "0"},
		{Date, "date", `"2024-02-29T10:00:00Z"`, "2024-02-29"},
		{Timestamp, "timestamptz", `"2024-02-29T10:00:00.5-05:00"`, "2024-02-29T15:00:00.500000Z"},
	} {
		v, ok := Column{Kind: test.kind}.Convert([]byte(test.json))
		if got := v.Plain(test.kind); !ok || !v.Valid || got != test.want || test.kind.Type() != test.name {
			t.Errorf("%s is %q of type %s, want %q of %s", test.json, got, test.kind.Type(), test.want, test.name)
		}
	}
}
