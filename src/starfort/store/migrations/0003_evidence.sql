-- What rules matched, masked: one JSON object for each match, see docs/events.md. Older rows have an empty list.
ALTER TABLE events ${on_cluster} ADD COLUMN IF NOT EXISTS evidence Array(String) AFTER findings;
