-- The SyncLog table of the service that the agent replaces, in SQLite's types.
CREATE TABLE IF NOT EXISTS SyncLog (
  id INTEGER PRIMARY KEY,
  timestamp TEXT NOT NULL,
  idx_property_timestamp TEXT,
  vow_property_timestamp TEXT,
  media_timestamp TEXT,
  rooms_timestamp TEXT,
  openhouse_timestamp TEXT,
  total_processed INTEGER,
  total_successful INTEGER,
  total_failed INTEGER,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
