/*
name: missing_security_headers
title: "{subject} answers browsers without {missing}"
why: Browsers then go over plain HTTP when they are told to, or guess another type of content than you named.
fix: Send Strict-Transport-Security and X-Content-Type-Options nosniff with every answer, at the edge or in the application.
severity: [info, low]  # low where cookies say that browsers are the callers
owasp: API8:2023
closed_after: 100
closed_by: >-
  SELECT toString(e.api) AS api, '' AS endpoint_id, time FROM events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != ''
  AND status BETWEEN 200 AND 299 AND scheme = 'https' AND hasAll(response_traits, ['hsts', 'nosniff'])
thresholds:
  min_calls: {default: 20, minimum: 1, description: answers of the API over HTTPS within the window}
*/
-- APIs that answer over HTTPS and mostly without the two headers that matter for every kind of content (RFC 6797, 7.2;
-- Fetch standard, 3.6). Programs that call an API do not care, so without cookies it is only said.
SELECT
    toString(e.api) AS api, '' AS endpoint_id, api AS subject,
    if(countIf(has(auth_seen, 'cookie')) > 0, 'low', 'info') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    countIf(has(response_traits, 'hsts')) AS with_hsts,
    countIf(has(response_traits, 'nosniff')) AS with_nosniff,
    arrayStringConcat(arrayFilter(n -> n != '', [
        if(2 * with_hsts < answers, 'Strict-Transport-Security', ''),
        if(2 * with_nosniff < answers, 'X-Content-Type-Options', '')]), ' and ') AS missing
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.api != '' AND upstream != '' AND scheme = 'https' AND status BETWEEN 200 AND 299
GROUP BY api
HAVING answers >= {min_calls:UInt32} AND missing != ''
ORDER BY api
LIMIT {limit:UInt32}
