/*
name: no_rate_limit
title: "Nothing limits how often {subject} may be called"
why: A caller may try passwords, collect objects or cause cost as fast as the API answers.
fix: Add a policy with `limit` for its consumers, or mute this where the application limits them without saying so.
severity: [low, medium]  # medium for log-ins
owasp: API4:2023
closed_after: 1
closed_by: >-
  SELECT toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, time FROM endpoint_events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND (status = 429 OR has(response_traits, 'rate_limit') OR has({limited_apis:Array(String)}, toString(e.api)))
thresholds:
  min_calls: {default: 50, minimum: 1, per_window: true, description: calls of the endpoint within the window}
*/
-- Endpoints where a limit matters most (log-ins, and those that give sensitive data) in APIs that no enforced policy limits,
-- and whose answers never show a limit of the application's own (status 429, RateLimit headers).
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    concat(any(method), ' ', any(template)) AS subject,
    if(logins > 0, 'medium', 'low') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS calls,
    countIf(account_hash != '') AS logins,
    countIf(notEmpty(sensitive_response)) AS with_sensitive_data,
    uniqCombined(12)(address) AS addresses
FROM endpoint_events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.endpoint_id != '' AND upstream != '' AND NOT has({limited_apis:Array(String)}, toString(e.api))
GROUP BY api, endpoint_id
HAVING calls >= {min_calls:UInt32} AND (logins > 0 OR with_sensitive_data > 0)
   AND countIf(status = 429 OR has(response_traits, 'rate_limit')) = 0
ORDER BY logins DESC, with_sensitive_data DESC, api, endpoint_id
LIMIT {limit:UInt32}
