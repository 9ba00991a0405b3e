-- The callers and endpoints that the hits of one policy concern, in one row.
SELECT
    uniqCombined(12)(address) AS addresses,
    uniqCombinedIf(12)(subject_hash, subject_hash != '') AS subjects,
    sumIf(
        weight,
        status > 0 AND status < 400 AND action = 'allow'
        AND arrayExists(v -> endsWith(v, concat(':', {policy:String})), observed)
    ) AS succeeded,
    sumMap([concat(method, ' ', if(template = '', path, toString(template)))], [toUInt64(weight)]) AS by_endpoint,
    arraySlice(
        arraySort((name, seen) -> -toInt64(seen), by_endpoint.1, by_endpoint.2), 1, {limit:UInt32}
    ) AS names,
    arraySlice(arrayReverseSort(by_endpoint.2), 1, {limit:UInt32}) AS counts
FROM events
WHERE time >= {since:DateTime64(6, 'UTC')}
  AND (policy = {policy:String}
       OR arrayExists(v -> endsWith(v, concat(':', {policy:String})), arrayConcat(tags, observed)))
