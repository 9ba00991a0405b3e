-- Requests of each endpoint within a window. `table` is traffic_1s or traffic_1m. Calls from before an endpoint was known, and
-- those of endpoints that became part of it, count too.
WITH
    (SELECT (groupArray(id), groupArray(into)) FROM (SELECT id, into FROM endpoint_ids_now UNION ALL SELECT '', '')) AS led
SELECT
    transform(t.endpoint_id, led.1, led.2, t.endpoint_id) AS endpoint_id,
    sum(t.requests) AS requests,
    sumIf(t.requests, status >= 400) AS errors,
    sumIf(t.requests, action != 'allow') AS stopped
FROM
(
    SELECT toString(endpoint_id) AS endpoint_id, requests, status, action
    FROM {table:Identifier}
    WHERE time >= {since:DateTime('UTC')} AND endpoint_id != ''
    UNION ALL
    SELECT toString(endpoint_id), toUInt64(weight), status, action
    FROM events_attributed
    WHERE time >= {since:DateTime('UTC')}
) AS t
GROUP BY endpoint_id
ORDER BY requests DESC
LIMIT {limit:UInt32}
