-- Hits of one policy by step: what it did, and what it would have done in observe mode.
SELECT
    toUnixTimestamp(toStartOfInterval(time, toIntervalSecond({step:UInt32}))) AS bucket,
    sumIf(weight, policy = {policy:String} OR arrayExists(v -> endsWith(v, concat(':', {policy:String})), tags))
        AS enforced,
    sumIf(weight, arrayExists(v -> endsWith(v, concat(':', {policy:String})), observed)) AS observed_hits
FROM events
WHERE time >= {since:DateTime64(6, 'UTC')}
  AND (policy = {policy:String}
       OR arrayExists(v -> endsWith(v, concat(':', {policy:String})), arrayConcat(tags, observed)))
GROUP BY bucket
ORDER BY bucket
