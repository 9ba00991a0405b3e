/*
name: volume_to_caller
title: "{subject} was sent {most_values} sensitive values by {template}, usual are {usual_values}"
why: One caller that copies what others read piece by piece.
fix: Look at its events; limit it by a policy.
severity: high
owasp: API6:2023
every: 60s
thresholds:
  # a page of a list has 100 rows, so 1,000 values within ten minutes are ten pages
  min_values: {default: 1000, minimum: 1, description: sensitive values that the caller was sent within the window}
  times_usual: {default: 10.0, minimum: 1.0, description: times the median of the endpoint's callers}
  min_callers: {default: 5, minimum: 2, description: callers of the endpoint; of fewer there is no usual}
*/
-- Callers to whom one endpoint sent far more sensitive values than to its other callers. A caller is counted by its
-- verified subject and by its address. The window is at least 10 minutes, because one page is already much in a shorter
-- window.
WITH callers AS
(
    SELECT
        toString(a.api) AS api, toString(a.endpoint_id) AS endpoint_id, caller.1 AS key_type, caller.2 AS key,
        sum(a.sensitive_response_count * a.weight) AS values_sent, sum(a.weight) AS calls, min(a.time) AS first, max(a.time) AS last
    FROM endpoint_events AS a
    ARRAY JOIN arrayFilter(c -> c.2 != '', [
        ('subject', a.subject_hash), ('address', replaceOne(toString(a.address), '::ffff:', ''))]) AS caller
    WHERE a.time >= {since:DateTime64(6, 'UTC')} - INTERVAL 10 MINUTE AND a.time < {until:DateTime64(6, 'UTC')}
      AND a.endpoint_id != '' AND a.sensitive_response_count > 0
    GROUP BY api, endpoint_id, key_type, key
    HAVING values_sent > 0
)
SELECT
    api, endpoint_id, concat(key_type, '=', argMax(key, values_sent)) AS subject,
    toDateTime64(argMax(first, values_sent), 6, 'UTC') AS first_seen,
    toDateTime64(argMax(last, values_sent), 6, 'UTC') AS last_seen,
    max(callers.values_sent) AS most_values, argMax(callers.calls, callers.values_sent) AS most_calls,
    -- The median, because the mean would grow with the very caller that is looked for.
    quantileExact(0.5)(callers.values_sent) AS usual_values, count() AS callers_seen,
    dictionary.template AS template
FROM callers
LEFT JOIN
(
    SELECT toString(endpoint_events.endpoint_id) AS endpoint_id, concat(any(method), ' ', any(endpoint_events.template)) AS template
    FROM endpoint_events
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND endpoint_events.endpoint_id != ''
    GROUP BY endpoint_id
) AS dictionary USING (endpoint_id)
GROUP BY api, endpoint_id, key_type, template
HAVING most_values >= {min_values:UInt32} AND most_values >= {times_usual:Float64} * usual_values AND callers_seen >= {min_callers:UInt32}
ORDER BY most_values DESC, api, endpoint_id
-- An endpoint may have a row for subjects and one for addresses; only the larger one is reported.
LIMIT 1 BY api, endpoint_id
LIMIT {limit:UInt32}
