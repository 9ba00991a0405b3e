-- Callers grouped by what they share, from a rollup: for windows with more events than a page can read. `table` is
-- client_1h or client_1d; `key` is one of the columns below. `page` first finds the callers on the page, and computes only
-- the column that they are sorted by. The main query then computes all columns of these callers. Texts of
-- `admin/callers.py` replace the names between dollar signs: if a parameter chose between expressions, ClickHouse would
-- spend memory and time on all of them.
WITH
    callers AS
    (
        SELECT
            *,
            concat('AS', toString(c.asn)) AS network,
            if(c.bot_name = '', toString(c.bot), concat(toString(c.bot), ' · ', toString(c.bot_name))) AS bot_kind
        FROM {table:Identifier} AS c
        WHERE c.time >= {since:DateTime64(6, 'UTC')} AND $known$
    ),
    page AS
    (
        SELECT {key:Identifier} AS key, count() OVER () AS total
        FROM callers
        WHERE $among$
        GROUP BY key
        HAVING $wanted$
        ORDER BY $sort$ DESC, key
        LIMIT {limit:UInt32} OFFSET {offset:UInt32}
    )
SELECT
    replaceOne(toString({key:Identifier}), '::ffff:', '') AS key,
    $label$ AS label,
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
