package simulator

import (
	"errors"
	"fmt"
)

// Extra is a made-up resource beside the four. Both feeds have it: what has
// no parents as it is, children where they see the listing.
type Extra struct {
	Name string
	Key  string // the key's field
	// Parent is the field that holds a listing's key. Some rows have parents that
	// are in no feed, as with the four. "" for a resource without parents.
	Parent    string
	Timestamp string // the timestamp's field
	// Tombstone is a field that is Gone in Options.DeletedShare of the rows and
	// Active in the others; "" for none.
	Tombstone, Gone string
	Fields          []ExtraField

	// PerListing is the average of the children of a listing, Rows how many rows
	// there are without parents.
	PerListing float64
	Rows       int
}

// ExtraField is a field of an Extra. One row in ten has no value for it.
type ExtraField struct {
	Name string
	Type FieldType
}

// FieldType is what the values of an ExtraField are.
type FieldType string

// The types of fields.
const (
	TypeText    = FieldType(kindText)
	TypeNumber  = FieldType(kindFloat) // with a fraction of quarters
	TypeInteger = FieldType(kindInt)   // written as 3.0 in one row of four
	TypeDate    = FieldType(kindDate)
	TypeBoolean = FieldType(kindBool)
	TypeTime    = FieldType(kindTime)
)

// resource makes the extra one like any other.
func (e *Extra) resource(w *world, step uint64) *resource {
	r := &resource{
		name: e.Name, key: e.Key, parent: e.Parent, stamps: []string{e.Timestamp}, step: step,
		numbers: e.Rows, average: e.PerListing, keys: uuidKeyed(w.dice.draw(step, forNumbers)),
	}
	if e.Parent != "" {
		r.numbers = w.orphans
	}
	add := func(f field) {
		f.feeds, f.number = []Feed{IDX, VOW}, uint64(len(r.fields))
		r.add(&f)
	}
	add(field{name: e.Key, kind: kindText})
	if e.Parent != "" {
		add(field{name: e.Parent, kind: kindText})
	}
	add(field{name: e.Timestamp, kind: kindTime})
	if e.Tombstone != "" {
		add(field{name: e.Tombstone, kind: kindText, write: e.tombstone})
	}
	for _, f := range e.Fields {
		add(field{
			name: f.Name, kind: kind(f.Type), nulls: 10, high: 1000,
			values: []string{"Maple", "Elm & Oak", "Côte-des-Érables", `the "Point"`, "d'Arcy", "7"},
		})
	}
	return r
}

func (e *Extra) tombstone(dst []byte, r *record) []byte {
	if r.deleted() {
		return appendString(dst, e.Gone)
	}
	return appendString(dst, "Active")
}

// check says what is senseless about an extra resource. taken are the names
// that others have.
func (e *Extra) check(o *Options, taken map[string]bool) error {
	names := map[string]bool{}
	for _, name := range append([]string{e.Key, e.Timestamp}, e.optional()...) {
		if !identifier(name) || names[name] {
			return fmt.Errorf("check options: %q is no name for a further field of %s", name, e.Name)
		}
		names[name] = true
	}
	for _, f := range e.Fields {
		switch f.Type {
		case TypeText, TypeNumber, TypeInteger, TypeDate, TypeBoolean, TypeTime:
		default:
			return fmt.Errorf("check options: %s of %s has the type %q", f.Name, e.Name, f.Type)
		}
	}
	rows := float64(e.Rows)
	if e.Parent != "" {
		rows += 2 * e.PerListing * float64(o.Properties) * (1 + o.OrphanShare)
	}
	switch {
	case !identifier(e.Name) || taken[e.Name]:
		return fmt.Errorf("check options: %q is no name for a further resource", e.Name)
	case (e.Tombstone == "") != (e.Gone == ""):
		return errors.New("check options: " + e.Name + " has a tombstone without a value, or the other way round")
	case e.Parent == "" && e.PerListing != 0:
		return errors.New("check options: " + e.Name + " has children of listings, but no field for the parent")
	case e.Parent != "" && e.Rows != 0:
		return errors.New("check options: " + e.Name + " has rows without parents, and a field for the parent")
	case !(e.PerListing >= 0 && e.PerListing <= mostPhotos) || e.Rows < 0 || rows > mostRows:
		return fmt.Errorf("check options: %s cannot have so many rows", e.Name)
	}
	taken[e.Name] = true
	return nil
}

// optional are the names of the fields that there are beside key and timestamp.
func (e *Extra) optional() (names []string) {
	for _, name := range []string{e.Parent, e.Tombstone} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, f := range e.Fields {
		names = append(names, f.Name)
	}
	return names
}

// identifier says whether a text can name a field or a resource.
func identifier(text string) bool {
	for i := range len(text) {
		if !letter(text[i]) && (i == 0 || !digit(text[i])) {
			return false
		}
	}
	return text != ""
}
