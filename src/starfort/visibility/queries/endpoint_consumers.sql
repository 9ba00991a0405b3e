-- Who calls one endpoint, most active first, and how many callers there are.
SELECT
    subject,
    if(subject != '', '', toString(e.address)) AS caller,
    any(e.address) AS address,
    any(e.fingerprint) AS fingerprint,
    any(e.user_agent) AS user_agent,
    any(e.bot) AS bot,
    count() AS requests,
    countIf(action != 'allow') AS stopped,
    max(time) AS last_seen,
    count() OVER () AS total
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND endpoint_id = {endpoint_id:String}
GROUP BY subject, caller
ORDER BY requests DESC, caller, subject
LIMIT {limit:UInt32}
