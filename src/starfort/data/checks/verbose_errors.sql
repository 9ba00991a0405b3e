/*
name: verbose_errors
title: "{subject} tells callers how it is built when it fails: {shown}"
why: Stack traces, database errors and file paths show attackers which software runs, in which version and where.
fix: Log details, and answer with problem+json without them.
severity: [low, medium]  # low where only a file path shows
owasp: API8:2023
closed_after: 20
closed_by: >-
  SELECT toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id, time FROM calls AS e
  WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND upstream != '' AND status >= 500
  AND NOT arrayExists(t -> startsWith(t, 'error:'), response_traits)
*/
-- Failures whose body shows a stack trace, a database's error, a framework's debug page or a path of the server's files.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    if(shown = ['path'], 'low', 'medium') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    arraySort(arrayMap(t -> replaceAll(replaceOne(t, 'error:', ''), '_', ' '),
        arrayFilter(t -> startsWith(t, 'error:'), arrayMap(t -> toString(t), groupUniqArrayArray(20)(response_traits))))) AS shown,
    uniqCombined(12)(address) AS addresses
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND upstream != '' AND arrayExists(t -> startsWith(t, 'error:'), response_traits)
GROUP BY api, endpoint_id
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
