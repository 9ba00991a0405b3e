-- The same of what `traffic_1m` kept of a time whose events are gone.
SELECT
    toStartOfHour(t.time) AS time, api,
    sum(t.requests) AS requests,
    sumIf(t.requests, action = 'allow') AS allowed,
    sumIf(t.requests, action = 'block') AS blocked,
    sumIf(t.requests, action = 'limit') AS limited,
    sumIf(t.requests, action = 'divert') AS diverted,
    sumIf(t.requests, action = 'deceive') AS deceived,
    sumIf(t.requests, status >= 400 AND status < 500) AS client_errors,
    sumIf(t.requests, status >= 500) AS server_errors,
    sum(t.request_bytes) AS request_bytes,
    sum(t.response_bytes) AS response_bytes,
    quantileTDigestMergeState(t.duration_us) AS duration_us,
    quantileTDigestMergeState(t.engine_us) AS engine_us,
    uniqCombinedMergeState(12)(t.addresses) AS addresses
FROM traffic_1m AS t
WHERE t.time >= {since:DateTime64(6, 'UTC')} AND t.time < {until:DateTime64(6, 'UTC')}
GROUP BY time, api
