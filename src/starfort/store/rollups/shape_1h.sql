-- Calls of an endpoint that had the same parameters, status, types and findings.
SELECT
    toStartOfHour(events.time) AS time, api, endpoint_id,
    sipHash64(
        upstream != '', events.status, events.content_type, events.response_content_type, events.identity_error,
        events.parameters, events.auth_seen, events.sensitive_request, events.sensitive_response, events.findings,
        anomalies) AS shape,
    sum(weight) AS requests,
    any(upstream != '') AS answered,
    any(events.status) AS status,
    any(events.content_type) AS content_type,
    any(events.response_content_type) AS response_content_type,
    any(events.identity_error) AS identity_error,
    any(events.parameters) AS parameters,
    any(events.auth_seen) AS auth_seen,
    any(events.sensitive_request) AS sensitive_request,
    any(events.sensitive_response) AS sensitive_response,
    any(arrayConcat(events.findings, anomalies)) AS findings
FROM endpoint_events AS events
WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')}
GROUP BY time, api, endpoint_id, shape
