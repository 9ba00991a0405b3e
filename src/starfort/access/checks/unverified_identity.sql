-- Calls that an upstream answered 2xx although nobody's identity was verified, in APIs that name who may verify it.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    'high' AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    countIf(empty(auth_seen)) AS without_credential,
    uniqCombined(12)(address) AS addresses,
    arrayMap(v -> toString(v), arrayFilter(v -> v != '', groupUniqArray(8)(identity_error))) AS errors
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND has({apis:Array(String)}, toString(e.api)) AND NOT identity_verified
  AND status BETWEEN 200 AND 299 AND upstream != '' AND action = 'allow' AND account_hash = '' AND method != 'OPTIONS'
GROUP BY api, endpoint_id
HAVING answers >= 3
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
