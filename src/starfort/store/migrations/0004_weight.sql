-- How many calls a row stands for: 1, and more where an overloaded data plane kept one call of several alike.
ALTER TABLE events ${on_cluster} ADD COLUMN IF NOT EXISTS weight UInt32 DEFAULT 1 AFTER observed;
