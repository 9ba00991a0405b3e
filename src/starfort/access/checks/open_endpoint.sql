/*
name: open_endpoint
title: "{subject} answers without credentials; {guarded_endpoints} other endpoints of {api} ask for them"
why: An endpoint that was forgotten when its neighbours were protected (OWASP API2:2023, API5:2023).
fix: Require credentials, or mute this where everybody may call.
severity: [medium, high]  # high where sensitive data leaves
owasp: API2:2023
thresholds:
  min_open_calls: {default: 3, minimum: 1, description: answers without any credential within the window}
  min_guarded: {default: 2, minimum: 1, description: other endpoints of the API that are only called with credentials}
*/
-- Endpoints that answer 2xx without any credential, in APIs where at least half of the other endpoints are only called with
-- one. Log-ins are left out, and so are paths that everybody may ask for (health, documents).
WITH calls AS
(
    SELECT
        toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
        concat(any(method), ' ', any(template)) AS subject,
        countIf(empty(auth_seen) AND status BETWEEN 200 AND 299) AS open_calls,
        countIf(notEmpty(auth_seen)) AS calls_with_credentials,
        countIf(account_hash != '') AS logins,
        uniqCombinedIf(12)(address, empty(auth_seen)) AS addresses,
        countIf(notEmpty(sensitive_response) AND empty(auth_seen)) AS with_sensitive_data,
        minIf(time, empty(auth_seen)) AS first_seen,
        maxIf(time, empty(auth_seen)) AS last_seen
    FROM endpoint_events AS e
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
      AND e.endpoint_id != '' AND upstream != '' AND action = 'allow'
    GROUP BY api, endpoint_id
)
SELECT
    api, endpoint_id, subject,
    if(with_sensitive_data > 0, 'high', 'medium') AS severity,
    first_seen, last_seen, open_calls, calls_with_credentials, addresses, with_sensitive_data,
    guarded AS guarded_endpoints, others AS other_endpoints
FROM calls
INNER JOIN
(
    SELECT api, countIf(open_calls = 0 AND calls_with_credentials > 0) AS guarded, count() AS others
    FROM calls GROUP BY api
) AS api_calls USING (api)
WHERE open_calls >= {min_open_calls:UInt32} AND logins = 0 AND guarded >= {min_guarded:UInt32} AND 2 * guarded >= others - 1
  AND NOT match(lower(subject), '/(health[a-z]*|ready[a-z]*|live[a-z]*|ping|status|version|metrics|docs|openapi[^/]*|swagger[^/]*|login|signin|signup|register|token|auth|authorize|favicon[^/]*|robots[^/]*|[.]well-known.*)$')
ORDER BY open_calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
