package migrations

import (
	"slices"
	"strings"
)

// oldTypes are the columns that version 1 has made, by table and type. Versions 2
// to 5 have added none.
func oldTypes() map[string]map[string]string {
	return map[string]map[string]string{
		"property": {
			"text": `listing_key listing_id standard_status mls_status contract_status transaction_type property_type property_sub_type
				living_area_range approximate_age unparsed_address street_number street_name unit_number city city_region county_or_parish
				state_or_province postal_code list_office_name`,
			"numeric": `list_price original_list_price close_price parking_total building_area_total lot_width lot_depth lot_size_area
				tax_annual_amount association_fee latitude longitude`,
			"date":        `close_date listing_contract_date expiration_date`,
			"bigint":      `days_on_market bedrooms_total bathrooms_total_integer kitchens_total`,
			"timestamptz": `original_entry_timestamp major_change_timestamp price_change_timestamp photos_change_timestamp`,
			"boolean":     `waterfront_yn internet_entire_listing_display_yn`,
		},
		"media": {
			"text": `resource_record_key media_key resource_name media_object_id media_category media_type media_status
				image_size_description media_url`,
			"bigint": `media_order`, "boolean": `preferred_photo_yn`, "timestamptz": `modification_timestamp`,
		},
		"propertyrooms": {
			"text":    `listing_key room_key room_type room_level room_status room_length_width_units room_description`,
			"numeric": `room_length room_width`, "bigint": `room_order`,
		},
		"openhouse": {
			"text": `listing_key open_house_key open_house_status open_house_type open_house_format open_house_url`,
			"date": `open_house_date`, "timestamptz": `open_house_start_time open_house_end_time`,
		},
	}
}

func childTables() []string { return []string{"media", "propertyrooms", "openhouse"} }

// oldType is the type that version 1 has given a column of a table of the layout;
// "" if it had none of the name.
func oldType(table, column string) string {
	if !slices.Contains(childTables(), table) {
		table = "property"
	}
	for t, columns := range oldTypes()[table] {
		if slices.Contains(strings.Fields(columns), column) {
			return t
		}
	}
	return ""
}

// allOldColumns are those of Property.
func allOldColumns() []string {
	out := slices.Concat(feedColumns("idx"), feedColumns("vow"))
	for _, columns := range oldTypes()["property"] {
		out = append(out, strings.Fields(columns)...)
	}
	return out
}

// feedColumns are those of one feed's copy in Property.
func feedColumns(feed string) []string { return []string{feed + "_timestamp", feed + "_hash", feed} }

// copyColumns are what they are called in a table of one feed.
func copyColumns() []string { return []string{"record_timestamp", "record_hash", "record"} }

// sharedColumns are the key and the typed columns of a table that Property has as
// well, of the same type.
func sharedColumns(t Table) []string {
	out := slices.Clone(t.Key)
	for _, c := range t.Columns {
		if oldType(t.Name, c.Name) == c.Type {
			out = append(out, c.Name)
		}
	}
	return out
}

// oldViews are those of versions 2 to 5.
func oldViews() []string { return []string{"idx_listing", "vow_listing", "listing_photo", "idx_photo"} }
