-- Findings and anomalies, and the latest match of a rule.
SELECT
    toStartOfHour(e.time) AS time, pair.1 AS source, pair.2 AS code,
    sum(weight) AS events,
    sumIf(weight, action != 'allow') AS stopped,
    max(e.time) AS last_seen,
    uniqCombinedState(12)(toString(endpoint_id)) AS endpoints,
    uniqCombinedState(12)(address) AS addresses,
    argMaxStateIf(row, e.time, row != '') AS match
FROM
(
    SELECT
        events.time AS time, weight, endpoint_id, address, action,
        arrayJoin(arrayConcat(
            arrayMap(v -> ('finding', toString(v)), findings),
            arrayMap(v -> ('anomaly', toString(v)), anomalies)
        )) AS pair,
        if(startsWith(pair.2, 'rule:'),
           arrayFirst(v -> JSONExtractUInt(v, 'rule') = toUInt64OrZero(substring(pair.2, 6)), evidence), '') AS row
    FROM events
    WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')}
      AND (notEmpty(findings) OR notEmpty(anomalies))
) AS e
GROUP BY time, source, code
