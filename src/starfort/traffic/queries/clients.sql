-- Callers grouped by what they share: `by` is address, fingerprint, subject, ja4, network or bot. `sort` is requests,
-- stopped, errors, endpoints or last_seen. Numbers of different things are estimates with an error of 1.6 %
-- (`uniqCombined(12)`).
SELECT
    multiIf(
        {by:String} = 'address',
        if(startsWith(toString(e.address), '::ffff:'), substring(toString(e.address), 8), toString(e.address)),
        {by:String} = 'fingerprint', toString(e.fingerprint),
        {by:String} = 'subject', e.subject,
        {by:String} = 'ja4', toString(e.ja4),
        {by:String} = 'network', if(e.asn = 0, '', concat('AS', toString(e.asn))),
        if(e.bot_name = '', toString(e.bot), concat(toString(e.bot), ' · ', toString(e.bot_name)))
    ) AS key,
    multiIf(
        {by:String} IN ('network'), toString(anyHeavy(e.as_organization)),
        {by:String} IN ('address', 'fingerprint', 'ja4', 'subject'), anyHeavy(e.user_agent),
        ''
    ) AS label,
    if(uniqCombined(e.country) = 1, toString(any(e.country)), '') AS country,
    if(uniqCombined(e.bot) = 1, toString(any(e.bot)), 'mixed') AS bot,
    sum(e.weight) AS requests,
    sumIf(e.weight, e.action != 'allow') AS stopped,
    sumIf(e.weight, e.status >= 400) AS errors,
    uniqCombined(12)(e.address) AS addresses,
    uniqCombined(12)(e.endpoint_id) AS endpoints,
    uniqCombinedIf(12)(e.subject, e.subject != '') AS subjects,
    arrayMap(v -> toString(v), groupUniqArrayArray(8)(e.signals)) AS signals,
    min(e.time) AS first_seen,
    max(e.time) AS last_seen,
    count() OVER () AS total
FROM events AS e
WHERE e.time >= {since:DateTime64(6, 'UTC')}
GROUP BY key
HAVING key != ''
   AND ({search:String} = '' OR positionCaseInsensitiveUTF8(concat(key, ' ', label), {search:String}) > 0)
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
