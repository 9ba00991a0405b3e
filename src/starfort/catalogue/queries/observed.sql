-- Sums up the events that arrived between two times of `received`, by endpoint, or by method and path where no endpoint
-- is known. Unmistakable values are replaced by their kind here, so that a busy API has only a few rows. A call is no
-- evidence that an endpoint exists if it found nothing (404, 405, 501), had no answer (0), or Starfort answered it.
-- The paths of a known endpoint count only if they have a word where its template has a parameter. Times are
-- microseconds since 1970, and lists are texts in lines, which are read much faster.
WITH
    -- Matrix parameters (`cars;color=red`) belong to no shape; what begins with a semicolon or a dot is left to Python.
    arrayMap(s -> if(match(s, '^[^;.][^;]*;'), substringIndex(s, ';', 1), s), splitByChar('/', path)) AS segments,
    splitByChar('/', toString(template)) AS places,
    -- Most paths of known endpoints need no shape, so the segments are looked at only where one is needed.
    endpoint_id = '' OR (
        position(toString(template), '{') > 0
        AND arrayExists(
            (p, s) -> startsWith(p, '{') AND match(s, '^[a-z][A-Za-z_.-]{1,31}$'),
            places,
            arrayResize(segments, length(places)))) AS has_shape,
    arrayStringConcat(
        arrayMap(
            s -> multiIf(
                match(s, '^[0-9]{4,}$'), '{integer}',
                match(s, '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'), '{uuid}',
                match(s, '^[0-9a-f]{16,128}$') AND NOT match(s, '^[0-9]+$'), '{hex}',
                s),
            if(has_shape, segments, [])),
        '/') AS shape,
    status BETWEEN 200 AND 299 AS succeeded,
    -- What a caller sends without proof tells callers apart only where the upstream took it; otherwise one client
    -- could pretend to be many.
    multiIf(
        subject_hash != '', cityHash64(subject_hash),
        credential_hash != '' AND succeeded, cityHash64(credential_hash),
        cityHash64(address)) AS caller
SELECT *
FROM
(
    SELECT
        toString(events.api) AS api,
        toString(events.endpoint_id) AS endpoint_id,
        toString(events.method) AS method,
        shape AS path,
        multiIf(
            api_version != '', toString(api_version),
            match(host, '(^|[.-])v[0-9]{1,3}[.-]'), concat('host:', extract(toString(host), '(?:^|[.-])(v[0-9]{1,3})[.-]')),
            '') AS asked,
        toUInt64(sumIf(weight, received > {since:DateTime64(6, 'UTC')})) AS calls,
        -- A call that a person saved was answered, whether the answer was saved or not.
        countIf(status BETWEEN 200 AND 299 OR status IN (304, 406, 409, 410, 412, 413, 415, 422, 428) OR source = 'postman')
            AS answered,
        countIf(succeeded AND empty(auth_seen)) AS open_calls,
        countIf(status = 0 AND has(unseen, 'response')) AS blind,
        countIf(account_hash != '') AS logins,
        toInt64(toUnixTimestamp64Micro(min(time))) AS first_us,
        toInt64(toUnixTimestamp64Micro(max(time))) AS last_us,
        arrayStringConcat(arraySort(groupUniqArray(8)(toString(host))), '\n') AS hosts,
        arrayStringConcat(arraySort(groupUniqArrayArray(8)(auth_seen)), '\n') AS auth,
        -- What a request has counts only where the upstream took it: anybody can send anything.
        arrayStringConcat(arraySort(groupUniqArrayArray(32)(
            arrayConcat(if(succeeded, sensitive_request, []), sensitive_response))), '\n') AS sensitive,
        groupBitOr(bitShiftLeft(toUInt64(1), caller % 64)) AS callers,
        arrayStringConcat(arraySort(groupUniqArrayIf(8)(
            hex(cityHash64(content_type, arraySort(arrayFilter(
                p -> NOT startsWith(p, 'path:') AND NOT startsWith(p, 'header:') AND NOT startsWith(p, 'cookie:'),
                arrayMap(p -> toString(p), parameters))))),
            has_shape)), '\n') AS requests,
        arrayStringConcat(arraySort(groupUniqArrayIf(8)(
            concat(toString(status), ' ', toString(response_content_type)), has_shape AND succeeded)), '\n') AS answers,
        count() OVER () AS total
    FROM {table:Identifier} AS events
    WHERE received > {since:DateTime64(6, 'UTC')} - toIntervalSecond({overlap:UInt32})
      AND received <= {until:DateTime64(6, 'UTC')}
      AND time > {oldest:DateTime64(6, 'UTC')}
      AND events.api != '' AND (empty({apis:Array(String)}) OR has({apis:Array(String)}, toString(events.api)))
      AND upstream != '' AND (status NOT IN (0, 404, 405, 501) OR (status = 0 AND has(unseen, 'response')))
      AND (events.endpoint_id != '' OR action = 'allow')
    GROUP BY api, endpoint_id, method, path, asked
    ORDER BY path != '', answered DESC, api, endpoint_id, method, path, asked
    LIMIT {words:UInt32} BY endpoint_id, if(endpoint_id = '', cityHash64(api, method, path), 0)
)
ORDER BY path != '', answered DESC, api, endpoint_id, method, path, asked
-- Each API has its own share, so that one that is being scanned does not crowd out the others.
LIMIT {limit:UInt32} BY api, endpoint_id = ''
LIMIT {most:UInt32}
