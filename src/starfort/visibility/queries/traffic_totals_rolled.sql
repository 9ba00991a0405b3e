-- The same as `traffic_totals`, out of a rollup. `table` is traffic_api_1m, traffic_api_1h or
-- traffic_endpoint_1h.
SELECT
    sum(t.requests) AS requests,
    sumMap(t.decisions) AS decisions,
    sum(t.client_errors) AS client_errors,
    sum(t.server_errors) AS server_errors,
    uniqCombinedMerge(12)(t.addresses) AS addresses,
    if(requests = 0, 0, quantileTDigestMerge(0.5)(duration_us) / 1000) AS p50_ms,
    if(requests = 0, 0, quantileTDigestMerge(0.99)(duration_us) / 1000) AS p99_ms,
    if(requests = 0, 0, quantileTDigestMerge(0.99)(engine_us)) AS engine_p99_us
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = '' OR {of_endpoint:Identifier} = {endpoint_id:String})
