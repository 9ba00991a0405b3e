/*
name: severe_data_unmasked
title: "{subject} sends {classes} unmasked to callers without credentials"
why: Anybody can collect them.
fix: Require credentials, and mask the classes with a policy meanwhile.
severity: critical
owasp: API3:2023
*/
-- Classes that do harm by themselves (such as card numbers and keys), sent unmasked to callers without any credential.
WITH
    arrayFilter(c -> NOT arrayExists(t -> has({masked:Array(String)}, concat(toString(t), ' ', c)), tags),
        arrayMap(c -> toString(c), sensitive_response)) AS unmasked
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    sum(sensitive_response_count) AS values_sent,
    uniqCombined(12)(address) AS addresses,
    arraySort(arrayFilter(v -> has({severe_classes:Array(String)}, v), groupUniqArrayArray(20)(unmasked))) AS classes
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND hasAny(unmasked, {severe_classes:Array(String)})
  AND empty(auth_seen) AND status BETWEEN 200 AND 299 AND upstream != ''
GROUP BY api, endpoint_id
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
