/*
name: open_sensitive_data
title: "{subject} sends {classes} to callers without credentials"
why: Personal data for anybody who asks.
fix: Require credentials, or mask the classes with a policy.
severity: high
owasp: API2:2023
*/
-- Sensitive data in 2xx answers to calls without any credential. For classes that do harm by themselves,
-- `severe_data_unmasked` of the data bastion reports the same with a higher severity.
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
    arraySort(groupUniqArrayArray(20)(unmasked)) AS classes
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND notEmpty(unmasked) AND empty(auth_seen) AND status BETWEEN 200 AND 299 AND upstream != ''
GROUP BY api, endpoint_id
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
