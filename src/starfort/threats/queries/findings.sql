-- The codes of findings and anomalies within a window, most frequent first. For rules also the latest match.
SELECT
    pair.1 AS source, pair.2 AS code,
    sum(weight) AS events,
    uniqCombined(12)(endpoint_id) AS endpoints,
    uniqCombined(12)(address) AS addresses,
    sumIf(weight, action != 'allow') AS stopped,
    max(time) AS last_seen,
    argMaxIf(row, time, row != '') AS match,
    count() OVER () AS total
FROM
(
    SELECT
        time, weight, endpoint_id, address, action,
        arrayJoin(arrayConcat(
            arrayMap(v -> ('finding', toString(v)), findings),
            arrayMap(v -> ('anomaly', toString(v)), anomalies)
        )) AS pair,
        if(startsWith(pair.2, 'rule:'),
           arrayFirst(e -> JSONExtractUInt(e, 'rule') = toUInt64OrZero(substring(pair.2, 6)), evidence), '') AS row
    FROM events
    WHERE time >= {since:DateTime64(6, 'UTC')}
)
GROUP BY source, code
ORDER BY events DESC, source, code
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
