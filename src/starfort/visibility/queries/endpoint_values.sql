-- The values that calls of one endpoint had: a row for each kind and value, most frequent first. The kind `all` counts the
-- calls themselves, so that shares can be computed.
SELECT pair.1 AS kind, pair.2 AS value, sum(weight) AS seen
FROM
(
    SELECT
        weight,
        arrayJoin(arrayConcat(
            [('all', ''), ('status', toString(status)), ('content_type', toString(content_type)),
             ('response_content_type', toString(response_content_type)),
             ('identity_error', toString(identity_error))],
            arrayMap(v -> ('parameter', toString(v)), parameters),
            arrayMap(v -> ('auth', toString(v)), auth_seen),
            arrayMap(v -> ('sensitive_request', toString(v)), sensitive_request),
            arrayMap(v -> ('sensitive_response', toString(v)), sensitive_response),
            arrayMap(v -> ('finding', toString(v)), arrayConcat(findings, anomalies))
        )) AS pair
    FROM endpoint_events
    WHERE time >= {since:DateTime64(6, 'UTC')} AND endpoint_id = {endpoint_id:String}
)
WHERE pair.1 = 'all' OR pair.2 != ''
GROUP BY kind, value
ORDER BY kind, seen DESC, value
LIMIT {limit:UInt32} BY kind
