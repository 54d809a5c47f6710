package simulator

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed fields/*.tsv
var fieldTables embed.FS

// kind is the type of a field, which decides what it may be compared with.
type kind string

const (
	kindNull   kind = "null" // never a value, so its type is not known
	kindArray  kind = "array"
	kindBool   kind = "bool"
	kindDate   kind = "date"
	kindFloat  kind = "float"
	kindInt    kind = "int"
	kindWhole  kind = "whole" // a float without a fraction: 3.0
	kindText   kind = "string"
	kindDigits kind = "digits" // text made of digits
	kindTime   kind = "time"
)

// field is one column of a resource.
type field struct {
	name   string
	kind   kind
	nulls  uint64   // how many rows of a hundred have no value
	values []string // what generic values are drawn from
	low    int      // bounds of generic numbers
	high   int
	feeds  []Feed
	column column
	number uint64 // position in the table: the purpose of its draws
	// write appends the value as JSON, where it is computed and not drawn.
	write func(dst []byte, r *record) []byte
}

// column names what can be read from a row without writing its JSON.
type column int

const (
	columnNone column = iota
	columnKey
	columnParent
	columnStamp  // the timestamp that the resource is ordered by
	columnStamp2 // Media has a second one
)

// resource describes one entity set.
type resource struct {
	name, key string
	parent    string   // "" for a resource without parents
	stamps    []string // timestamp columns, the main one first

	numbers int     // how many parents may have rows; without parents, how many rows
	average float64 // rows of a parent
	keys    keys

	together bool   // rows of one parent are changed together, one after another
	moves    string // a field of the listing that a changed row moves, if any

	step   uint64 // keeps the draws of the resources apart
	fields []*field
	byName map[string]*field
	byFeed map[Feed][]*field
}

func (f *field) in(feed Feed) bool {
	for _, own := range f.feeds {
		if own == feed {
			return true
		}
	}
	return false
}

// lookup finds a field that the feed has.
func (r *resource) lookup(feed Feed, name string) *field {
	if f := r.byName[name]; f != nil && f.in(feed) {
		return f
	}
	return nil
}

// newResources are the four, listings first, and then the extra ones.
func newResources(w *world) ([]*resource, error) {
	o := &w.options
	all := []*resource{
		{
			name: Property, key: "ListingKey", stamps: []string{"ModificationTimestamp"},
			numbers: w.listings, keys: w.listingKeyed(),
		},
		{
			name: Media, key: "MediaKey", parent: "ResourceRecordKey",
			stamps:  []string{"MediaModificationTimestamp", "ModificationTimestamp"},
			numbers: w.owners, average: o.MediaPerListing, keys: uuidKeyed(w.mediaSalt),
			together: true, moves: "PhotosChangeTimestamp",
		},
		{
			name: PropertyRooms, key: "RoomKey", parent: "ListingKey", stamps: []string{"ModificationTimestamp"},
			numbers: w.orphans, average: o.RoomsPerListing, keys: keys{w.appendRoomKey, w.roomOf},
			moves: "ModificationTimestamp",
		},
		{
			name: OpenHouse, key: "OpenHouseKey", parent: "ListingKey", stamps: []string{"ModificationTimestamp"},
			numbers: w.orphans, average: o.OpenHousesPerListing, keys: keys{w.appendOpenHouseKey, w.openHouseOf},
		},
	}
	written := []map[string]writer{propertyWriters(), mediaWriters(), roomWriters(), openHouseWriters()}
	for i, def := range all {
		def.step = uint64(i + 1)
		if err := def.load(written[i]); err != nil {
			return nil, err
		}
	}
	for i := range o.Extra {
		all = append(all, o.Extra[i].resource(w, uint64(len(all)+1)))
	}
	return all, nil
}

type writer = func(dst []byte, r *record) []byte

func (r *resource) load(written map[string]writer) error {
	table, err := fieldTables.ReadFile("fields/" + strings.ToLower(r.name) + ".tsv")
	if err != nil {
		return fmt.Errorf("read fields of %s: %w", r.name, err)
	}
	lines := strings.Split(strings.TrimSpace(string(table)), "\n")
	for i, line := range lines[1:] {
		f, err := parseField(line)
		if err != nil {
			return fmt.Errorf("read fields of %s: %w", r.name, err)
		}
		f.number, f.write = uint64(i), written[f.name]
		if (f.write != nil) != (len(f.values) == 1 && f.values[0] == "=") {
			return fmt.Errorf("read fields of %s: %s is computed in one place and drawn in another", r.name, f.name)
		}
		r.add(f)
	}
	return nil
}

func (r *resource) add(f *field) {
	if r.byName == nil {
		r.byName, r.byFeed = map[string]*field{}, map[Feed][]*field{}
	}
	f.column = r.columnOf(f.name)
	r.fields = append(r.fields, f)
	r.byName[f.name] = f
	for _, feed := range f.feeds {
		r.byFeed[feed] = append(r.byFeed[feed], f)
	}
}

func (r *resource) columnOf(name string) column {
	switch {
	case name == r.key:
		return columnKey
	case r.parent != "" && name == r.parent:
		return columnParent
	case name == r.stamps[0]:
		return columnStamp
	case len(r.stamps) > 1 && name == r.stamps[1]:
		return columnStamp2
	}
	return columnNone
}

func parseField(line string) (*field, error) {
	parts := strings.Split(line, "\t")
	if len(parts) != 5 {
		return nil, fmt.Errorf("%q has %d columns, not 5", line, len(parts))
	}
	nulls, err := strconv.ParseUint(parts[2], 10, 8)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", parts[0], err)
	}
	f := &field{name: parts[0], kind: kind(parts[1]), nulls: nulls, feeds: []Feed{IDX, VOW}}
	if parts[3] != "both" {
		f.feeds = []Feed{Feed(parts[3])}
	}
	if parts[4] != "-" {
		f.values = strings.Split(parts[4], "|")
	}
	f.low, f.high = 0, 100
	if (family(f.kind) == kindFloat || f.kind == kindDigits) && parts[4] != "-" && parts[4] != "=" {
		if _, err := fmt.Sscanf(parts[4], "%d-%d", &f.low, &f.high); err != nil {
			return nil, fmt.Errorf("read bounds of %s: %w", f.name, err)
		}
	}
	return f, nil
}
