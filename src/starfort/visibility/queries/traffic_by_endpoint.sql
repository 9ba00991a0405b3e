-- Requests of each endpoint within a window. `table` is traffic_1s or traffic_1m.
SELECT
    endpoint_id,
    sum(t.requests) AS requests,
    sumIf(t.requests, status >= 400) AS errors,
    sumIf(t.requests, action != 'allow') AS stopped
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND endpoint_id != ''
GROUP BY endpoint_id
ORDER BY requests DESC
LIMIT {limit:UInt32}
