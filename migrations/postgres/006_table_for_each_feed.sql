-- What the agent knows of the record tables and views that it makes by its
-- catalogue from now on.

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
