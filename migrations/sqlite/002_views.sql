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













-- One feed, for public pages: nothing in it comes from anywhere but the IDX copy.
CREATE VIEW idx_listing AS SELECT
  listing_key,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ListingId') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListingId'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.ListingId' END AS listing_id,
  CASE WHEN length(CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.StandardStatus' AS BLOB)) <= 512 THEN CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.StandardStatus') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.StandardStatus'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.StandardStatus' END END AS standard_status,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.MlsStatus') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.MlsStatus'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.MlsStatus' END AS mls_status,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ContractStatus') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ContractStatus'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.ContractStatus' END AS contract_status,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.TransactionType') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.TransactionType'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.TransactionType' END AS transaction_type,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PropertyType') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.PropertyType'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.PropertyType' END AS property_type,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PropertySubType') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.PropertySubType'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.PropertySubType' END AS property_sub_type,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ListPrice') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.ListPrice') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS list_price,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.OriginalListPrice') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.OriginalListPrice') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalListPrice', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS original_list_price,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ClosePrice') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.ClosePrice') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ClosePrice', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS close_price,
  (SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND time('00:00' || z) IS NOT NULL)
    THEN substr(s, 1, 10) END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.CloseDate', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.CloseDate') AS t)))) AS close_date,
  (SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND time('00:00' || z) IS NOT NULL)
    THEN substr(s, 1, 10) END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListingContractDate', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ListingContractDate') AS t)))) AS listing_contract_date,
  (SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND time('00:00' || z) IS NOT NULL)
    THEN substr(s, 1, 10) END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ExpirationDate', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ExpirationDate') AS t)))) AS expiration_date,
  (SELECT CASE WHEN n THEN CASE typeof(CAST(s AS NUMERIC)) WHEN 'integer' THEN CAST(s AS NUMERIC) END END
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)) AS s,
    json_type(CASE WHEN json_valid(idx) THEN idx END, '$.DaysOnMarket') IN ('integer', 'real') OR json_type(CASE WHEN json_valid(idx) THEN idx END, '$.DaysOnMarket') = 'text' AND length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') AS n)) AS days_on_market,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalEntryTimestamp', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.OriginalEntryTimestamp') AS t)))) AS original_entry_timestamp,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.MajorChangeTimestamp', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.MajorChangeTimestamp') AS t)))) AS major_change_timestamp,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.PriceChangeTimestamp', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PriceChangeTimestamp') AS t)))) AS price_change_timestamp,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19) || z) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.PhotosChangeTimestamp', ' ' || char(9, 10, 11, 12, 13)) AS s, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PhotosChangeTimestamp') AS t)))) AS photos_change_timestamp,
  (SELECT CASE WHEN n THEN CASE typeof(CAST(s AS NUMERIC)) WHEN 'integer' THEN CAST(s AS NUMERIC) END END
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13)) AS s,
    json_type(CASE WHEN json_valid(idx) THEN idx END, '$.BedroomsTotal') IN ('integer', 'real') OR json_type(CASE WHEN json_valid(idx) THEN idx END, '$.BedroomsTotal') = 'text' AND length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BedroomsTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') AS n)) AS bedrooms_total,
  (SELECT CASE WHEN n THEN CASE typeof(CAST(s AS NUMERIC)) WHEN 'integer' THEN CAST(s AS NUMERIC) END END
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13)) AS s,
    json_type(CASE WHEN json_valid(idx) THEN idx END, '$.BathroomsTotalInteger') IN ('integer', 'real') OR json_type(CASE WHEN json_valid(idx) THEN idx END, '$.BathroomsTotalInteger') = 'text' AND length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BathroomsTotalInteger', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') AS n)) AS bathrooms_total_integer,
  (SELECT CASE WHEN n THEN CASE typeof(CAST(s AS NUMERIC)) WHEN 'integer' THEN CAST(s AS NUMERIC) END END
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13)) AS s,
    json_type(CASE WHEN json_valid(idx) THEN idx END, '$.KitchensTotal') IN ('integer', 'real') OR json_type(CASE WHEN json_valid(idx) THEN idx END, '$.KitchensTotal') = 'text' AND length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.KitchensTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') AS n)) AS kitchens_total,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ParkingTotal') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.ParkingTotal') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ParkingTotal', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS parking_total,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.LivingAreaRange') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.LivingAreaRange'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.LivingAreaRange' END AS living_area_range,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.BuildingAreaTotal') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.BuildingAreaTotal') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.BuildingAreaTotal', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS building_area_total,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.LotWidth') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.LotWidth') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotWidth', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS lot_width,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.LotDepth') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.LotDepth') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotDepth', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS lot_depth,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.LotSizeArea') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.LotSizeArea') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.LotSizeArea', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS lot_size_area,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ApproximateAge') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ApproximateAge'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.ApproximateAge' END AS approximate_age,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.TaxAnnualAmount') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.TaxAnnualAmount') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.TaxAnnualAmount', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS tax_annual_amount,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.AssociationFee') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.AssociationFee') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.AssociationFee', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS association_fee,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.UnparsedAddress') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.UnparsedAddress'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.UnparsedAddress' END AS unparsed_address,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.StreetNumber') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.StreetNumber'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.StreetNumber' END AS street_number,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.StreetName') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.StreetName'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.StreetName' END AS street_name,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.UnitNumber') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.UnitNumber'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.UnitNumber' END AS unit_number,
  CASE WHEN length(CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.City' AS BLOB)) <= 512 THEN CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.City') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.City'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.City' END END AS city,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.CityRegion') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.CityRegion'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.CityRegion' END AS city_region,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.CountyOrParish') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.CountyOrParish'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.CountyOrParish' END AS county_or_parish,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.StateOrProvince') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.StateOrProvince'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.StateOrProvince' END AS state_or_province,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PostalCode') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.PostalCode'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.PostalCode' END AS postal_code,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.Latitude') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.Latitude') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS latitude,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.Longitude') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.Longitude') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) AS longitude,
  CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ListOfficeName') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListOfficeName'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.ListOfficeName' END AS list_office_name,
  (SELECT CASE WHEN s IN ('true', 'y', 'yes', '1') THEN 1 WHEN s IN ('false', 'n', 'no', '0') THEN 0 END
    FROM (SELECT lower(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.WaterfrontYN', ' ' || char(9, 10, 11, 12, 13))) AS s)) AS waterfront_yn,
  (SELECT CASE WHEN s IN ('true', 'y', 'yes', '1') THEN 1 WHEN s IN ('false', 'n', 'no', '0') THEN 0 END
    FROM (SELECT lower(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.InternetEntireListingDisplayYN', ' ' || char(9, 10, 11, 12, 13))) AS s)) AS internet_entire_listing_display_yn,
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
CREATE INDEX agent_idx_search ON Property (CASE WHEN length(CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.City' AS BLOB)) <= 512 THEN CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.City') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.City'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.City' END END,
  CASE WHEN length(CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.StandardStatus' AS BLOB)) <= 512 THEN CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.StandardStatus') WHEN 'text' THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.StandardStatus'
    WHEN 'array' THEN NULL WHEN 'object' THEN NULL WHEN 'null' THEN NULL ELSE (CASE WHEN json_valid(idx) THEN idx END) -> '$.StandardStatus' END END,
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ListPrice') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.ListPrice') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListPrice', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999)) WHERE idx IS NOT NULL;
CREATE INDEX agent_idx_map ON Property (nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.Latitude') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.Latitude') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999),
  nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.Longitude') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.Longitude') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Longitude', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999)) WHERE idx IS NOT NULL AND nullif(nullif(CASE json_type(CASE WHEN json_valid(idx) THEN idx END, '$.Latitude') WHEN 'integer' THEN CAST((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude' AS REAL)
    WHEN 'real' THEN CASE WHEN length((CASE WHEN json_valid(idx) THEN idx END) -> '$.Latitude') <= 400 THEN (CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude' END
    WHEN 'text' THEN CASE WHEN length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') THEN CAST(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.Latitude', ' ' || char(9, 10, 11, 12, 13)) AS REAL) END END, 9e999), -9e999) IS NOT NULL;
CREATE INDEX agent_idx_changed ON Property (idx_timestamp, listing_key) WHERE idx IS NOT NULL;
