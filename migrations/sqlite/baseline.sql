-- The agent's own tables as of version 6, for a new database. A change of them is a
-- numbered file for those that there are, and is put in here.

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
  repaired      TEXT, -- what was done to one that is stored; null of those that could not be
  PRIMARY KEY (stream, record_key)
) STRICT;

-- The record tables that the agent made, and which of their columns are right in
-- every row.
CREATE TABLE agent_table (
  table_name TEXT PRIMARY KEY NOT NULL,
  state      TEXT NOT NULL
) STRICT;

-- The views that the agent made, and what from.
CREATE TABLE agent_view (
  view_name  TEXT PRIMARY KEY NOT NULL,
  definition TEXT NOT NULL
) STRICT;
