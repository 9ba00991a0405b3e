-- Requests by step and by what was done with them. `table` is traffic_1s or traffic_1m.
SELECT
    toUnixTimestamp(toStartOfInterval(t.time, toIntervalSecond({step:UInt32}))) AS bucket,
    sumIf(t.requests, action = 'allow') AS allowed,
    sumIf(t.requests, action = 'block') AS blocked,
    sumIf(t.requests, action = 'limit') AS limited,
    sumIf(t.requests, action = 'divert') AS diverted,
    sumIf(t.requests, action = 'deceive') AS deceived,
    sumIf(t.requests, status >= 500) AS errors
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = '' OR endpoint_id = {endpoint_id:String})
GROUP BY bucket
ORDER BY bucket
