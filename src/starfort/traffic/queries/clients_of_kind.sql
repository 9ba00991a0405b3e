-- Callers grouped by something that many of them share, from the rollup by day: for long windows with more events than a
-- page can read. `kind` is fingerprint, ja4, network or bot. The least and the greatest country are equal when all callers
-- have the same one; the same holds for the kind of bot.
SELECT
    key,
    if({kind:String} = 'bot', '', any(c.label)) AS label,
    if(min(c.least_country) = max(c.greatest_country), any(c.least_country), '') AS country,
    if(min(c.least_bot) = max(c.greatest_bot), any(c.least_bot), 'mixed') AS bot,
    sum(c.requests) AS requests,
    sum(c.stopped) AS stopped,
    sum(c.errors) AS errors,
    uniqCombinedMerge(12)(c.addresses) AS addresses,
    uniqCombinedMerge(12)(c.endpoints) AS endpoints,
    uniqCombinedMerge(12)(c.subjects) AS subjects,
    arraySlice(groupUniqArrayArray(c.signals), 1, 8) AS signals,
    min(c.first_seen) AS first_seen,
    max(c.last_seen) AS last_seen,
    count() OVER () AS total
FROM client_kind_1d AS c
WHERE c.kind = {kind:String} AND c.time >= {since:DateTime64(6, 'UTC')}
GROUP BY key
HAVING ({search:String} = '' OR positionCaseInsensitiveUTF8(concat(key, ' ', label), {search:String}) > 0)
   AND ({bot:String} = '' OR bot = {bot:String})
ORDER BY
    multiIf(
        {sort:String} = 'stopped', toFloat64(stopped),
        {sort:String} = 'errors', toFloat64(errors),
        {sort:String} = 'endpoints', toFloat64(endpoints),
        {sort:String} = 'last_seen', toFloat64(toUnixTimestamp(last_seen)),
        toFloat64(requests)
    ) DESC,
    key
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
