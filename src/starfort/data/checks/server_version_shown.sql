/*
name: server_version_shown
title: "{subject} names the version of its server software in {share} % of its answers"
why: A version tells attackers which known weaknesses to try first.
fix: Remove the version from Server, X-Powered-By and their kin.
severity: info
owasp: API8:2023
closed_after: 100
closed_by: >-
  SELECT toString(e.api) AS api, '' AS endpoint_id, time FROM events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != '' AND status != 0
  AND NOT has(response_traits, 'server:versioned')
thresholds:
  min_calls: {default: 20, minimum: 1, description: answers of the API within the window}
*/
-- APIs whose answers mostly name a version. One finding for each API, because one server answers for all its endpoints.
SELECT
    toString(e.api) AS api, '' AS endpoint_id, api AS subject,
    minIf(time, has(response_traits, 'server:versioned')) AS first_seen,
    maxIf(time, has(response_traits, 'server:versioned')) AS last_seen,
    count() AS answers,
    round(100 * countIf(has(response_traits, 'server:versioned')) / answers) AS share
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.api != '' AND upstream != '' AND status != 0
GROUP BY api
HAVING answers >= {min_calls:UInt32} AND share >= 50
ORDER BY api
LIMIT {limit:UInt32}
