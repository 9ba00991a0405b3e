/*
name: guessable_object_ids
title: "{subject} names objects by numbers, which can be guessed"
why: Who counts upwards reads object after object, where the API does not check whose object it is.
fix: Check for each object that the caller may have it. Random ids (UUID version 4) make guessing useless besides.
severity: [info, low, medium]  # low where answers carry sensitive data, medium where callers without credentials get it
owasp: API1:2023
closed_after: 50
closed_by: >-
  SELECT toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, time FROM endpoint_events AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != ''
  AND status BETWEEN 200 AND 299 AND NOT arrayExists(p -> match(p, '^path:.*:integer$'), parameters)
thresholds:
  min_objects: {default: 10, minimum: 2, description: different objects that were read within the window}
  min_share: {default: 0.9, minimum: 0.5, maximum: 1, description: least share of the calls whose id is a number}
*/
-- Endpoints whose last parameter in the path is a number in nearly all calls, and that answered for several objects.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    concat(any(method), ' ', any(template)) AS subject,
    multiIf(open_with_data > 0, 'medium', with_data > 0, 'low', 'info') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    uniqCombined(12)(object_hash) AS objects,
    countIf(notEmpty(sensitive_response)) AS with_data,
    countIf(notEmpty(sensitive_response) AND empty(auth_seen)) AS open_with_data,
    uniqCombinedIf(12)(subject_hash, subject_hash != '') AS subjects
FROM endpoint_events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND e.endpoint_id != '' AND upstream != '' AND status BETWEEN 200 AND 299 AND object_hash != ''
  -- Under overload rows come without their parameters, which says nothing about ids.
  AND arrayExists(p -> startsWith(p, 'path:'), parameters)
GROUP BY api, endpoint_id
HAVING objects >= {min_objects:UInt32}
   AND countIf(arrayExists(p -> match(p, '^path:.*:integer$'), parameters)) >= {min_share:Float64} * answers
ORDER BY open_with_data DESC, with_data DESC, answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
