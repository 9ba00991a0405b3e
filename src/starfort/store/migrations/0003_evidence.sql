-- What rules matched, masked: a JSON object each, see docs/events.md. Rows of before have none.
ALTER TABLE events ${on_cluster} ADD COLUMN IF NOT EXISTS evidence Array(String) AFTER findings;
