/*
name: cacheable_sensitive_data
title: "{subject} lets caches keep {classes}"
why: A cache between you and the caller may keep the answer and give it to somebody else.
fix: Answer with Cache-Control no-store where sensitive data is in the body.
severity: [low, medium]  # medium where the answer says that everybody's cache may keep it
owasp: API8:2023
closed_after: 20
closed_by: >-
  SELECT toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, time FROM endpoint_events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != ''
  AND status BETWEEN 200 AND 299 AND (has(response_traits, 'no_store') OR empty(sensitive_response))
*/
-- Answers to GET with sensitive data that caches may keep. Without `public`, shared caches keep no answer to a request that
-- had `Authorization` (RFC 9111, 3.5), so such answers are no case.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    concat(any(method), ' ', any(template)) AS subject,
    if(countIf(has(response_traits, 'cache:public')) > 0, 'medium', 'low') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    arraySort(arrayMap(v -> toString(v), groupUniqArrayArray(20)(sensitive_response))) AS classes
FROM endpoint_events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.endpoint_id != '' AND upstream != '' AND method = 'GET' AND status = 200 AND notEmpty(sensitive_response)
  AND NOT has(response_traits, 'no_store')
  AND (has(response_traits, 'cache:public') OR NOT has(credential_places, 'header:authorization'))
GROUP BY api, endpoint_id
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
