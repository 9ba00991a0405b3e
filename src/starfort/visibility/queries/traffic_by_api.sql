-- The busiest APIs of a window, with requests in equal steps. `table` is traffic_1s, traffic_1m or a coarser rollup;
-- `admin/window.py` replaces the names between dollar signs with expressions that fit the table.
SELECT
    api,
    sum(t.requests) AS requests,
    $stopped$ AS stopped,
    $client_errors$ AS client_errors,
    $server_errors$ AS server_errors,
    uniqCombinedMerge(12)(t.addresses) AS addresses,
    quantileTDigestMerge(0.99)(duration_us) / 1000 AS p99_ms,
    sumMap(
        [intDiv(toUInt32(time) - toUInt32({since:DateTime('UTC')}), {step:UInt32})], [toUInt64(t.requests)]
    ) AS steps,
    steps.1 AS step_numbers,
    steps.2 AS step_requests
FROM {table:Identifier} AS t
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
GROUP BY api
ORDER BY requests DESC
LIMIT {limit:UInt32}
