/*
name: sensitive_data
title: "{subject} sends {classes}"
why: Sensitive data leaves through this endpoint.
fix: Know where it goes, and mask what callers have no need of.
severity: [info, medium]  # medium for classes that do harm by themselves, where no policy masks them
owasp: API3:2023
*/
-- The classes of sensitive data that leave an endpoint. A class that a policy masked does no harm, so it does not raise the
-- severity. `masked` has the tag of each masking policy with each class that it masks.
WITH
    arrayFilter(c -> NOT arrayExists(t -> has({masked:Array(String)}, concat(toString(t), ' ', c)), tags),
        arrayMap(c -> toString(c), sensitive_response)) AS unmasked
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    if(hasAny(unmasked_classes, {severe_classes:Array(String)}), 'medium', 'info') AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    sum(sensitive_response_count) AS values_sent,
    countIf(arrayExists(v -> startsWith(v, 'mask:'), tags)) AS masked_answers,
    uniqCombinedIf(12)(subject_hash, subject_hash != '') AS subjects,
    uniqCombined(12)(address) AS addresses,
    arraySort(arrayMap(v -> toString(v), groupUniqArrayArray(20)(sensitive_response))) AS classes,
    arraySort(groupUniqArrayArray(20)(unmasked)) AS unmasked_classes
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND notEmpty(sensitive_response) AND upstream != ''
GROUP BY api, endpoint_id
ORDER BY values_sent DESC, api, endpoint_id
LIMIT {limit:UInt32}
