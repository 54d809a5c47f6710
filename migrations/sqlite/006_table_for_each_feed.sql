-- What the agent knows of the record tables and views that it makes by its
-- catalogue from now on.

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
