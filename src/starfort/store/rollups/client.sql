-- The calls of one address with one subject, fingerprint and kind of bot. Ranges are of `received` and not of `time`, so
-- that events which come late are added too.
SELECT
    $bucket AS time, address, subject, fingerprint, ja4, bot, bot_name,
    sum(weight) AS requests,
    sumIf(weight, action != 'allow') AS stopped,
    sumIf(weight, status >= 400) AS errors,
    min(e.time) AS first_seen,
    max(e.time) AS last_seen,
    any(e.asn) AS asn,
    any(e.as_organization) AS as_organization,
    any(e.country) AS country,
    any(e.user_agent) AS user_agent,
    groupUniqArrayArray(e.signals) AS signals,
    uniqCombinedState(12)(toString(endpoint_id)) AS endpoints
FROM events AS e
WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')} AND $wanted
GROUP BY time, address, subject, fingerprint, ja4, bot, bot_name
