-- The latest hour since which an endpoint had at least `most` calls, as Unix seconds; 0 when it never had so many.
SELECT toUnixTimestamp(maxIf(hour, total >= {most:UInt64})) AS since
FROM
(
    SELECT hour, sum(calls) OVER (ORDER BY hour DESC) AS total
    FROM
    (
        SELECT t.time AS hour, sum(t.requests) AS calls
        FROM traffic_endpoint_1h AS t
        WHERE t.api = {api:String} AND t.endpoint_id IN (SELECT id FROM endpoint_ids_now WHERE into = {endpoint_id:String} UNION ALL SELECT {endpoint_id:String}) AND t.time >= {since:DateTime64(6, 'UTC')}
        GROUP BY hour
    )
)
