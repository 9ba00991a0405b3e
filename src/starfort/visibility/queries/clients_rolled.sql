-- Callers by what they share, out of a rollup: for windows with more events than a page can read. `table` is client_1h or
-- client_1d, `key` one of the columns below. First who is on the page, by sums alone; then everything about those.
WITH
    callers AS
    (
        SELECT
            *,
            concat('AS', toString(c.asn)) AS network,
            if(c.bot_name = '', toString(c.bot), concat(toString(c.bot), ' · ', toString(c.bot_name))) AS bot_kind
        FROM {table:Identifier} AS c
        WHERE c.time >= {since:DateTime64(6, 'UTC')} AND ({key:String} != 'network' OR c.asn != 0)
          AND ({key:String} != 'subject' OR c.subject != '') AND ({key:String} != 'fingerprint' OR c.fingerprint != '')
          AND ({key:String} != 'ja4' OR c.ja4 != '')
    ),
    page AS
    (
        SELECT {key:Identifier} AS key, count() OVER () AS total
        FROM callers
        GROUP BY key
        HAVING ({search:String} = '' OR positionCaseInsensitiveUTF8(
                    concat(replaceOne(toString(key), '::ffff:', ''), ' ',
                        if({key:String} = 'network', toString(any(as_organization)), any(user_agent))), {search:String}) > 0)
           AND ({bot:String} = '' OR if(min(bot) = max(bot), toString(any(bot)), 'mixed') = {bot:String})
        ORDER BY
            multiIf(
                {sort:String} = 'stopped', toFloat64(sum(callers.stopped)),
                {sort:String} = 'errors', toFloat64(sum(callers.errors)),
                {sort:String} = 'endpoints', toFloat64(uniqCombinedMerge(12)(callers.endpoints)),
                {sort:String} = 'last_seen', toFloat64(toUnixTimestamp(max(callers.last_seen))),
                toFloat64(sum(callers.requests))
            ) DESC,
            key
        LIMIT {limit:UInt32} OFFSET {offset:UInt32}
    )
SELECT
    replaceOne(toString({key:Identifier}), '::ffff:', '') AS key,
    multiIf({key:String} = 'network', toString(any(c.as_organization)),
        {key:String} = 'bot_kind', '', any(c.user_agent)) AS label,
    if(min(c.country) = max(c.country), toString(any(c.country)), '') AS country,
    if(min(c.bot) = max(c.bot), toString(any(c.bot)), 'mixed') AS bot,
    sum(c.requests) AS requests,
    sum(c.stopped) AS stopped,
    sum(c.errors) AS errors,
    uniqCombined(12)(c.address) AS addresses,
    uniqCombinedMerge(12)(c.endpoints) AS endpoints,
    uniqCombinedIf(12)(c.subject, c.subject != '') AS subjects,
    arraySlice(groupUniqArrayArray(c.signals), 1, 8) AS signals,
    min(c.first_seen) AS first_seen,
    max(c.last_seen) AS last_seen,
    (SELECT any(total) FROM page) AS total
FROM callers AS c
WHERE {key:Identifier} IN (SELECT key FROM page)
GROUP BY {key:Identifier}
ORDER BY
    multiIf(
        {sort:String} = 'stopped', toFloat64(stopped),
        {sort:String} = 'errors', toFloat64(errors),
        {sort:String} = 'endpoints', toFloat64(endpoints),
        {sort:String} = 'last_seen', toFloat64(toUnixTimestamp(last_seen)),
        toFloat64(requests)
    ) DESC,
    {key:Identifier}
