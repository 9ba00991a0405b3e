/*
name: changed_parameters
title: "{subject} is sent parameters that nobody sent before: {parameters}"
why: Either the API changed, or somebody tries what it takes (mass assignment).
fix: Compare its document.
severity: low
owasp: API9:2023
every: 5m
thresholds:
  min_calls: {default: 3, minimum: 1, description: calls with the parameter within the window}
  min_addresses: {default: 2, minimum: 1, description: distinct addresses that sent it}
  min_before: {default: 100, minimum: 1, description: calls of the endpoint in the day before; of fewer too little is known}
*/
-- Parameters of known endpoints that nobody sent during the day before, and that several calls from several addresses send
-- now. When that day has very many events, only one of `stride` minutes is read. Path parameters are left out, because they
-- belong to the endpoint's template.
WITH now AS
(
    SELECT
        toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
        arrayJoin(arrayDistinct(arrayMap(p -> arrayStringConcat(arraySlice(splitByChar(':', toString(p)), 1, 2), ':'), parameters))) AS parameter,
        concat(any(method), ' ', any(template)) AS subject,
        count() AS calls, uniqCombined(12)(address) AS addresses, min(time) AS first, max(time) AS last
    FROM endpoint_events AS e
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
      AND e.endpoint_id != '' AND status BETWEEN 200 AND 299 AND upstream != ''
    GROUP BY api, endpoint_id, parameter
    HAVING calls >= {min_calls:UInt32} AND addresses >= {min_addresses:UInt32} AND NOT startsWith(parameter, 'path:')
),
past AS
(
    SELECT
        toString(endpoint_id) AS endpoint_id, count() AS calls_before,
        groupUniqArrayArray(2000)(arrayMap(p -> arrayStringConcat(arraySlice(splitByChar(':', toString(p)), 1, 2), ':'), parameters)) AS known
    FROM endpoint_events
    WHERE time >= {since:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND time < {since:DateTime64(6, 'UTC')} - INTERVAL 1 MINUTE
      AND toUnixTimestamp(toStartOfMinute(time)) % (60 * {stride:UInt32}) = 0
      AND endpoint_id IN (SELECT endpoint_id FROM now)
    GROUP BY endpoint_id
    HAVING calls_before >= {min_before:UInt32}
)
SELECT
    api, endpoint_id, any(now.subject) AS subject,
    min(first) AS first_seen, max(last) AS last_seen,
    arraySort(groupArray(20)(parameter)) AS parameters,
    max(now.calls) AS calls, any(past.calls_before) AS calls_compared
FROM now INNER JOIN past USING (endpoint_id)
WHERE NOT has(past.known, parameter)
GROUP BY api, endpoint_id
ORDER BY calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
