-- The consumers of one endpoint, most active first, and the number of them. `any` is enough for the other columns, because
-- a consumer is one subject, or one address.
SELECT
    any(e.subject) AS subject,
    any(e.address) AS address,
    any(e.fingerprint) AS fingerprint,
    any(e.user_agent) AS user_agent,
    any(e.bot) AS bot,
    sum(weight) AS requests,
    sumIf(weight, action != 'allow') AS stopped,
    max(time) AS last_seen,
    count() OVER () AS total
FROM endpoint_events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND endpoint_id = {endpoint_id:String}
GROUP BY if(e.subject != '', e.subject, toString(e.address))
ORDER BY requests DESC, subject, address
LIMIT {limit:UInt32}
