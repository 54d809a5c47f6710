-- The agent's own tables as of version 6, for a new database. A change of them is a
-- numbered file for those that there are, and is put in here.

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
  repaired      text, -- what was done to one that is stored; null of those that could not be
  PRIMARY KEY (stream, record_key)
);

-- The record tables that the agent made, and which of their columns are right in
-- every row.
CREATE TABLE agent_table (
  table_name text PRIMARY KEY,
  state      text NOT NULL
);

-- The views that the agent made, and what from.
CREATE TABLE agent_view (
  view_name  text PRIMARY KEY,
  definition text NOT NULL
);
