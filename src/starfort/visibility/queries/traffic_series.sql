-- Requests by step and by what was done with them. `table` is traffic_1s or traffic_1m.
SELECT
    toUnixTimestamp(toStartOfInterval(t.time, toIntervalSecond({step:UInt32}))) AS bucket,
    sumMap(map(toString(action), toUInt64(t.requests))) AS decisions,
    sumIf(t.requests, status >= 500) AS errors
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = '' OR endpoint_id = {endpoint_id:String})
GROUP BY bucket
ORDER BY bucket
