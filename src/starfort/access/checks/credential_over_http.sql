/*
name: credential_over_http
title: "{subject} is called with {kinds} credentials over plain HTTP"
why: Everybody on the way reads them.
fix: Offer the API over TLS only.
severity: [medium, high]  # high for basic authentication
owasp: API2:2023
*/
-- Credentials over plain HTTP, which everybody on the way can read. Passwords (basic) are worse than tokens, which expire.
-- A listener without TLS behind a load balancer that terminates TLS is reported too: mute the finding there.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    if(has(kinds, 'basic'), 'high', 'medium') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS calls,
    uniqCombined(12)(address) AS addresses,
    arraySort(arrayMap(v -> toString(v), groupUniqArrayArray(8)(auth_seen))) AS kinds
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND scheme = 'http' AND upstream != '' AND hasAny(auth_seen, ['basic', 'bearer', 'api_key', 'token'])
GROUP BY api, endpoint_id
ORDER BY calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
