-- The same as `endpoint_values`, from the rollup by hour: for windows with more events than a page can read.
SELECT pair.1 AS kind, pair.2 AS value, sum(requests) AS seen
FROM
(
    SELECT
        requests,
        arrayJoin(arrayConcat(
            [('all', ''), ('status', toString(status)), ('content_type', toString(content_type)),
             ('response_content_type', toString(response_content_type)),
             ('identity_error', toString(identity_error))],
            arrayMap(v -> ('parameter', v), parameters),
            arrayMap(v -> ('auth', v), auth_seen),
            arrayMap(v -> ('sensitive_request', v), sensitive_request),
            arrayMap(v -> ('sensitive_response', v), sensitive_response),
            arrayMap(v -> ('finding', v), findings)
        )) AS pair
    FROM
    (
        -- Rows of one shape are added up first, so that the arrays of a shape are taken apart only once.
        SELECT
            shape,
            sum(s.requests) AS requests, any(s.status) AS status, any(s.content_type) AS content_type,
            any(s.response_content_type) AS response_content_type, any(s.identity_error) AS identity_error,
            any(s.parameters) AS parameters, any(s.auth_seen) AS auth_seen,
            any(s.sensitive_request) AS sensitive_request, any(s.sensitive_response) AS sensitive_response,
            any(s.findings) AS findings
        FROM shape_1h AS s
        WHERE time >= toStartOfHour({since:DateTime64(6, 'UTC')}) AND api = {api:String} 
          AND s.endpoint_id IN (SELECT id FROM endpoint_ids_now WHERE into = {endpoint_id:String} UNION ALL SELECT {endpoint_id:String})
        GROUP BY shape
    )
)
WHERE pair.1 = 'all' OR pair.2 != ''
GROUP BY kind, value
ORDER BY kind, seen DESC, value
LIMIT {limit:UInt32} BY kind
