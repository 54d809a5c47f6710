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

// Column is one typed column of a table and the RESO field that fills it.
type Column struct {
	Name  string // in the destination
	Field string // in the source
	Kind  Kind
}

// Shape says how the records of one RESO resource are read and stored. Shapes
// are read-only after they are made.
type Shape struct {
	Resource string // the resource in the service root, such as "Property"
	Table    string // the destination's table

	Key       string // field names in the source
	Timestamp string
	Parent    string // "" for the parent resource itself
	Status    string // its value "Deleted" marks a soft delete; "" if there is none

	KeyColumn    string // column names in the destination
	ParentColumn string // "" where Parent is ""

	Columns []Column // beside key, parent and the JSON copy

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

// CopyColumns are the columns of one JSON copy. feed is "" where the table keeps
// a single one.
func (s *Shape) CopyColumns(feed string) (timestamp, hash, body string) {
	if feed == "" {
		return "record_timestamp", "record_hash", "record"
	}
	return feed + "_timestamp", feed + "_hash", feed
}

func (s *Shape) index() *Shape {
	s.fields = make(map[string]*use, len(s.Columns)+4)
	for field, r := range map[string]role{s.Key: roleKey, s.Timestamp: roleTimestamp, s.Parent: roleParent, s.Status: roleStatus} {
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

// Property is the parent resource: the columns that listing sites search and
// sort by. The view idx_listing (migrations) reads the same columns out of the
// IDX copy, in SQL. Latitude and Longitude are RESO fields that PropTx does not deliver;
// other providers do.
func Property() *Shape {
	return (&Shape{
		Resource: "Property", Table: "property",
		Key: "ListingKey", Timestamp: "ModificationTimestamp", KeyColumn: "listing_key",
		Columns: []Column{
			{"listing_id", "ListingId", Text},
			{"standard_status", "StandardStatus", Word},
			{"mls_status", "MlsStatus", Text},
			{"contract_status", "ContractStatus", Text},
			{"transaction_type", "TransactionType", Text},
			{"property_type", "PropertyType", Text},
			{"property_sub_type", "PropertySubType", Text},
			{"list_price", "ListPrice", Number},
			{"original_list_price", "OriginalListPrice", Number},
			{"close_price", "ClosePrice", Number},
			{"close_date", "CloseDate", Date},
			{"listing_contract_date", "ListingContractDate", Date},
			{"expiration_date", "ExpirationDate", Date},
			{"days_on_market", "DaysOnMarket", Integer},
			{"original_entry_timestamp", "OriginalEntryTimestamp", Timestamp},
			{"major_change_timestamp", "MajorChangeTimestamp", Timestamp},
			{"price_change_timestamp", "PriceChangeTimestamp", Timestamp},
			{"photos_change_timestamp", "PhotosChangeTimestamp", Timestamp},
			{"bedrooms_total", "BedroomsTotal", Integer},
			{"bathrooms_total_integer", "BathroomsTotalInteger", Integer},
			{"kitchens_total", "KitchensTotal", Integer},
			{"parking_total", "ParkingTotal", Number},
			{"living_area_range", "LivingAreaRange", Text},
			{"building_area_total", "BuildingAreaTotal", Number},
			{"lot_width", "LotWidth", Number},
			{"lot_depth", "LotDepth", Number},
			{"lot_size_area", "LotSizeArea", Number},
			{"approximate_age", "ApproximateAge", Text},
			{"tax_annual_amount", "TaxAnnualAmount", Number},
			{"association_fee", "AssociationFee", Number},
			{"unparsed_address", "UnparsedAddress", Text},
			{"street_number", "StreetNumber", Text},
			{"street_name", "StreetName", Text},
			{"unit_number", "UnitNumber", Text},
			{"city", "City", Word},
			{"city_region", "CityRegion", Text},
			{"county_or_parish", "CountyOrParish", Text},
			{"state_or_province", "StateOrProvince", Text},
			{"postal_code", "PostalCode", Text},
			{"latitude", "Latitude", Number},
			{"longitude", "Longitude", Number},
			{"list_office_name", "ListOfficeName", Text},
			{"waterfront_yn", "WaterfrontYN", Boolean},
			{"internet_entire_listing_display_yn", "InternetEntireListingDisplayYN", Boolean},
		},
	}).index()
}

// Media are photos and documents of a listing.
func Media() *Shape {
	return (&Shape{
		Resource: "Media", Table: "media",
		Key: "MediaKey", Timestamp: "MediaModificationTimestamp", Parent: "ResourceRecordKey", Status: "MediaStatus",
		KeyColumn: "media_key", ParentColumn: "resource_record_key",
		Columns: []Column{
			{"resource_name", "ResourceName", Text},
			{"media_object_id", "MediaObjectID", Text},
			{"media_category", "MediaCategory", Text},
			{"media_type", "MediaType", Text},
			{"media_status", "MediaStatus", Text},
			{"image_size_description", "ImageSizeDescription", Text},
			{"media_order", "Order", Integer},
			{"preferred_photo_yn", "PreferredPhotoYN", Boolean},
			{"media_url", "MediaURL", Text},
			{"modification_timestamp", "ModificationTimestamp", Timestamp},
		},
	}).index()
}

// Rooms are the rooms of a listing.
func Rooms() *Shape {
	return (&Shape{
		Resource: "PropertyRooms", Table: "propertyrooms",
		Key: "RoomKey", Timestamp: "ModificationTimestamp", Parent: "ListingKey", Status: "RoomStatus",
		KeyColumn: "room_key", ParentColumn: "listing_key",
		Columns: []Column{
			{"room_type", "RoomType", Text},
			{"room_level", "RoomLevel", Text},
			{"room_status", "RoomStatus", Text},
			{"room_length", "RoomLength", Number},
			{"room_width", "RoomWidth", Number},
			{"room_length_width_units", "RoomLengthWidthUnits", Text},
			{"room_order", "Order", Integer},
			{"room_description", "RoomDescription", Text},
		},
	}).index()
}

// OpenHouse are the open houses of a listing.
func OpenHouse() *Shape {
	return (&Shape{
		Resource: "OpenHouse", Table: "openhouse",
		Key: "OpenHouseKey", Timestamp: "ModificationTimestamp", Parent: "ListingKey",
		KeyColumn: "open_house_key", ParentColumn: "listing_key",
		Columns: []Column{
			{"open_house_date", "OpenHouseDate", Date},
			{"open_house_start_time", "OpenHouseStartTime", Timestamp},
			{"open_house_end_time", "OpenHouseEndTime", Timestamp},
			{"open_house_status", "OpenHouseStatus", Text},
			{"open_house_type", "OpenHouseType", Text},
			{"open_house_format", "OpenHouseFormat", Text},
			{"open_house_url", "OpenHouseURL", Text},
		},
	}).index()
}

// Shapes are all resources, the parent first.
func Shapes() []*Shape { return []*Shape{Property(), Media(), Rooms(), OpenHouse()} }
