-- Requests of a window, in one row. `table` is traffic_1s, traffic_1m or a coarser rollup; `admin/window.py` replaces the
-- names between dollar signs with expressions that fit the table.
SELECT
    sum(t.requests) AS requests,
    $decisions$ AS decisions,
    $client_errors$ AS client_errors,
    $server_errors$ AS server_errors,
    uniqCombinedMerge(12)(t.addresses) AS addresses,
    if(requests = 0, 0, quantileTDigestMerge(0.5)(duration_us) / 1000) AS p50_ms,
    if(requests = 0, 0, quantileTDigestMerge(0.99)(duration_us) / 1000) AS p99_ms,
    if(requests = 0, 0, quantileTDigestMerge(0.99)(engine_us)) AS engine_p99_us
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = '' OR $endpoint$ IN (SELECT id FROM endpoint_ids_now WHERE into = {endpoint_id:String} UNION ALL SELECT {endpoint_id:String}))
