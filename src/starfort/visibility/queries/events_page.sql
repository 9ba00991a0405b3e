-- Events, latest first. Empty parameters do not filter. `before_time` and `before_id` are those of the last event of the
-- page before; ids tell events of the same microsecond apart.
SELECT
    time, id, node, api, endpoint_id, method, host, path, template, protocol, status, upstream, duration_us,
    engine_us, request_bytes, response_bytes, address, country, asn, as_organization, ja4, fingerprint,
    user_agent, bot, bot_name, identity_kind, identity_verified, subject, identity_error, auth_seen,
    credential_places, api_version, response_traits, content_type, response_content_type, parameters, anomalies,
    findings, evidence, contract, sensitive_request, sensitive_response, signals, action, policy, tags, observed
FROM events
WHERE time >= {since:DateTime64(6, 'UTC')}
  AND time <= {before_time:DateTime64(6, 'UTC')} AND (time, id) < ({before_time:DateTime64(6, 'UTC')}, {before_id:String})
  AND ({id:String} = '' OR id = {id:String})
  AND ({api:String} = '' OR api = {api:String})
  AND ({endpoint_id:String} = ''
       OR endpoint_id IN (SELECT id FROM endpoint_ids_now WHERE into = {endpoint_id:String} UNION ALL SELECT {endpoint_id:String})
       -- Calls from before the endpoint was known.
       OR (endpoint_id = '' AND (time, events.id) IN
           (SELECT time, id FROM endpoint_events
            WHERE time >= {since:DateTime64(6, 'UTC')} AND endpoint_id = {endpoint_id:String})))
  AND ({method:String} = '' OR method = {method:String})
  AND ({path:String} = '' OR positionCaseInsensitiveUTF8(path, {path:String}) > 0)
  AND ({status_min:UInt16} = 0 OR status BETWEEN {status_min:UInt16} AND {status_max:UInt16})
  AND ({address:String} = '' OR address = toIPv6OrDefault({address:String}))
  AND ({fingerprint:String} = '' OR fingerprint = {fingerprint:String})
  AND ({ja4:String} = '' OR ja4 = {ja4:String})
  AND ({asn:UInt32} = 0 OR asn = {asn:UInt32})
  AND ({subject:String} = '' OR subject = {subject:String})
  AND ({bot:String} = '' OR bot = {bot:String})
  AND ({action:String} = '' OR action = {action:String} OR ({action:String} = 'stopped' AND action != 'allow'))
  AND ({policy:String} = '' OR policy = {policy:String}
       OR hasAny(tags, arrayMap(v -> concat(v, ':', {policy:String}), {actions:Array(String)}))
       OR hasAny(observed, arrayMap(v -> concat(v, ':', {policy:String}), {actions:Array(String)})))
  AND ({observed:String} = ''
       OR hasAny(observed, arrayMap(v -> concat(v, ':', {observed:String}), {actions:Array(String)})))
  AND ({finding:String} = '' OR has(findings, {finding:String}) OR has(anomalies, {finding:String}))
  AND ({signal:String} = '' OR has(signals, {signal:String}))
  AND ({sensitive:String} = '' OR has(sensitive_request, {sensitive:String})
       OR has(sensitive_response, {sensitive:String}))
-- This is the order of the table's key, so ClickHouse reads the latest minutes first and stops when the page is full.
ORDER BY toStartOfMinute(time) DESC, time DESC, id DESC
LIMIT {limit:UInt32}
