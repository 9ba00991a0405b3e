-- The values that calls of one API had, by endpoint: a row for each kind and value. Only calls that an upstream answered
-- count, because other calls say nothing about the API.
SELECT toString(events.endpoint_id) AS endpoint_id, pair.1 AS kind, pair.2 AS value, sum(weight) AS seen
FROM
(
    SELECT
        endpoint_id, weight,
        arrayJoin(arrayConcat(
            [('calls', ''),
             ('status', concat(toString(status), ' ', toString(response_content_type)))],
            if(content_type = '', [], [('content_type', toString(content_type))]),
            if(empty(auth_seen) AND status BETWEEN 200 AND 299, [('open', '')], []),
            arrayMap(v -> ('parameter', toString(v)), parameters),
            arrayMap(v -> ('auth', toString(v)), auth_seen),
            arrayMap(v -> ('place', toString(v)), credential_places),
            [('scheme', toString(scheme))],
            arrayMap(v -> ('sensitive', toString(v)), arrayConcat(sensitive_request, sensitive_response))
        )) AS pair
    FROM endpoint_events
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND api = {api:String}
      AND endpoint_id != '' AND upstream != '' AND status >= 200
) AS events
GROUP BY endpoint_id, kind, value
ORDER BY endpoint_id, kind, seen DESC, value
LIMIT {values:UInt32} BY endpoint_id, kind
LIMIT {limit:UInt32}
