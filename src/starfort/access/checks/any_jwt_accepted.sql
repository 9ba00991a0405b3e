-- APIs that take the tokens of every configured provider, and are called with them.
SELECT
    toString(e.api) AS api, '' AS endpoint_id, toString(e.api) AS subject,
    if(issuers > 1, 'medium', 'low') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS calls_with_jwt,
    uniqCombined(12)(subject_hash) AS subjects,
    {providers:UInt32} AS issuers
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND has({apis:Array(String)}, toString(e.api)) AND identity_kind = 'jwt' AND identity_verified
GROUP BY api
ORDER BY calls_with_jwt DESC, api
LIMIT {limit:UInt32}
