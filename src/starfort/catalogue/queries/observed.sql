-- Sums up the events that arrived between two times of `received`, by endpoint, or by method and path where no endpoint
-- is known. Unmistakable values are replaced by their kind here, so that a busy API has only a few rows. A call is no
-- evidence that an endpoint exists if it found nothing (404, 405, 501), had no answer (0), or Starfort answered it.
-- The paths of a known endpoint count only if they have a word where its template has a parameter.
WITH
    -- Matrix parameters (`cars;color=red`) belong to no shape; what begins with a semicolon or a dot is left to Python.
    arrayMap(s -> if(match(s, '^[^;.][^;]*;'), substringIndex(s, ';', 1), s), splitByChar('/', path)) AS segments,
    splitByChar('/', toString(template)) AS places,
    arrayStringConcat(
        arrayMap(
            s -> multiIf(
                match(s, '^[0-9]{4,}$'), '{integer}',
                match(s, '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'), '{uuid}',
                match(s, '^[0-9a-f]{16,128}$') AND NOT match(s, '^[0-9]+$'), '{hex}',
                s),
            segments),
        '/') AS shape,
    arrayExists(
        (p, s) -> startsWith(p, '{') AND match(s, '^[a-z][a-z_-]{1,31}$'),
        places,
        arrayResize(segments, length(places))) AS has_word
SELECT *
FROM
(
    SELECT
        toString(events.api) AS api,
        toString(events.endpoint_id) AS endpoint_id,
        toString(events.method) AS method,
        if(events.endpoint_id = '' OR has_word, shape, '') AS path,
        countIf(received > {since:DateTime64(6, 'UTC')}) AS calls,
        countIf(status BETWEEN 200 AND 299 OR status IN (304, 406, 409, 410, 412, 413, 415, 422, 428)) AS answered,
        countIf(status BETWEEN 200 AND 299 AND empty(auth_seen)) AS open_calls,
        countIf(account_hash != '') AS logins,
        min(time) AS first_seen,
        max(time) AS last_seen,
        groupUniqArray(8)(toString(host)) AS hosts,
        arrayMap(v -> toString(v), groupUniqArrayArray(8)(auth_seen)) AS auth,
        arrayMap(v -> toString(v), groupUniqArrayArray(32)(arrayConcat(sensitive_request, sensitive_response))) AS sensitive,
        count() OVER () AS total
    FROM events
    WHERE received > {since:DateTime64(6, 'UTC')} - toIntervalSecond({overlap:UInt32})
      AND received <= {until:DateTime64(6, 'UTC')}
      AND time > {oldest:DateTime64(6, 'UTC')}
      AND events.api != '' AND (empty({apis:Array(String)}) OR has({apis:Array(String)}, toString(events.api)))
      AND upstream != '' AND status NOT IN (0, 404, 405, 501)
      AND (events.endpoint_id != '' OR action = 'allow')
    GROUP BY api, endpoint_id, method, path
    ORDER BY path != '', answered DESC, api, endpoint_id, method, path
    LIMIT 20 BY endpoint_id, if(endpoint_id = '', cityHash64(api, method, path), 0)
)
ORDER BY path != '', answered DESC, api, endpoint_id, method, path
-- Each API has its own share, so that one that is being scanned does not crowd out the others.
LIMIT {limit:UInt32} BY api, endpoint_id = ''
LIMIT {most:UInt32}
