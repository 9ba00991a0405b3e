/*
name: changed_statuses
title: "{subject} answers {classes} since now"
why: The API behaves in a new way; 5xx mean that calls break it.
fix: Look at its latest events, and ask who changed it.
severity: [low, medium]  # medium for 5xx
owasp: API9:2023
every: 60s
thresholds:
  min_calls: {default: 3, minimum: 1, description: answers of the class within the window}
  min_before: {default: 100, minimum: 1, description: calls of the endpoint in the day before; of fewer too little is known}
*/
-- Endpoints that answer with a class of status (2xx, 3xx, 4xx, 5xx) that they did not use during the day before. The
-- rollup by minute is read, because it has a row for each status; the events of a day would be far more rows.
WITH minutes AS
(
    SELECT
        toString(t.api) AS api, toString(t.endpoint_id) AS endpoint_id, any(t.method) AS method,
        intDiv(t.status, 100) AS class,
        sumIf(t.requests, t.time >= toStartOfMinute({since:DateTime64(6, 'UTC')})) AS calls,
        sumIf(t.requests, t.time < toStartOfMinute({since:DateTime64(6, 'UTC')})) AS calls_before,
        minIf(t.time, t.time >= toStartOfMinute({since:DateTime64(6, 'UTC')})) AS first,
        max(t.time) AS last
    FROM traffic_1m AS t
    WHERE t.time >= toDateTime({since:DateTime64(6, 'UTC')}) - INTERVAL 1 DAY AND t.time < {until:DateTime64(6, 'UTC')}
      AND t.endpoint_id != '' AND t.action = 'allow' AND t.status >= 200
    GROUP BY api, endpoint_id, class
)
SELECT
    api, endpoint_id, any(names.name) AS subject,
    if(max(class) = 5, 'medium', 'low') AS severity,
    toDateTime64(min(first), 6, 'UTC') AS first_seen, toDateTime64(max(last), 6, 'UTC') AS last_seen,
    arraySort(groupArray(concat(toString(class), 'xx'))) AS classes,
    sum(minutes.calls) AS calls, any(totals.all_before) AS calls_compared
FROM minutes
INNER JOIN (SELECT endpoint_id, sum(calls_before) AS all_before FROM minutes GROUP BY endpoint_id) AS totals USING (endpoint_id)
INNER JOIN
(
    SELECT toString(endpoint_events.endpoint_id) AS endpoint_id, concat(any(method), ' ', any(template)) AS name
    FROM endpoint_events WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND endpoint_events.endpoint_id != ''
    GROUP BY endpoint_id
) AS names USING (endpoint_id)
WHERE minutes.calls >= {min_calls:UInt32} AND calls_before = 0 AND all_before >= {min_before:UInt32}
GROUP BY api, endpoint_id
ORDER BY calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
