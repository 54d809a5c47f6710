-- Timestamps as OData's grammar allows them: without seconds, and with small
-- letters. The view of the listings is made again with another conversion; the
-- indexes do not use it.

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

{{/* t and z may be small (u), and seconds be left out: ':00' is put in where the
zone, or nothing, follows the minutes. */}}
{{- define "parts"}}(SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper({{template "trimmed" .}}) AS u, {{template "kind" .}} AS t)))){{end}}

{{/* '+0 days' makes SQLite count a day of 30 February as one of March. */}}
{{- define "is time"}}strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60'){{end}}

{{/* SQLite knows no zone beyond 14 hours, but counts by any. */}}
{{- define "in UTC"}}strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END){{end}}

{{- define "timestamp"}}(SELECT CASE WHEN t = 'text' AND {{template "is time"}} AND {{template "in UTC"}} BETWEEN '0001' AND ':'
    THEN {{template "in UTC"}} || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM {{template "parts" .}}){{end}}

{{- define "date"}}(SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR {{template "is time"}})
    THEN substr(s, 1, 10) END FROM {{template "parts" .}}){{end}}

DROP VIEW idx_listing;

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
