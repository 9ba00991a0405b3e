-- The same as `policy_reach`, from a rollup: for windows with more events than a page can read. `table` is policy_5m or
-- policy_1h. All paths that belong to no endpoint are one line.
SELECT
    uniqCombinedMerge(12)(p.addresses) AS addresses,
    uniqCombinedMerge(12)(p.subjects) AS subjects,
    sum(p.succeeded) AS succeeded,
    sumMap([concat(method, ' ', if(template = '', '(no known endpoint)', toString(template)))], [p.hits]) AS by_endpoint,
    arraySlice(
        arraySort((name, seen) -> -toInt64(seen), by_endpoint.1, by_endpoint.2), 1, {limit:UInt32}
    ) AS names,
    arraySlice(arrayReverseSort(by_endpoint.2), 1, {limit:UInt32}) AS counts
FROM {table:Identifier} AS p
WHERE policy = {policy:String} AND time >= {since:DateTime64(6, 'UTC')}
