-- The views of PostgreSQL, and the indexes of the usual searches.
--
-- idx_listing selects and filters from the idx copy alone. What reads a value
-- out of the copy gives NULL for one that does not fit, as the agent does for its
-- typed columns. SQLite has no functions written in SQL, so this file is a Go
-- template, and what is a function in PostgreSQL is put into the view.
--
-- SQLite uses an index on an expression for the same expression alone, and not
-- for one that is put together from inner selects: so word and number are one
-- expression each. In the others t is the kind of a value, s its text without
-- white space around it, z the zone and f the fraction of a point in time.

{{/* The copy, where SQLite can read it: it gives up on JSON of more than a
thousand levels, with an error that would stop the agent. */}}
{{- define "copy"}}CASE WHEN json_valid(idx) THEN idx END{{end}}

{{- define "kind"}}json_type({{template "copy"}}, '$.{{.}}'){{end}}

{{- define "value"}}({{template "copy"}}) ->> '$.{{.}}'{{end}}

{{- define "trimmed"}}trim({{template "value" .}}, ' ' || char(9, 10, 11, 12, 13)){{end}}

{{/* Numbers and booleans as they are written. */}}
{{- define "text"}}CASE {{template "kind" .}} WHEN 'text' THEN {{template "value" .}}
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE ({{template "copy"}}) -> '$.{{.}}' END{{end}}

{{- define "word"}}CASE WHEN length(CAST({{template "value" .}} AS BLOB)) <= 512 THEN {{template "text" .}} END{{end}}

{{/* 9e999 is infinity: more than a 64-bit float holds. */}}
{{- define "number"}}nullif(nullif(CASE {{template "kind" .}} WHEN 'integer' THEN CAST({{template "value" .}} AS REAL)
    WHEN 'real' THEN CASE WHEN length(({{template "copy"}}) -> '$.{{.}}') <= 400 THEN {{template "value" .}} END
    WHEN 'text' THEN CASE WHEN {{template "numeric text" .}} THEN CAST({{template "trimmed" .}} AS REAL) END END, 9e999), -9e999){{end}}

{{/* Whether a text has the form of a number: JSON takes it with a digit before
and one behind, and it begins and ends like one without them. */}}
{{- define "numeric text"}}length({{template "trimmed" .}}) <= 400 AND {{template "trimmed" .}} NOT GLOB '[+-][+-]*'
    AND ltrim({{template "trimmed" .}}, '+-') GLOB '[0-9.]*' AND ltrim({{template "trimmed" .}}, '+-') <> '.'
    AND {{template "trimmed" .}} NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim({{template "trimmed" .}}, '+-') || '0'){{end}}

{{/* A cast of text to NUMERIC is an integer where nothing is lost: 3.0, 2.0E7. */}}
{{- define "integer"}}(SELECT CASE WHEN n THEN CASE typeof(CAST(s AS NUMERIC)) WHEN 'integer' THEN CAST(s AS NUMERIC) END END
    FROM (SELECT {{template "trimmed" .}} AS s,
    {{template "kind" .}} IN ('integer', 'real') OR {{template "kind" .}} = 'text' AND {{template "numeric text" .}} AS n)){{end}}

{{- define "boolean"}}(SELECT CASE WHEN s IN ('true', 'y', 'yes', '1') THEN 1 WHEN s IN ('false', 'n', 'no', '0') THEN 0 END
    FROM (SELECT lower({{template "trimmed" .}}) AS s)){{end}}

{{- define "parts"}}(SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT {{template "trimmed" .}} AS s, {{template "kind" .}} AS t))){{end}}

{{/* '+0 days' makes SQLite count a day of 30 February as one of March. */}}
{{- define "is time"}}strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'{{end}}

{{- define "in UTC"}}strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z){{end}}

{{- define "timestamp"}}(SELECT CASE WHEN t = 'text' AND {{template "is time"}} AND {{template "in UTC"}} BETWEEN '0001' AND ':'
    THEN {{template "in UTC"}} || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM {{template "parts" .}}){{end}}

{{- define "date"}}(SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR {{template "is time"}} AND time('00:00' || z) IS NOT NULL)
    THEN substr(s, 1, 10) END FROM {{template "parts" .}}){{end}}

-- One feed, for public pages: nothing in it comes from anywhere but the IDX copy.
CREATE VIEW idx_listing AS SELECT
  listing_key,
  {{template "text" "ListingId"}} AS listing_id,
  {{template "word" "StandardStatus"}} AS standard_status,
  {{template "text" "MlsStatus"}} AS mls_status,
  {{template "text" "ContractStatus"}} AS contract_status,
  {{template "text" "TransactionType"}} AS transaction_type,
  {{template "text" "PropertyType"}} AS property_type,
  {{template "text" "PropertySubType"}} AS property_sub_type,
  {{template "number" "ListPrice"}} AS list_price,
  {{template "number" "OriginalListPrice"}} AS original_list_price,
  {{template "number" "ClosePrice"}} AS close_price,
  {{template "date" "CloseDate"}} AS close_date,
  {{template "date" "ListingContractDate"}} AS listing_contract_date,
  {{template "date" "ExpirationDate"}} AS expiration_date,
  {{template "integer" "DaysOnMarket"}} AS days_on_market,
  {{template "timestamp" "OriginalEntryTimestamp"}} AS original_entry_timestamp,
  {{template "timestamp" "MajorChangeTimestamp"}} AS major_change_timestamp,
  {{template "timestamp" "PriceChangeTimestamp"}} AS price_change_timestamp,
  {{template "timestamp" "PhotosChangeTimestamp"}} AS photos_change_timestamp,
  {{template "integer" "BedroomsTotal"}} AS bedrooms_total,
  {{template "integer" "BathroomsTotalInteger"}} AS bathrooms_total_integer,
  {{template "integer" "KitchensTotal"}} AS kitchens_total,
  {{template "number" "ParkingTotal"}} AS parking_total,
  {{template "text" "LivingAreaRange"}} AS living_area_range,
  {{template "number" "BuildingAreaTotal"}} AS building_area_total,
  {{template "number" "LotWidth"}} AS lot_width,
  {{template "number" "LotDepth"}} AS lot_depth,
  {{template "number" "LotSizeArea"}} AS lot_size_area,
  {{template "text" "ApproximateAge"}} AS approximate_age,
  {{template "number" "TaxAnnualAmount"}} AS tax_annual_amount,
  {{template "number" "AssociationFee"}} AS association_fee,
  {{template "text" "UnparsedAddress"}} AS unparsed_address,
  {{template "text" "StreetNumber"}} AS street_number,
  {{template "text" "StreetName"}} AS street_name,
  {{template "text" "UnitNumber"}} AS unit_number,
  {{template "word" "City"}} AS city,
  {{template "text" "CityRegion"}} AS city_region,
  {{template "text" "CountyOrParish"}} AS county_or_parish,
  {{template "text" "StateOrProvince"}} AS state_or_province,
  {{template "text" "PostalCode"}} AS postal_code,
  {{template "number" "Latitude"}} AS latitude,
  {{template "number" "Longitude"}} AS longitude,
  {{template "text" "ListOfficeName"}} AS list_office_name,
  {{template "boolean" "WaterfrontYN"}} AS waterfront_yn,
  {{template "boolean" "InternetEntireListingDisplayYN"}} AS internet_entire_listing_display_yn,
  idx_timestamp AS modification_timestamp,
  idx AS record
FROM Property WHERE idx IS NOT NULL;

-- The other feed. The typed columns are those of the VOW copy wherever there is
-- one.
CREATE VIEW vow_listing AS SELECT
  listing_key,
  listing_id,
  standard_status,
  mls_status,
  contract_status,
  transaction_type,
  property_type,
  property_sub_type,
  list_price,
  original_list_price,
  close_price,
  close_date,
  listing_contract_date,
  expiration_date,
  days_on_market,
  original_entry_timestamp,
  major_change_timestamp,
  price_change_timestamp,
  photos_change_timestamp,
  bedrooms_total,
  bathrooms_total_integer,
  kitchens_total,
  parking_total,
  living_area_range,
  building_area_total,
  lot_width,
  lot_depth,
  lot_size_area,
  approximate_age,
  tax_annual_amount,
  association_fee,
  unparsed_address,
  street_number,
  street_name,
  unit_number,
  city,
  city_region,
  county_or_parish,
  state_or_province,
  postal_code,
  latitude,
  longitude,
  list_office_name,
  waterfront_yn,
  internet_entire_listing_display_yn,
  vow_timestamp AS modification_timestamp,
  vow AS record
FROM Property WHERE vow IS NOT NULL;

-- One row for each photo, in its largest size. The rows of one photo in several
-- sizes share media_object_id; where a source tells no size, each row is a
-- photo. Both windows are partitioned by the listing, so that a condition on
-- listing_key reaches the primary key of Media.
CREATE VIEW listing_photo AS SELECT
  listing_key,
  row_number() OVER (PARTITION BY listing_key
    ORDER BY media_order NULLS LAST, coalesce(preferred_photo_yn, 0) DESC, media_key) AS photo_number,
  media_key,
  media_object_id,
  image_size_description,
  media_type,
  media_url,
  short_description,
  media_order,
  preferred_photo_yn,
  modification_timestamp
FROM (
  SELECT
    resource_record_key AS listing_key,
    row_number() OVER (PARTITION BY resource_record_key,
      CASE WHEN image_size_description IS NULL THEN media_key ELSE coalesce(nullif(media_object_id, ''), media_key) END
      ORDER BY CASE image_size_description
        WHEN 'Largest' THEN 1 WHEN 'LargestNoWatermark' THEN 2 WHEN 'Large' THEN 3
        WHEN 'Medium' THEN 5 WHEN 'Thumbnail' THEN 6 ELSE 4 END, record_timestamp DESC, media_key) AS choice,
    media_key, media_object_id, image_size_description, media_type, media_url,
    CASE WHEN json_valid(record) THEN record ->> '$.ShortDescription' END AS short_description,
    media_order, preferred_photo_yn, modification_timestamp
  FROM Media
  WHERE coalesce(resource_name, 'Property') = 'Property'
    AND (media_category = 'Photo' OR image_size_description IS NOT NULL
      OR media_category IS NULL AND (media_type IS NULL OR lower(media_type) LIKE 'image/%' OR lower(media_type) IN ('jpeg', 'jpg', 'png', 'gif', 'webp')))
) sizes
WHERE choice = 1;

-- The photos of the listings of the IDX feed. Photos are fetched with the VOW
-- token where there is one, so listing_photo also has those of listings that a
-- public page must not show.
CREATE VIEW idx_photo AS SELECT p.*
FROM listing_photo p
WHERE EXISTS (SELECT 1 FROM Property l WHERE l.listing_key = p.listing_key AND l.idx IS NOT NULL);

-- City, status and price; a box on the map; what has changed since. For each
-- feed, and of the listings of that feed alone.
CREATE INDEX agent_vow_search ON Property (city, standard_status, list_price) WHERE vow IS NOT NULL;
CREATE INDEX agent_vow_map ON Property (latitude, longitude) WHERE vow IS NOT NULL AND latitude IS NOT NULL;
CREATE INDEX agent_vow_changed ON Property (vow_timestamp, listing_key) WHERE vow IS NOT NULL;
CREATE INDEX agent_idx_search ON Property ({{template "word" "City"}},
  {{template "word" "StandardStatus"}},
  {{template "number" "ListPrice"}}) WHERE idx IS NOT NULL;
CREATE INDEX agent_idx_map ON Property ({{template "number" "Latitude"}},
  {{template "number" "Longitude"}}) WHERE idx IS NOT NULL AND {{template "number" "Latitude"}} IS NOT NULL;
CREATE INDEX agent_idx_changed ON Property (idx_timestamp, listing_key) WHERE idx IS NOT NULL;
