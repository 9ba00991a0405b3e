-- Parameters of known endpoints that nobody sent before, and that at least three calls from two addresses sent now. The
-- past is the day before the window, or one minute of {stride} of it where there is much.
WITH now AS
(
    SELECT
        toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
        arrayJoin(arrayDistinct(arrayMap(p -> arrayStringConcat(arraySlice(splitByChar(':', toString(p)), 1, 2), ':'), parameters))) AS parameter,
        concat(any(method), ' ', any(template)) AS subject,
        count() AS calls, uniqCombined(12)(address) AS addresses, min(time) AS first, max(time) AS last
    FROM events AS e
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
      AND e.endpoint_id != '' AND status BETWEEN 200 AND 299 AND upstream != ''
    GROUP BY api, endpoint_id, parameter
    HAVING calls >= 3 AND addresses >= 2 AND NOT startsWith(parameter, 'path:')
),
past AS
(
    SELECT
        toString(endpoint_id) AS endpoint_id, count() AS calls_before,
        groupUniqArrayArray(2000)(arrayMap(p -> arrayStringConcat(arraySlice(splitByChar(':', toString(p)), 1, 2), ':'), parameters)) AS known
    FROM events
    WHERE time >= {since:DateTime64(6, 'UTC')} - INTERVAL 1 DAY AND time < {since:DateTime64(6, 'UTC')} - INTERVAL 1 MINUTE
      AND toUnixTimestamp(toStartOfMinute(time)) % (60 * {stride:UInt32}) = 0
      AND endpoint_id IN (SELECT endpoint_id FROM now)
    GROUP BY endpoint_id
    HAVING calls_before >= 100
)
SELECT
    api, endpoint_id, any(now.subject) AS subject, 'low' AS severity,
    min(first) AS first_seen, max(last) AS last_seen,
    arraySort(groupArray(20)(parameter)) AS parameters,
    max(now.calls) AS calls, any(past.calls_before) AS calls_compared
FROM now INNER JOIN past USING (endpoint_id)
WHERE NOT has(past.known, parameter)
GROUP BY api, endpoint_id
ORDER BY calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
