-- The same as `policy_series`, from a rollup: for windows with more events than a page can read. `table` is policy_5m or
-- policy_1h.
SELECT
    toUnixTimestamp(toStartOfInterval(p.time, toIntervalSecond({step:UInt32}))) AS bucket,
    sumIf(p.hits, mode = 'enforced') AS enforced,
    sumIf(p.hits, mode = 'observed') AS observed_hits
FROM {table:Identifier} AS p
WHERE policy = {policy:String} AND time >= {since:DateTime64(6, 'UTC')}
GROUP BY bucket
ORDER BY bucket
