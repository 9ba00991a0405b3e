-- The catalogue learns what endpoint a call belongs to after it came in, and endpoints become one or part again. Events
-- stay as they are; these tables say what is known of them now.

-- Events that had no endpoint when they came, with the endpoint that was found for them afterwards. A later migration that
-- adds a column to `events` adds it here too, and makes the views below anew.
CREATE TABLE IF NOT EXISTS events_attributed ${on_cluster} AS events
ENGINE = ${replicated}MergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfMinute(time), api, endpoint_id, time)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};

-- Ids of endpoints that became part of others, each with the id and template that it leads to; "" where it leads nowhere any
-- more. Of the rows with one id, the latest `version` counts.
CREATE TABLE IF NOT EXISTS endpoint_ids ${on_cluster}
(
    id       String,
    into     String,
    template String,
    version  DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY id;

CREATE VIEW IF NOT EXISTS endpoint_ids_now ${on_cluster} AS
SELECT id, into, template
FROM (SELECT id, argMax(into, version) AS into, argMax(template, version) AS template FROM endpoint_ids GROUP BY id)
WHERE into != '';

-- The calls of endpoints, each once, with the id that counts now.
CREATE VIEW IF NOT EXISTS endpoint_events ${on_cluster} AS
WITH
    -- One row more, since `transform` takes no empty lists.
    (SELECT (groupArray(id), groupArray(into), groupArray(template))
     FROM (SELECT id, into, template FROM endpoint_ids_now UNION ALL SELECT '', '', '')) AS led
SELECT * REPLACE (
    transform(toString(e.endpoint_id), led.1, led.2, toString(e.endpoint_id)) AS endpoint_id,
    transform(toString(e.endpoint_id), led.1, led.3, toString(e.template)) AS template)
FROM (SELECT * FROM events WHERE endpoint_id != '' UNION ALL SELECT * FROM events_attributed) AS e;

-- All calls of the last days, each once: those of endpoints, and those that belong to none.
CREATE VIEW IF NOT EXISTS calls ${on_cluster} AS
SELECT * FROM endpoint_events
UNION ALL
SELECT * FROM events
WHERE endpoint_id = ''
  AND (time, id, path) NOT IN (SELECT time, id, path FROM events_attributed WHERE time > now() - INTERVAL 3 DAY);
