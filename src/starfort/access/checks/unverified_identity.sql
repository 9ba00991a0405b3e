/*
name: unverified_identity
title: "{subject} answered {answers} calls whose caller nobody verified"
why: The API names who verifies its callers, and it answers without.
fix: Block with a policy where `!identity.verified`.
severity: high
owasp: API2:2023
thresholds:
  min_answers: {default: 3, minimum: 1, description: such answers within the window}
*/
-- Calls that an upstream answered 2xx although no identity was verified, in APIs whose `authentication` names providers.
-- Log-ins are left out because they have no identity yet. So are preflight requests (OPTIONS), because browsers send them
-- without credentials (Fetch, 3.3.5).
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    countIf(empty(auth_seen)) AS without_credential,
    uniqCombined(12)(address) AS addresses,
    arrayMap(v -> toString(v), arrayFilter(v -> v != '', groupUniqArray(8)(identity_error))) AS errors
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND has({verified_apis:Array(String)}, toString(e.api)) AND NOT identity_verified
  AND status BETWEEN 200 AND 299 AND upstream != '' AND action = 'allow' AND account_hash = '' AND method != 'OPTIONS'
GROUP BY api, endpoint_id
HAVING answers >= {min_answers:UInt32}
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
