-- Records whose text had to be repaired are stored, and listed here with what was
-- done. It is null of those that could not be stored.
ALTER TABLE agent_reject ADD COLUMN repaired text;
