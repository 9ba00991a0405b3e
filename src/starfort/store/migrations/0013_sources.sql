-- Where a call was seen, and what could not be seen of it; see docs/events.md. Rows of calls that passed through Starfort
-- have an empty text and list.
ALTER TABLE events ${on_cluster}
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) AFTER weight,
    ADD COLUMN IF NOT EXISTS unseen Array(LowCardinality(String)) AFTER source;

-- Calls that were imported from files. They are as old as the files, so no view sums them up and no detector reads them:
-- the catalogue learns from them, once, in the order in which they arrived.
CREATE TABLE IF NOT EXISTS imported_events ${on_cluster} AS events
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(received)
ORDER BY (received, api, endpoint_id)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};
