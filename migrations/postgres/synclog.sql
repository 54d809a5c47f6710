-- Exactly the table of the service that the agent replaces: other programs read it.
CREATE TABLE IF NOT EXISTS SyncLog (
  id SERIAL PRIMARY KEY,
  timestamp TIMESTAMPTZ NOT NULL,
  idx_property_timestamp TIMESTAMPTZ,
  vow_property_timestamp TIMESTAMPTZ,
  media_timestamp TIMESTAMPTZ,
  rooms_timestamp TIMESTAMPTZ,
  openhouse_timestamp TIMESTAMPTZ,
  total_processed INTEGER,
  total_successful INTEGER,
  total_failed INTEGER,
  created_at TIMESTAMPTZ DEFAULT NOW()
);
