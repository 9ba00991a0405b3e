-- Copies events without an endpoint into `events_attributed`, with the endpoint that their path belongs to now. `paths`
-- are API, method and path in lines, the path with values replaced as in `observed.sql`.
INSERT INTO events_attributed
SELECT * EXCEPT (paths_of_call, number)
    REPLACE (
        {ids:Array(String)}[number] AS endpoint_id,
        {templates:Array(String)}[number] AS template,
        now64(6, 'UTC') AS received)
FROM
(
    SELECT
        *,
        concat(toString(api), '\n', toString(method), '\n', arrayStringConcat(
            arrayMap(
                s -> multiIf(
                    match(s, '^[0-9]{4,}$'), '{integer}',
                    match(s, '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'), '{uuid}',
                    match(s, '^[0-9a-f]{16,128}$') AND NOT match(s, '^[0-9]+$'), '{hex}',
                    s),
                splitByChar('/', path)),
            '/')) AS paths_of_call,
        transform(paths_of_call, {paths:Array(String)}, range(1, length({paths:Array(String)}) + 1), 0) AS number
    FROM events
    WHERE received > {since:DateTime64(6, 'UTC')} - toIntervalSecond({overlap:UInt32})
      AND received <= {until:DateTime64(6, 'UTC')}
      AND time > {oldest:DateTime64(6, 'UTC')}
      AND endpoint_id = '' AND upstream != '' AND status NOT IN (0, 404, 405, 501) AND action = 'allow'
)
WHERE number > 0
  AND (time, id, path) NOT IN
      (SELECT time, id, path FROM events_attributed WHERE time > {oldest:DateTime64(6, 'UTC')})
