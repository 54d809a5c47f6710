-- The record tables keep the RESO resource names, unquoted; columns in snake case.
-- A child's primary key starts with its parent: one index serves uniqueness and
-- "all photos of this listing", and the tables shard by listing.
-- No foreign keys: the agent's exact index of parent keys guards instead.

CREATE TABLE Property (
  listing_key                        text NOT NULL,
  listing_id                         text,
  standard_status                    text,
  mls_status                         text,
  contract_status                    text,
  transaction_type                   text,
  property_type                      text,
  property_sub_type                  text,
  list_price                         numeric,
  original_list_price                numeric,
  close_price                        numeric,
  close_date                         date,
  listing_contract_date              date,
  expiration_date                    date,
  days_on_market                     bigint,
  original_entry_timestamp           timestamptz,
  major_change_timestamp             timestamptz,
  price_change_timestamp             timestamptz,
  photos_change_timestamp            timestamptz,
  bedrooms_total                     bigint,
  bathrooms_total_integer            bigint,
  kitchens_total                     bigint,
  parking_total                      numeric,
  living_area_range                  text,
  building_area_total                numeric,
  lot_width                          numeric,
  lot_depth                          numeric,
  lot_size_area                      numeric,
  approximate_age                    text,
  tax_annual_amount                  numeric,
  association_fee                    numeric,
  unparsed_address                   text,
  street_number                      text,
  street_name                        text,
  unit_number                        text,
  city                               text,
  city_region                        text,
  county_or_parish                   text,
  state_or_province                  text,
  postal_code                        text,
  latitude                           numeric,
  longitude                          numeric,
  list_office_name                   text,
  waterfront_yn                      boolean,
  internet_entire_listing_display_yn boolean,
  idx_timestamp                      timestamptz,
  idx_hash                           bigint,
  idx                                jsonb,
  vow_timestamp                      timestamptz,
  vow_hash                           bigint,
  vow                                jsonb,
  PRIMARY KEY (listing_key)
);

CREATE TABLE Media (
  resource_record_key                text NOT NULL,
  media_key                          text NOT NULL,
  resource_name                      text,
  media_object_id                    text,
  media_category                     text,
  media_type                         text,
  media_status                       text,
  image_size_description             text,
  media_order                        bigint,
  preferred_photo_yn                 boolean,
  media_url                          text,
  modification_timestamp             timestamptz,
  record_timestamp                   timestamptz NOT NULL,
  record_hash                        bigint NOT NULL,
  record                             jsonb NOT NULL,
  PRIMARY KEY (resource_record_key, media_key)
);

CREATE TABLE PropertyRooms (
  listing_key                        text NOT NULL,
  room_key                           text NOT NULL,
  room_type                          text,
  room_level                         text,
  room_status                        text,
  room_length                        numeric,
  room_width                         numeric,
  room_length_width_units            text,
  room_order                         bigint,
  room_description                   text,
  record_timestamp                   timestamptz NOT NULL,
  record_hash                        bigint NOT NULL,
  record                             jsonb NOT NULL,
  PRIMARY KEY (listing_key, room_key)
);

CREATE TABLE OpenHouse (
  listing_key                        text NOT NULL,
  open_house_key                     text NOT NULL,
  open_house_date                    date,
  open_house_start_time              timestamptz,
  open_house_end_time                timestamptz,
  open_house_status                  text,
  open_house_type                    text,
  open_house_format                  text,
  open_house_url                     text,
  record_timestamp                   timestamptz NOT NULL,
  record_hash                        bigint NOT NULL,
  record                             jsonb NOT NULL,
  PRIMARY KEY (listing_key, open_house_key)
);

-- Who may write. One row; a start raises the incarnation, and every commit
-- checks it through agent_position.
CREATE TABLE agent_owner (
  id          integer PRIMARY KEY CHECK (id = 1),
  state_id    text NOT NULL,
  host        text NOT NULL,
  state_dir   text NOT NULL,
  incarnation bigint NOT NULL,
  lease_until timestamptz
);

-- Where each stream stands. sequence moves by compare-and-swap only.
CREATE TABLE agent_position (
  stream             text PRIMARY KEY,
  sequence           bigint NOT NULL,
  incarnation        bigint NOT NULL,
  position_timestamp text NOT NULL,
  position_key       text NOT NULL,
  fingerprint        text NOT NULL,
  state              jsonb,
  updated_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent_run (
  run_id      text PRIMARY KEY,
  state_id    text NOT NULL,
  started_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  processed   bigint NOT NULL,
  successful  bigint NOT NULL,
  failed      bigint NOT NULL,
  positions   jsonb NOT NULL
);

-- Parents that children asked for and that were not there.
CREATE TABLE agent_orphan (
  stream        text NOT NULL,
  parent_key    text NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stream, parent_key)
);

-- Records that could not be stored. record_key is the record's key, or
-- "sha256:" and the hash of its bytes where it has none.
CREATE TABLE agent_reject (
  stream        text NOT NULL,
  record_key    text NOT NULL,
  parent_key    text NOT NULL,
  reason        text NOT NULL,
  body          bytea NOT NULL,
  body_bytes    bigint NOT NULL,
  run_id        text NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stream, record_key)
);
