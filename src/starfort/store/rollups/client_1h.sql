-- Callers by hour: what one address did with one subject, fingerprint and kind of client.
SELECT
    toStartOfHour(events.time) AS time, address, subject, fingerprint, ja4, bot, bot_name,
    sum(weight) AS requests,
    sumIf(weight, action != 'allow') AS stopped,
    sumIf(weight, status >= 400) AS errors,
    min(events.time) AS first_seen,
    max(events.time) AS last_seen,
    any(events.asn) AS asn,
    any(events.as_organization) AS as_organization,
    any(events.country) AS country,
    any(events.user_agent) AS user_agent,
    groupUniqArrayArray(events.signals) AS signals,
    uniqCombinedState(12)(toString(endpoint_id)) AS endpoints
FROM events
-- older than what is kept (`retention.SHORT`) is for nothing
WHERE time >= now() - INTERVAL 2 DAY
  AND received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')}
GROUP BY time, address, subject, fingerprint, ja4, bot, bot_name
