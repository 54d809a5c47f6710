package catalog

import (
	"time"

	"resoagent/internal/record"
)

// The streams that there are.
const (
	IDXProperty = "idx_property"
	VOWProperty = "vow_property"
	Media       = "media"
	Rooms       = "rooms"
	OpenHouse   = "openhouse"
)

// All is the catalogue: listings before children. The row sizes are
// pg_total_relation_size by rows after a backfill of 20,000 simulated listings
// with their 400,000 photos: 8,485 bytes a listing in both feeds, 1,259 a photo,
// 682 a room, 608 an open house.
func All() Catalogue {
	idx := listings()
	idx.Name, idx.Flag, idx.Title, idx.Help = IDXProperty, "idx", "IDX Property", "listings of the IDX feed"
	idx.Table, idx.View, idx.Feeds, idx.SyncLog = "idx_property", "idx_listing", []string{IDX}, "idx_property_timestamp"
	vow := listings()
	vow.Name, vow.Flag, vow.Title, vow.Help = VOWProperty, "vow", "VOW Property", "listings of the VOW feed"
	vow.Table, vow.View, vow.Feeds, vow.SyncLog = "vow_property", "vow_listing", []string{VOW}, "vow_property_timestamp"
	return Catalogue{idx, vow, media(), rooms(), openHouses()}
}

// listings is what the feeds of listings have in common: the columns that listing
// sites search and sort by. Latitude and Longitude are RESO fields that PropTx does
// not deliver; other providers do.
func listings() Stream {
	return Stream{
		Noun: "records", Heading: "📊 === PROPERTY SYNC (PARENT) ===", Listing: true,
		Resource: "Property", Key: "ListingKey", Timestamp: "ModificationTimestamp",
		KeyColumn: "listing_key",
		Columns: []record.Column{
			{Name: "listing_id", Field: "ListingId", Kind: record.Text},
			{Name: "standard_status", Field: "StandardStatus", Kind: record.Word},
			{Name: "mls_status", Field: "MlsStatus", Kind: record.Text},
			{Name: "contract_status", Field: "ContractStatus", Kind: record.Text},
			{Name: "transaction_type", Field: "TransactionType", Kind: record.Text},
			{Name: "property_type", Field: "PropertyType", Kind: record.Text},
			{Name: "property_sub_type", Field: "PropertySubType", Kind: record.Text},
			{Name: "list_price", Field: "ListPrice", Kind: record.Number},
			{Name: "original_list_price", Field: "OriginalListPrice", Kind: record.Number},
			{Name: "close_price", Field: "ClosePrice", Kind: record.Number},
			{Name: "close_date", Field: "CloseDate", Kind: record.Date},
			{Name: "listing_contract_date", Field: "ListingContractDate", Kind: record.Date},
			{Name: "expiration_date", Field: "ExpirationDate", Kind: record.Date},
			{Name: "days_on_market", Field: "DaysOnMarket", Kind: record.Integer},
			{Name: "original_entry_timestamp", Field: "OriginalEntryTimestamp", Kind: record.Timestamp},
			{Name: "major_change_timestamp", Field: "MajorChangeTimestamp", Kind: record.Timestamp},
			{Name: "price_change_timestamp", Field: "PriceChangeTimestamp", Kind: record.Timestamp},
			{Name: "photos_change_timestamp", Field: "PhotosChangeTimestamp", Kind: record.Timestamp},
			{Name: "bedrooms_total", Field: "BedroomsTotal", Kind: record.Integer},
			{Name: "bathrooms_total_integer", Field: "BathroomsTotalInteger", Kind: record.Integer},
			{Name: "kitchens_total", Field: "KitchensTotal", Kind: record.Integer},
			{Name: "parking_total", Field: "ParkingTotal", Kind: record.Number},
			{Name: "living_area_range", Field: "LivingAreaRange", Kind: record.Text},
			{Name: "building_area_total", Field: "BuildingAreaTotal", Kind: record.Number},
			{Name: "lot_width", Field: "LotWidth", Kind: record.Number},
			{Name: "lot_depth", Field: "LotDepth", Kind: record.Number},
			{Name: "lot_size_area", Field: "LotSizeArea", Kind: record.Number},
			{Name: "approximate_age", Field: "ApproximateAge", Kind: record.Text},
			{Name: "tax_annual_amount", Field: "TaxAnnualAmount", Kind: record.Number},
			{Name: "association_fee", Field: "AssociationFee", Kind: record.Number},
			{Name: "unparsed_address", Field: "UnparsedAddress", Kind: record.Text},
			{Name: "street_number", Field: "StreetNumber", Kind: record.Text},
			{Name: "street_name", Field: "StreetName", Kind: record.Text},
			{Name: "unit_number", Field: "UnitNumber", Kind: record.Text},
			{Name: "city", Field: "City", Kind: record.Word},
			{Name: "city_region", Field: "CityRegion", Kind: record.Text},
			{Name: "county_or_parish", Field: "CountyOrParish", Kind: record.Text},
			{Name: "state_or_province", Field: "StateOrProvince", Kind: record.Text},
			{Name: "postal_code", Field: "PostalCode", Kind: record.Text},
			{Name: "latitude", Field: "Latitude", Kind: record.Number},
			{Name: "longitude", Field: "Longitude", Kind: record.Number},
			{Name: "list_office_name", Field: "ListOfficeName", Kind: record.Text},
			{Name: "waterfront_yn", Field: "WaterfrontYN", Kind: record.Boolean},
			{Name: "internet_entire_listing_display_yn", Field: "InternetEntireListingDisplayYN", Kind: record.Boolean},
		},
		// City, status and price; a box on the map; what has changed since.
		Indexes: []Index{
			{Name: "search", Columns: []string{"city", "standard_status", "list_price"}},
			{Name: "map", Columns: []string{"latitude", "longitude"}, Where: "latitude IS NOT NULL"},
			{Name: "changed", Columns: []string{"record_timestamp", "listing_key"}},
		},
		Settings: "property", Sizes: Sizes{Page: 5000, Batch: 100, Throttle: 500 * time.Millisecond}, RowBytes: 4300,
	}
}

// media are photos and documents.
func media() Stream {
	return Stream{
		Name: Media, Flag: "media", Title: "Media", Noun: "media records", Help: "photos and documents",
		Heading:  "🖼️  === MEDIA SYNC (CHILD) ===",
		Resource: "Media", Key: "MediaKey", Timestamp: "MediaModificationTimestamp", Parent: "ResourceRecordKey",
		Tombstone: record.Tombstone{Field: "MediaStatus", Value: "Deleted"},
		Table:     "media", KeyColumn: "media_key", ParentColumn: "resource_record_key",
		Columns: []record.Column{
			{Name: "resource_name", Field: "ResourceName", Kind: record.Text},
			{Name: "media_object_id", Field: "MediaObjectID", Kind: record.Text},
			{Name: "media_category", Field: "MediaCategory", Kind: record.Text},
			{Name: "media_type", Field: "MediaType", Kind: record.Text},
			{Name: "media_status", Field: "MediaStatus", Kind: record.Text},
			{Name: "image_size_description", Field: "ImageSizeDescription", Kind: record.Text},
			{Name: "media_order", Field: "Order", Kind: record.Integer},
			{Name: "preferred_photo_yn", Field: "PreferredPhotoYN", Kind: record.Boolean},
			{Name: "media_url", Field: "MediaURL", Kind: record.Text},
			{Name: "modification_timestamp", Field: "ModificationTimestamp", Kind: record.Timestamp},
		},
		Feeds: []string{VOW, IDX}, Filter: "ResourceName eq 'Property'", Settings: "media",
		Sizes: Sizes{Page: 2000, Batch: 100, Throttle: 750 * time.Millisecond}, RowBytes: 1300, SyncLog: "media_timestamp",
	}
}

// rooms are the rooms of a listing.
func rooms() Stream {
	return Stream{
		Name: Rooms, Flag: "rooms", Title: "PropertyRooms", Noun: "room records", Help: "rooms",
		Heading:  "🏠 === PROPERTY ROOMS SYNC (CHILD) ===",
		Resource: "PropertyRooms", Key: "RoomKey", Timestamp: "ModificationTimestamp", Parent: "ListingKey",
		Tombstone: record.Tombstone{Field: "RoomStatus", Value: "Deleted"},
		Table:     "propertyrooms", KeyColumn: "room_key", ParentColumn: "listing_key",
		Columns: []record.Column{
			{Name: "room_type", Field: "RoomType", Kind: record.Text},
			{Name: "room_level", Field: "RoomLevel", Kind: record.Text},
			{Name: "room_status", Field: "RoomStatus", Kind: record.Text},
			{Name: "room_length", Field: "RoomLength", Kind: record.Number},
			{Name: "room_width", Field: "RoomWidth", Kind: record.Number},
			{Name: "room_length_width_units", Field: "RoomLengthWidthUnits", Kind: record.Text},
			{Name: "room_order", Field: "Order", Kind: record.Integer},
			{Name: "room_description", Field: "RoomDescription", Kind: record.Text},
		},
		Feeds: []string{VOW, IDX}, Settings: "rooms",
		Sizes: Sizes{Page: 5000, Batch: 100, Throttle: 500 * time.Millisecond}, RowBytes: 700, SyncLog: "rooms_timestamp",
	}
}

// openHouses are the open houses of a listing.
func openHouses() Stream {
	return Stream{
		Name: OpenHouse, Flag: "openhouse", Title: "OpenHouse", Noun: "open house records", Help: "open houses",
		Heading:  "🏡 === OPEN HOUSE SYNC (CHILD) ===",
		Resource: "OpenHouse", Key: "OpenHouseKey", Timestamp: "ModificationTimestamp", Parent: "ListingKey",
		Table: "openhouse", KeyColumn: "open_house_key", ParentColumn: "listing_key",
		Columns: []record.Column{
			{Name: "open_house_date", Field: "OpenHouseDate", Kind: record.Date},
			{Name: "open_house_start_time", Field: "OpenHouseStartTime", Kind: record.Timestamp},
			{Name: "open_house_end_time", Field: "OpenHouseEndTime", Kind: record.Timestamp},
			{Name: "open_house_status", Field: "OpenHouseStatus", Kind: record.Text},
			{Name: "open_house_type", Field: "OpenHouseType", Kind: record.Text},
			{Name: "open_house_format", Field: "OpenHouseFormat", Kind: record.Text},
			{Name: "open_house_url", Field: "OpenHouseURL", Kind: record.Text},
		},
		Feeds: []string{VOW, IDX}, Settings: "openhouse",
		Sizes: Sizes{Page: 5000, Batch: 100, Throttle: 500 * time.Millisecond}, RowBytes: 650, SyncLog: "openhouse_timestamp",
	}
}
