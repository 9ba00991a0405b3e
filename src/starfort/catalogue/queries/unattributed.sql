-- The paths of events without an endpoint, with values replaced as in `observed.sql`.
SELECT api, method, path, count() OVER () AS total
FROM
(
    SELECT
        toString(events.api) AS api, toString(events.method) AS method,
        arrayStringConcat(
            arrayMap(
                s -> multiIf(
                    match(s, '^[0-9]{4,}$'), '{integer}',
                    match(s, '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'), '{uuid}',
                    match(s, '^[0-9a-f]{16,128}$') AND NOT match(s, '^[0-9]+$'), '{hex}',
                    s),
                splitByChar('/', events.path)),
            '/') AS path,
        count() AS calls
    FROM events
    WHERE received > {since:DateTime64(6, 'UTC')} - toIntervalSecond({overlap:UInt32})
      AND received <= {until:DateTime64(6, 'UTC')}
      AND time > {oldest:DateTime64(6, 'UTC')}
      AND has({apis:Array(String)}, toString(events.api))
      AND endpoint_id = '' AND upstream != '' AND status NOT IN (0, 404, 405, 501) AND action = 'allow'
    GROUP BY api, method, path
)
ORDER BY calls DESC, api, method, path
LIMIT {most:UInt32}
