-- Traffic of each endpoint by hour.
SELECT
    toStartOfHour(e.time) AS time, api, endpoint_id,
    sum(weight) AS requests,
    sumIf(weight, action = 'allow') AS allowed,
    sumIf(weight, action = 'block') AS blocked,
    sumIf(weight, action = 'limit') AS limited,
    sumIf(weight, action = 'divert') AS diverted,
    sumIf(weight, action = 'deceive') AS deceived,
    sumIf(weight, status >= 400 AND status < 500) AS client_errors,
    sumIf(weight, status >= 500) AS server_errors,
    sum(e.request_bytes * weight) AS request_bytes,
    sum(e.response_bytes * weight) AS response_bytes,
    quantileTDigestState(e.duration_us) AS duration_us,
    quantileTDigestState(e.engine_us) AS engine_us,
    uniqCombinedState(12)(address) AS addresses
FROM events AS e
WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')} AND endpoint_id != ''
GROUP BY time, api, endpoint_id
