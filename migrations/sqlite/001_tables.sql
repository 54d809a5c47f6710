-- The same tables as in PostgreSQL, in SQLite's types: booleans are 0 and 1,
-- dates and timestamps ISO 8601 text in UTC, JSON text.

CREATE TABLE Property (
  listing_key                        TEXT NOT NULL,
  listing_id                         TEXT,
  standard_status                    TEXT,
  mls_status                         TEXT,
  contract_status                    TEXT,
  transaction_type                   TEXT,
  property_type                      TEXT,
  property_sub_type                  TEXT,
  list_price                         REAL,
  original_list_price                REAL,
  close_price                        REAL,
  close_date                         TEXT,
  listing_contract_date              TEXT,
  expiration_date                    TEXT,
  days_on_market                     INTEGER,
  original_entry_timestamp           TEXT,
  major_change_timestamp             TEXT,
  price_change_timestamp             TEXT,
  photos_change_timestamp            TEXT,
  bedrooms_total                     INTEGER,
  bathrooms_total_integer            INTEGER,
  kitchens_total                     INTEGER,
  parking_total                      REAL,
  living_area_range                  TEXT,
  building_area_total                REAL,
  lot_width                          REAL,
  lot_depth                          REAL,
  lot_size_area                      REAL,
  approximate_age                    TEXT,
  tax_annual_amount                  REAL,
  association_fee                    REAL,
  unparsed_address                   TEXT,
  street_number                      TEXT,
  street_name                        TEXT,
  unit_number                        TEXT,
  city                               TEXT,
  city_region                        TEXT,
  county_or_parish                   TEXT,
  state_or_province                  TEXT,
  postal_code                        TEXT,
  latitude                           REAL,
  longitude                          REAL,
  list_office_name                   TEXT,
  waterfront_yn                      INTEGER,
  internet_entire_listing_display_yn INTEGER,
  idx_timestamp                      TEXT,
  idx_hash                           INTEGER,
  idx                                TEXT,
  vow_timestamp                      TEXT,
  vow_hash                           INTEGER,
  vow                                TEXT,
  PRIMARY KEY (listing_key)
) STRICT;

CREATE TABLE Media (
  resource_record_key                TEXT NOT NULL,
  media_key                          TEXT NOT NULL,
  resource_name                      TEXT,
  media_object_id                    TEXT,
  media_category                     TEXT,
  media_type                         TEXT,
  media_status                       TEXT,
  image_size_description             TEXT,
  media_order                        INTEGER,
  preferred_photo_yn                 INTEGER,
  media_url                          TEXT,
  modification_timestamp             TEXT,
  record_timestamp                   TEXT NOT NULL,
  record_hash                        INTEGER NOT NULL,
  record                             TEXT NOT NULL,
  PRIMARY KEY (resource_record_key, media_key)
) STRICT;

CREATE TABLE PropertyRooms (
  listing_key                        TEXT NOT NULL,
  room_key                           TEXT NOT NULL,
  room_type                          TEXT,
  room_level                         TEXT,
  room_status                        TEXT,
  room_length                        REAL,
  room_width                         REAL,
  room_length_width_units            TEXT,
  room_order                         INTEGER,
  room_description                   TEXT,
  record_timestamp                   TEXT NOT NULL,
  record_hash                        INTEGER NOT NULL,
  record                             TEXT NOT NULL,
  PRIMARY KEY (listing_key, room_key)
) STRICT;

CREATE TABLE OpenHouse (
  listing_key                        TEXT NOT NULL,
  open_house_key                     TEXT NOT NULL,
  open_house_date                    TEXT,
  open_house_start_time              TEXT,
  open_house_end_time                TEXT,
  open_house_status                  TEXT,
  open_house_type                    TEXT,
  open_house_format                  TEXT,
  open_house_url                     TEXT,
  record_timestamp                   TEXT NOT NULL,
  record_hash                        INTEGER NOT NULL,
  record                             TEXT NOT NULL,
  PRIMARY KEY (listing_key, open_house_key)
) STRICT;

CREATE TABLE agent_owner (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  state_id    TEXT NOT NULL,
  host        TEXT NOT NULL,
  state_dir   TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  lease_until TEXT
) STRICT;

CREATE TABLE agent_position (
  stream             TEXT PRIMARY KEY,
  sequence           INTEGER NOT NULL,
  incarnation        INTEGER NOT NULL,
  position_timestamp TEXT NOT NULL,
  position_key       TEXT NOT NULL,
  fingerprint        TEXT NOT NULL,
  state              TEXT,
  updated_at         TEXT NOT NULL
) STRICT;

CREATE TABLE agent_run (
  run_id      TEXT PRIMARY KEY,
  state_id    TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  processed   INTEGER NOT NULL,
  successful  INTEGER NOT NULL,
  failed      INTEGER NOT NULL,
  positions   TEXT NOT NULL
) STRICT;

CREATE TABLE agent_orphan (
  stream        TEXT NOT NULL,
  parent_key    TEXT NOT NULL,
  first_seen_at TEXT NOT NULL,
  PRIMARY KEY (stream, parent_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_reject (
  stream        TEXT NOT NULL,
  record_key    TEXT NOT NULL,
  parent_key    TEXT NOT NULL,
  reason        TEXT NOT NULL,
  body          BLOB NOT NULL,
  body_bytes    INTEGER NOT NULL,
  run_id        TEXT NOT NULL,
  first_seen_at TEXT NOT NULL,
  last_seen_at  TEXT NOT NULL,
  PRIMARY KEY (stream, record_key)
) STRICT;
