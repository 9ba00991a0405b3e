-- Personal data in 2xx answers to calls without any credential. Card numbers, keys and the like are data's check.
WITH
    arrayFilter(c -> NOT arrayExists(t -> has({masked:Array(String)}, concat(toString(t), ' ', c)), tags),
        arrayMap(c -> toString(c), sensitive_response)) AS unmasked
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    if(endpoint_id = '', concat('An unknown endpoint (such as ', any(method), ' ', any(path), ')'),
        concat(any(method), ' ', any(template))) AS subject,
    'high' AS severity,
    min(time) AS first_seen, max(time) AS last_seen,
    count() AS answers,
    sum(sensitive_response_count) AS values_sent,
    uniqCombined(12)(address) AS addresses,
    arraySort(groupUniqArrayArray(20)(unmasked)) AS classes
FROM events AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
  AND notEmpty(unmasked) AND empty(auth_seen) AND status BETWEEN 200 AND 299 AND upstream != ''
GROUP BY api, endpoint_id
ORDER BY answers DESC, api, endpoint_id
LIMIT {limit:UInt32}
