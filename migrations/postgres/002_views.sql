-- Views for people who query, and the indexes of the usual searches.
--
-- idx_listing selects and filters from the idx copy alone. The typed columns of
-- Property follow the VOW copy where there is one, so they must not be used for
-- it. What reads a value out of the copy gives NULL for one that does not fit,
-- as the agent does for its typed columns, and never an error: one odd record
-- would else fail the query of everybody.
--
-- The functions use what stands in pg_catalog alone, because an index calls them
-- with a search_path of its own, and no exception block, because that is not
-- allowed in a parallel worker before PostgreSQL 17.

-- A text, number or boolean as text.
CREATE FUNCTION agent_text(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
BEGIN
  IF jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN
    RETURN value #>> '{}';
  END IF;
  RETURN NULL;
END
$$;

-- The same for a column that is in an index, which takes no long values.
CREATE FUNCTION agent_word(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
  t text;
BEGIN
  IF jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN
    t := value #>> '{}';
    IF octet_length(t) <= 512 THEN
      RETURN t;
    END IF;
  END IF;
  RETURN NULL;
END
$$;

-- A number, or one in a text. The form is looked at before the cast, and with it
-- the size of the exponent: a cast fails, or makes a number of a million digits.
-- What a 64-bit float cannot hold is no price or size.
CREATE FUNCTION agent_number(value jsonb) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
  kind text := jsonb_typeof(value);
  t text;
  n numeric;
BEGIN
  IF kind = 'number' THEN
    n := value::numeric;
  ELSIF kind = 'string' THEN
    t := btrim(value #>> '{}', E' \t\n\v\f\r');
    IF octet_length(t) > 400 OR t !~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?0*[0-9]{1,3})?$' THEN
      RETURN NULL;
    END IF;
    n := t::numeric;
  END IF;
  IF n = 0 OR scale(n) <= 400 AND abs(n) BETWEEN 4.9e-324 AND 1.7976931348623157e308 THEN
    RETURN n;
  END IF;
  RETURN NULL;
END
$$;

-- A whole number in whatever spelling: 3, 3.0, 2.0E7. 1.5 does not fit: rounding
-- would be an invention.
CREATE FUNCTION agent_integer(value jsonb) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
DECLARE
  kind text := jsonb_typeof(value);
  t text;
  n numeric;
BEGIN
  IF kind = 'number' THEN
    n := value::numeric;
  ELSIF kind = 'string' THEN
    t := btrim(value #>> '{}', E' \t\n\v\f\r');
    IF octet_length(t) > 400 OR t !~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?0*[0-9]{1,3})?$' THEN
      RETURN NULL;
    END IF;
    n := t::numeric;
  END IF;
  IF n BETWEEN -9223372036854775808 AND 9223372036854775807 AND n = trunc(n) THEN
    RETURN n::bigint;
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION agent_boolean(value jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 20 AS $$
BEGIN
  IF jsonb_typeof(value) IN ('string', 'number', 'boolean') THEN
    CASE lower(btrim(value #>> '{}', E' \t\n\v\f\r'))
      WHEN 'true', 'y', 'yes', '1' THEN RETURN true;
      WHEN 'false', 'n', 'no', '0' THEN RETURN false;
      ELSE RETURN NULL;
    END CASE;
  END IF;
  RETURN NULL;
END
$$;

-- A point in time, with a zone or in UTC. A day that does not exist fits as
-- little as an hour of 24. Fractions are cut behind the microseconds.
CREATE FUNCTION agent_timestamp(value jsonb) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
  p text[]; -- year, month, day, hour, minute, second, fraction, zone
  t timestamp;
BEGIN
  IF jsonb_typeof(value) <> 'string' THEN
    RETURN NULL;
  END IF;
  p := regexp_match(btrim(value #>> '{}', E' \t\n\v\f\r'),
    '^([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:[.]([0-9]+))?(Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))?$');
  IF p IS NULL OR p[1] = '0000' OR p[2] NOT BETWEEN '01' AND '12' OR p[3] = '00' THEN
    RETURN NULL;
  END IF;
  t := make_timestamp(p[1]::int, p[2]::int, 1, p[4]::int, p[5]::int, (p[6] || '.' || coalesce(left(p[7], 6), '0'))::float8)
    + make_interval(days => p[3]::int - 1);
  IF extract(month FROM t) <> p[2]::int THEN
    RETURN NULL;
  END IF;
  IF p[8] <> 'Z' THEN
    t := t - make_interval(mins => (left(p[8], 1) || '1')::int * (substr(p[8], 2, 2)::int * 60 + substr(p[8], 5, 2)::int));
  END IF;
  IF t < make_timestamp(1, 1, 1, 0, 0, 0) OR t >= make_timestamp(10000, 1, 1, 0, 0, 0) THEN
    RETURN NULL;
  END IF;
  RETURN t AT TIME ZONE 'UTC';
END
$$;

-- A day; of a point in time the day that is written.
CREATE FUNCTION agent_date(value jsonb) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 50 AS $$
DECLARE
  p text[]; -- year, month, day
  d date;
BEGIN
  IF jsonb_typeof(value) <> 'string' THEN
    RETURN NULL;
  END IF;
  p := regexp_match(btrim(value #>> '{}', E' \t\n\v\f\r'),
    '^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))?)?$');
  IF p IS NULL OR p[1] = '0000' OR p[2] NOT BETWEEN '01' AND '12' OR p[3] = '00' THEN
    RETURN NULL;
  END IF;
  d := make_date(p[1]::int, p[2]::int, 1) + (p[3]::int - 1);
  IF extract(month FROM d) <> p[2]::int THEN
    RETURN NULL;
  END IF;
  RETURN d;
END
$$;

-- One feed, for public pages: nothing in it comes from anywhere but the IDX copy.
CREATE VIEW idx_listing AS SELECT
  listing_key,
  agent_text(idx -> 'ListingId') AS listing_id,
  agent_word(idx -> 'StandardStatus') AS standard_status,
  agent_text(idx -> 'MlsStatus') AS mls_status,
  agent_text(idx -> 'ContractStatus') AS contract_status,
  agent_text(idx -> 'TransactionType') AS transaction_type,
  agent_text(idx -> 'PropertyType') AS property_type,
  agent_text(idx -> 'PropertySubType') AS property_sub_type,
  agent_number(idx -> 'ListPrice') AS list_price,
  agent_number(idx -> 'OriginalListPrice') AS original_list_price,
  agent_number(idx -> 'ClosePrice') AS close_price,
  agent_date(idx -> 'CloseDate') AS close_date,
  agent_date(idx -> 'ListingContractDate') AS listing_contract_date,
  agent_date(idx -> 'ExpirationDate') AS expiration_date,
  agent_integer(idx -> 'DaysOnMarket') AS days_on_market,
  agent_timestamp(idx -> 'OriginalEntryTimestamp') AS original_entry_timestamp,
  agent_timestamp(idx -> 'MajorChangeTimestamp') AS major_change_timestamp,
  agent_timestamp(idx -> 'PriceChangeTimestamp') AS price_change_timestamp,
  agent_timestamp(idx -> 'PhotosChangeTimestamp') AS photos_change_timestamp,
  agent_integer(idx -> 'BedroomsTotal') AS bedrooms_total,
  agent_integer(idx -> 'BathroomsTotalInteger') AS bathrooms_total_integer,
  agent_integer(idx -> 'KitchensTotal') AS kitchens_total,
  agent_number(idx -> 'ParkingTotal') AS parking_total,
  agent_text(idx -> 'LivingAreaRange') AS living_area_range,
  agent_number(idx -> 'BuildingAreaTotal') AS building_area_total,
  agent_number(idx -> 'LotWidth') AS lot_width,
  agent_number(idx -> 'LotDepth') AS lot_depth,
  agent_number(idx -> 'LotSizeArea') AS lot_size_area,
  agent_text(idx -> 'ApproximateAge') AS approximate_age,
  agent_number(idx -> 'TaxAnnualAmount') AS tax_annual_amount,
  agent_number(idx -> 'AssociationFee') AS association_fee,
  agent_text(idx -> 'UnparsedAddress') AS unparsed_address,
  agent_text(idx -> 'StreetNumber') AS street_number,
  agent_text(idx -> 'StreetName') AS street_name,
  agent_text(idx -> 'UnitNumber') AS unit_number,
  agent_word(idx -> 'City') AS city,
  agent_text(idx -> 'CityRegion') AS city_region,
  agent_text(idx -> 'CountyOrParish') AS county_or_parish,
  agent_text(idx -> 'StateOrProvince') AS state_or_province,
  agent_text(idx -> 'PostalCode') AS postal_code,
  agent_number(idx -> 'Latitude') AS latitude,
  agent_number(idx -> 'Longitude') AS longitude,
  agent_text(idx -> 'ListOfficeName') AS list_office_name,
  agent_boolean(idx -> 'WaterfrontYN') AS waterfront_yn,
  agent_boolean(idx -> 'InternetEntireListingDisplayYN') AS internet_entire_listing_display_yn,
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
    ORDER BY media_order NULLS LAST, coalesce(preferred_photo_yn, false) DESC, media_key) AS photo_number,
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
    agent_text(record -> 'ShortDescription') AS short_description,
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
WHERE EXISTS (SELECT FROM Property l WHERE l.listing_key = p.listing_key AND l.idx IS NOT NULL);

-- What an index cannot hold was a value of these columns until now, if a source
-- ever sent it.
UPDATE Property SET city = NULL WHERE octet_length(city) > 512;
UPDATE Property SET standard_status = NULL WHERE octet_length(standard_status) > 512;
UPDATE Property SET list_price = NULL WHERE scale(list_price) > 400;
UPDATE Property SET latitude = NULL WHERE scale(latitude) > 400;
UPDATE Property SET longitude = NULL WHERE scale(longitude) > 400;

-- City, status and price; a box on the map; what has changed since. For each
-- feed, and of the listings of that feed alone. None is unique, and Media, with
-- its hundreds of rows a listing, has none but its primary key.
CREATE INDEX agent_vow_search ON Property (city, standard_status, list_price) WHERE vow IS NOT NULL;
CREATE INDEX agent_vow_map ON Property (latitude, longitude) WHERE vow IS NOT NULL AND latitude IS NOT NULL;
CREATE INDEX agent_vow_changed ON Property (vow_timestamp, listing_key) WHERE vow IS NOT NULL;
CREATE INDEX agent_idx_search ON Property (agent_word(idx -> 'City'), agent_word(idx -> 'StandardStatus'), agent_number(idx -> 'ListPrice'))
  WHERE idx IS NOT NULL;
CREATE INDEX agent_idx_map ON Property (agent_number(idx -> 'Latitude'), agent_number(idx -> 'Longitude'))
  WHERE idx IS NOT NULL AND agent_number(idx -> 'Latitude') IS NOT NULL;
CREATE INDEX agent_idx_changed ON Property (idx_timestamp, listing_key) WHERE idx IS NOT NULL;
