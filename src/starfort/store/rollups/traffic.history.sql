-- The same sums as `traffic.sql`, from what `traffic_1m` kept of a time whose events are gone.
SELECT
    $bucket AS time, $keys,
    sum(e.requests) AS requests,
    sumMap(map(toString(action), toUInt64(e.requests))) AS decisions,
    sumIf(e.requests, status >= 400 AND status < 500) AS client_errors,
    sumIf(e.requests, status >= 500) AS server_errors,
    sum(e.request_bytes) AS request_bytes,
    sum(e.response_bytes) AS response_bytes,
    quantileTDigestMergeState(e.duration_us) AS duration_us,
    quantileTDigestMergeState(e.engine_us) AS engine_us,
    uniqCombinedMergeState(12)(e.addresses) AS addresses
FROM traffic_1m AS e
WHERE e.time >= {since:DateTime64(6, 'UTC')} AND e.time < {until:DateTime64(6, 'UTC')} AND $wanted
GROUP BY time, $keys
