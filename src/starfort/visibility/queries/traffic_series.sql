-- Requests by step and by decision. `table` is traffic_1s, traffic_1m or a coarser rollup; `admin/window.py` replaces the
-- names between dollar signs with expressions that fit the table.
SELECT
    toUnixTimestamp(toStartOfInterval(t.time, toIntervalSecond({step:UInt32}))) AS bucket,
    $decisions$ AS decisions,
    $server_errors$ AS errors
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = '' OR $endpoint$ IN (SELECT id FROM endpoint_ids_now WHERE into = {endpoint_id:String} UNION ALL SELECT {endpoint_id:String}))
GROUP BY bucket
ORDER BY bucket
