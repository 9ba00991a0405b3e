-- The calls of two versions of an API, by endpoint, and in one row each over all endpoints (where `endpoint_id` is "").
-- Versions are told apart by endpoints (`new` is ""), or by what calls ask for.
SELECT
    side,
    endpoint_id,
    arraySlice(arraySort(p -> p, groupUniqArrayArrayIf(200)(arrayMap(p -> toString(p), parameters), succeeded)), 1, 200) AS parameters,
    arrayMap(v -> toString(v), groupUniqArrayArray(8)(auth_seen)) AS auth,
    arrayMap(v -> toString(v), groupUniqArrayArray(32)(sensitive_response)) AS sensitive,
    countIf(succeeded AND empty(auth_seen)) AS open_calls,
    toUInt32(uniqCombined(12)(if(subject_hash != '', subject_hash, toString(address)))) AS callers
FROM
(
    SELECT
        toString(e.endpoint_id) AS endpoint_id,
        e.parameters AS parameters, e.auth_seen AS auth_seen, e.sensitive_response AS sensitive_response,
        e.subject_hash AS subject_hash, e.address AS address,
        e.status BETWEEN 200 AND 299 AS succeeded,
        multiIf(
            api_version != '', toString(api_version),
            match(host, '(^|[.-])v[0-9]{1,3}[.-]'), concat('host:', extract(toString(host), '(?:^|[.-])(v[0-9]{1,3})[.-]')),
            '') AS asked,
        multiIf(
            {new:String} = '', multiIf(has({new_ids:Array(String)}, endpoint_id), 'new', has({old_ids:Array(String)}, endpoint_id), 'old', ''),
            asked = {new:String}, 'new',
            asked = {old:String}, 'old',
            '') AS side
    FROM endpoint_events AS e
    WHERE time >= {since:DateTime64(6, 'UTC')} AND api = {api:String} AND upstream != '' AND action = 'allow'
      AND status NOT IN (0, 404, 405, 501)
)
WHERE side != ''
GROUP BY GROUPING SETS ((side, endpoint_id), (side))
ORDER BY side, endpoint_id
LIMIT 4000
