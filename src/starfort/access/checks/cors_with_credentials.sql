/*
name: cors_with_credentials
title: "{subject} lets pages of {origins} call it with the user's credentials"
why: A page that a user visits can read the answers in the user's name, if the origin is not one that you know.
fix: Answer Access-Control-Allow-Origin only for a list of origins that you trust, and never for null.
severity: [medium, high]  # high for the origin null, which every sandboxed page has
owasp: API8:2023
closed_after: 20
closed_by: >-
  SELECT toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, time FROM endpoint_events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != ''
  AND arrayExists(t -> startsWith(t, 'cors:'), response_traits) AND NOT has(response_traits, 'cors:credentials')
thresholds:
  min_calls: {default: 3, minimum: 1, description: such answers within the window}
*/
-- Answers that allow an origin of another site, or `null`, together with credentials (Fetch standard, CORS protocol). `*` is
-- no case: browsers do not send credentials then. One partner's origin that is allowed on purpose looks the same, so this
-- is not critical.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    concat(any(method), ' ', any(template)) AS subject,
    if(nulls > 0, 'high', 'medium') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    countIf(has(response_traits, 'cors:null')) AS nulls,
    if(nulls > 0, 'any sandboxed page', 'other sites') AS origins,
    uniqCombined(12)(address) AS addresses
FROM endpoint_events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.endpoint_id != '' AND upstream != '' AND status < 400
  AND has(response_traits, 'cors:credentials') AND hasAny(response_traits, ['cors:reflected', 'cors:null'])
GROUP BY api, endpoint_id
HAVING answers >= {min_calls:UInt32}
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
