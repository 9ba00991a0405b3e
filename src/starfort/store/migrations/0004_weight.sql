-- The number of calls that a row stands for: 1, or more when the store was overloaded and one of several calls was kept.
ALTER TABLE events ${on_cluster} ADD COLUMN IF NOT EXISTS weight UInt32 DEFAULT 1 AFTER observed;
