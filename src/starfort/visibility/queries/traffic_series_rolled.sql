-- The same as `traffic_series`, out of a rollup. `table` is traffic_api_1m, traffic_api_1h or
-- traffic_endpoint_1h.
SELECT
    toUnixTimestamp(toStartOfInterval(t.time, toIntervalSecond({step:UInt32}))) AS bucket,
    sumMap(t.decisions) AS decisions,
    sum(t.server_errors) AS errors
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = '' OR {of_endpoint:Identifier} = {endpoint_id:String})
GROUP BY bucket
ORDER BY bucket
