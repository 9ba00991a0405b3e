-- Events that had no endpoint when they came, with the endpoint that the catalogue found for them afterwards. A later
-- migration that adds a column to `events` adds it here too.
CREATE TABLE IF NOT EXISTS events_attributed ${on_cluster} AS events
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfMinute(time), api, endpoint_id, time)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};

-- The calls of endpoints, each once.
CREATE VIEW IF NOT EXISTS endpoint_events ${on_cluster} AS
SELECT * FROM events WHERE endpoint_id != ''
UNION ALL
SELECT * FROM events_attributed;
