-- Who calls one endpoint, most active first, and how many callers there are.
-- First who is shown, by counts alone; then everything about those.
WITH
    calls AS
    (
        SELECT *, if(subject != '', toIPv6('::'), address) AS caller
        FROM events
        WHERE time >= {since:DateTime64(6, 'UTC')} AND endpoint_id = {endpoint_id:String}
    ),
    most AS
    (
        SELECT subject, caller, count() OVER () AS total
        FROM calls
        GROUP BY subject, caller
        ORDER BY sum(weight) DESC, caller, subject
        LIMIT {limit:UInt32}
    )
SELECT
    subject,
    caller,
    any(e.address) AS address,
    any(e.fingerprint) AS fingerprint,
    any(e.user_agent) AS user_agent,
    any(e.bot) AS bot,
    sum(weight) AS requests,
    sumIf(weight, action != 'allow') AS stopped,
    max(time) AS last_seen,
    (SELECT any(total) FROM most) AS total
FROM calls AS e
WHERE (subject, caller) IN (SELECT subject, caller FROM most)
GROUP BY subject, caller
ORDER BY requests DESC, caller, subject
