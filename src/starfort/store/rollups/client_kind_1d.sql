-- Calls by day and by what many callers share: fingerprint, JA4, network, kind of bot. The least and greatest country say
-- whether all callers have the same one, and cost less than a set of countries.
SELECT
    toDateTime(toStartOfDay(e.time, 'UTC'), 'UTC') AS time,
    multiIf(
        grouping(fingerprint) = 0, 'fingerprint', grouping(ja4) = 0, 'ja4', grouping(asn) = 0, 'network', 'bot') AS kind,
    multiIf(
        kind = 'fingerprint', toString(fingerprint),
        kind = 'ja4', toString(ja4),
        kind = 'network', if(asn = 0, '', concat('AS', toString(asn))),
        bot_name = '', toString(bot),
        concat(toString(bot), ' · ', toString(bot_name))) AS key,
    sum(weight) AS requests,
    sumIf(weight, action != 'allow') AS stopped,
    sumIf(weight, status >= 400) AS errors,
    min(e.time) AS first_seen,
    max(e.time) AS last_seen,
    if(kind = 'network', toString(any(e.as_organization)), any(e.user_agent)) AS label,
    min(e.country) AS least_country,
    max(e.country) AS greatest_country,
    min(e.bot) AS least_bot,
    max(e.bot) AS greatest_bot,
    groupUniqArrayArray(e.signals) AS signals,
    uniqCombinedState(12)(toString(endpoint_id)) AS endpoints,
    uniqCombinedState(12)(address) AS addresses,
    uniqCombinedStateIf(12)(subject, subject != '') AS subjects
FROM events AS e
WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')}
GROUP BY GROUPING SETS ((time, fingerprint), (time, ja4), (time, asn), (time, bot, bot_name))
HAVING key != ''
