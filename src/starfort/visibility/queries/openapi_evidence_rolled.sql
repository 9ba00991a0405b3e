-- The same as `openapi_evidence`, from the rollup by hour: for windows with more events than a page can read.
WITH
    (SELECT (groupArray(id), groupArray(into)) FROM (SELECT id, into FROM endpoint_ids_now UNION ALL SELECT '', '')) AS led
SELECT toString(shapes.endpoint_id) AS endpoint_id, pair.1 AS kind, pair.2 AS value, sum(requests) AS seen
FROM
(
    SELECT
        endpoint_id, requests,
        arrayJoin(arrayConcat(
            [('calls', ''),
             ('status', concat(toString(status), ' ', toString(response_content_type)))],
            if(content_type = '', [], [('content_type', toString(content_type))]),
            if(empty(auth_seen) AND status BETWEEN 200 AND 299, [('open', '')], []),
            arrayMap(v -> ('parameter', v), parameters),
            arrayMap(v -> ('auth', v), auth_seen),
            arrayMap(v -> ('sensitive', v), arrayConcat(sensitive_request, sensitive_response))
        )) AS pair
    FROM
    (
        SELECT
            transform(toString(s.endpoint_id), led.1, led.2, toString(s.endpoint_id)) AS endpoint_id, shape,
            sum(s.requests) AS requests, any(s.answered) AS answered, any(s.status) AS status,
            any(s.content_type) AS content_type, any(s.response_content_type) AS response_content_type,
            any(s.parameters) AS parameters, any(s.auth_seen) AS auth_seen,
            any(s.sensitive_request) AS sensitive_request, any(s.sensitive_response) AS sensitive_response
        FROM shape_1h AS s
        WHERE time >= toStartOfHour({since:DateTime64(6, 'UTC')}) AND time < {until:DateTime64(6, 'UTC')}
          AND api = {api:String}
        GROUP BY endpoint_id, shape
    )
    WHERE answered AND status >= 200
) AS shapes
GROUP BY endpoint_id, kind, value
ORDER BY endpoint_id, kind, seen DESC, value
LIMIT {values:UInt32} BY endpoint_id, kind
LIMIT {limit:UInt32}
