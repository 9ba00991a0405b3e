/*
name: credential_in_query
title: "{subject} takes credentials in the address: {names}"
why: Addresses stay in logs, histories and Referer headers.
fix: Take credentials in a header or the body.
severity: [medium, high]  # high for passwords
owasp: API2:2023
*/
-- Query parameters whose name says that they carry credentials. Addresses end up in logs, histories and Referer headers
-- (OWASP ASVS 4.0.3, 8.3.1; RFC 6750, 5.3). Only successful calls count, because a scanner may send any name anywhere.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    if(arrayExists(n -> match(n, '(?i)^(password|passwd|pwd|secret|client_secret)$'), names), 'high', 'medium') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS calls,
    arraySort(groupUniqArrayArray(20)(found)) AS names
FROM
(
    SELECT
        *,
        arrayFilter(
            n -> match(n, '(?i)^(access_?token|auth_?token|id_?token|refresh_?token|token|jwt|api_?key|apikey|x-api-key|password|passwd|pwd|secret|client_secret|session_?id|phpsessid|jsessionid|authorization)$'),
            arrayMap(p -> splitByChar(':', toString(p))[2], arrayFilter(p -> startsWith(p, 'query:'), parameters))
        ) AS found
    FROM calls
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
      AND upstream != '' AND status < 400 AND arrayExists(p -> startsWith(p, 'query:'), parameters)
) AS e
WHERE notEmpty(found)
GROUP BY api, endpoint_id
ORDER BY calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
