-- Traffic by the columns $keys: requests, decisions, sizes and times.
SELECT
    $bucket AS time, $keys,
    sum(weight) AS requests,
    sumMap(map(toString(action), toUInt64(weight))) AS decisions,
    sumIf(weight, status >= 400 AND status < 500) AS client_errors,
    sumIf(weight, status >= 500) AS server_errors,
    sum(e.request_bytes * weight) AS request_bytes,
    sum(e.response_bytes * weight) AS response_bytes,
    quantileTDigestState(e.duration_us) AS duration_us,
    quantileTDigestState(e.engine_us) AS engine_us,
    uniqCombinedState(12)(address) AS addresses
FROM $source AS e
WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')} AND $wanted
GROUP BY time, $keys
