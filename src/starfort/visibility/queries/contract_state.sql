-- The calls that break the contract of their API, by endpoint, and who made them: what enforcement would do.
-- `would_refuse` are calls that passed and that `mode: enforce` would have refused; `succeeded` are those of them that the
-- upstream answered with success, so that refusing them may hurt somebody.
SELECT
    toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
    any(e.method) AS method, any(toString(e.template)) AS template,
    sum(weight) AS calls,
    sumIf(weight, arrayExists(v -> startsWith(v, 'request:'), e.contract)) AS requests,
    sumIf(weight, arrayExists(v -> startsWith(v, 'response:'), e.contract)) AS responses,
    sumIf(weight, e.policy = '@contract') AS refused,
    sumIf(weight, has(e.observed, 'block:@contract')) AS would_refuse,
    sumIf(weight, has(e.observed, 'block:@contract') AND e.status BETWEEN 200 AND 399) AS succeeded,
    uniqCombined(12)(e.address) AS addresses,
    uniqCombinedIf(12)(e.subject_hash, e.subject_hash != '') AS subjects,
    sumMap(e.contract, arrayMap(v -> toUInt64(weight), e.contract)) AS by_violation,
    arraySlice(arraySort((name, seen) -> -toInt64(seen), by_violation.1, by_violation.2), 1, 20) AS violations,
    arraySlice(arrayReverseSort(by_violation.2), 1, 20) AS counts,
    -- The latest ones, so that each page that shows them can lead to events.
    arrayMap(x -> x.2, groupArraySorted(5)((-toUnixTimestamp64Micro(e.time), toString(e.id)))) AS events,
    min(e.time) AS first_seen, max(e.time) AS last_seen,
    count() OVER () AS total
FROM calls AS e
WHERE time >= {since:DateTime64(6, 'UTC')} AND notEmpty(e.contract)
  AND ({api:String} = '' OR e.api = {api:String})
  AND ({endpoint_id:String} = '' OR e.endpoint_id = {endpoint_id:String})
GROUP BY api, endpoint_id
ORDER BY would_refuse + refused + responses DESC, api, endpoint_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
