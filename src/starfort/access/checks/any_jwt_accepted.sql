/*
name: any_jwt_accepted
title: "{api} takes tokens of every JWT provider ({issuers} configured)"
why: A token made for another API opens this one.
fix: Name its providers under `authentication`.
severity: [low, medium]  # medium where there are several providers
owasp: API2:2023
*/
-- APIs that accept the tokens of every configured provider, and that are called with such tokens. Without such calls the
-- setting has no effect yet.
SELECT
    toString(e.api) AS api, '' AS endpoint_id, toString(e.api) AS subject,
    if(issuers > 1, 'medium', 'low') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS calls_with_jwt,
    uniqCombined(12)(subject_hash) AS subjects,
    {jwt_providers:UInt32} AS issuers
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND has({any_jwt_apis:Array(String)}, toString(e.api)) AND identity_kind = 'jwt' AND identity_verified
GROUP BY api
ORDER BY calls_with_jwt DESC, api
LIMIT {limit:UInt32}
