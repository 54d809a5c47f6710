-- Timestamps as OData's grammar allows them: without seconds, and with small
-- letters. The view of the listings is made again with another conversion; the
-- indexes do not use it.

















DROP VIEW idx_listing;

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
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60'))
    THEN substr(s, 1, 10) END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.CloseDate', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.CloseDate') AS t))))) AS close_date,
  (SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60'))
    THEN substr(s, 1, 10) END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ListingContractDate', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ListingContractDate') AS t))))) AS listing_contract_date,
  (SELECT CASE WHEN t = 'text' AND (s = date(s, '+0 days') AND s >= '0001' OR strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60'))
    THEN substr(s, 1, 10) END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.ExpirationDate', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.ExpirationDate') AS t))))) AS expiration_date,
  (SELECT CASE WHEN n THEN CASE typeof(CAST(s AS NUMERIC)) WHEN 'integer' THEN CAST(s AS NUMERIC) END END
    FROM (SELECT trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)) AS s,
    json_type(CASE WHEN json_valid(idx) THEN idx END, '$.DaysOnMarket') IN ('integer', 'real') OR json_type(CASE WHEN json_valid(idx) THEN idx END, '$.DaysOnMarket') = 'text' AND length(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13))) <= 400 AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[+-][+-]*'
    AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)), '+-') GLOB '[0-9.]*' AND ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)), '+-') <> '.'
    AND trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '*[eE+-]' AND json_valid('1' || ltrim(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.DaysOnMarket', ' ' || char(9, 10, 11, 12, 13)), '+-') || '0') AS n)) AS days_on_market,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60') AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.OriginalEntryTimestamp', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.OriginalEntryTimestamp') AS t))))) AS original_entry_timestamp,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60') AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.MajorChangeTimestamp', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.MajorChangeTimestamp') AS t))))) AS major_change_timestamp,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60') AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.PriceChangeTimestamp', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PriceChangeTimestamp') AS t))))) AS price_change_timestamp,
  (SELECT CASE WHEN t = 'text' AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), '+0 days') = substr(s, 1, 19)
    AND (f = '' OR f GLOB '.[0-9]*' AND substr(f, 2) NOT GLOB '*[^0-9]*') AND s >= '0001'
    AND (length(z) < 6 OR substr(z, 2, 2) < '24' AND substr(z, 5, 2) < '60') AND strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) BETWEEN '0001' AND ':'
    THEN strftime('%Y-%m-%dT%H:%M:%S', substr(s, 1, 19), CASE substr(z, 1, 1) WHEN '+' THEN '-' ELSE '+' END
    || CASE WHEN length(z) = 6 THEN substr(z, 2) ELSE '00:00' END) || '.' || substr(substr(f, 2) || '000000', 1, 6) || 'Z' END FROM (SELECT s, t, z, substr(s, 20, length(s) - 19 - length(z)) AS f FROM (SELECT s, t,
    CASE WHEN s GLOB '*Z' THEN 'Z' WHEN length(s) >= 25 AND s GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(s, -6) ELSE '' END AS z
    FROM (SELECT t, CASE WHEN u GLOB '????-??-??T??:??' OR u GLOB '????-??-??T??:??[Z+-]*' THEN substr(u, 1, 16) || ':00' || substr(u, 17) ELSE u END AS s
    FROM (SELECT upper(trim((CASE WHEN json_valid(idx) THEN idx END) ->> '$.PhotosChangeTimestamp', ' ' || char(9, 10, 11, 12, 13))) AS u, json_type(CASE WHEN json_valid(idx) THEN idx END, '$.PhotosChangeTimestamp') AS t))))) AS photos_change_timestamp,
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
