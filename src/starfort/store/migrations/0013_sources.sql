-- Where a call was seen, and what could not be seen of it; see docs/events.md. Rows of calls that passed through Starfort
-- have an empty text and list.
ALTER TABLE events ${on_cluster}
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) AFTER weight,
    ADD COLUMN IF NOT EXISTS unseen Array(LowCardinality(String)) AFTER source;

ALTER TABLE events_attributed ${on_cluster}
    ADD COLUMN IF NOT EXISTS source LowCardinality(String) AFTER weight,
    ADD COLUMN IF NOT EXISTS unseen Array(LowCardinality(String)) AFTER source;

-- The calls of endpoints, each once, with the id that counts now.
CREATE OR REPLACE VIEW endpoint_events ${on_cluster} AS
WITH
    -- One row more, since `transform` takes no empty lists.
    (SELECT (groupArray(id), groupArray(into), groupArray(template))
     FROM (SELECT id, into, template FROM endpoint_ids_now UNION ALL SELECT '', '', '')) AS led
SELECT * REPLACE (
    transform(toString(e.endpoint_id), led.1, led.2, toString(e.endpoint_id)) AS endpoint_id,
    transform(toString(e.endpoint_id), led.1, led.3, toString(e.template)) AS template)
FROM (SELECT * FROM events WHERE endpoint_id != '' UNION ALL SELECT * FROM events_attributed) AS e;

-- All calls of the last days, each once: those of endpoints, and those that belong to none.
CREATE OR REPLACE VIEW calls ${on_cluster} AS
SELECT * FROM endpoint_events
UNION ALL
SELECT * FROM events
WHERE endpoint_id = ''
  AND (time, id, path) NOT IN (SELECT time, id, path FROM events_attributed WHERE time > now() - INTERVAL 3 DAY);

-- Calls that were imported from files. They are as old as the files, so no view sums them up and no detector reads them:
-- the catalogue learns from them, once, in the order in which they arrived.
CREATE TABLE IF NOT EXISTS imported_events ${on_cluster} AS events
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(received)
ORDER BY (received, api, endpoint_id)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};
