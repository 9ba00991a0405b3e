/*
name: weak_session_cookie
title: "{subject} sets a session cookie {weakness}"
why: A cookie without Secure travels over plain HTTP too, and one without HttpOnly can be read by every script of the page.
fix: Set Secure, HttpOnly and SameSite on session cookies.
severity: low
owasp: API8:2023
closed_after: 5
closed_by: >-
  SELECT toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, time FROM endpoint_events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != '' AND status < 400
  AND NOT hasAny(response_traits, ['cookie:insecure', 'cookie:script'])
*/
-- Session cookies without `Secure` or `HttpOnly` (RFC 6265, 4.1.2.5 and 4.1.2.6).
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    concat(any(method), ' ', any(template)) AS subject,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    multiIf(countIf(has(response_traits, 'cookie:insecure')) = 0, 'without HttpOnly',
        countIf(has(response_traits, 'cookie:script')) = 0, 'without Secure', 'without Secure and HttpOnly') AS weakness
FROM endpoint_events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.endpoint_id != '' AND upstream != '' AND hasAny(response_traits, ['cookie:insecure', 'cookie:script'])
GROUP BY api, endpoint_id
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
