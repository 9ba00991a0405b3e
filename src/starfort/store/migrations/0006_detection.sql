-- The tables that detectors read. `access_1s` had four rows with two states for each caller and second: filling it took
-- half of the CPU of an insert, and reading a minute of it took as long as reading the events' columns. Now detectors read
-- the few columns that they need and keep only busy callers. `access_1s` stays readable as a view of `events`.
DROP VIEW IF EXISTS access_1s_view ${on_cluster};

DROP TABLE IF EXISTS access_1s ${on_cluster};

CREATE VIEW access_1s ${on_cluster} AS
SELECT
    toStartOfSecond(events.time) AS time, api, endpoint_id, pair.1 AS key_type, pair.2 AS key,
    sum(weight) AS requests,
    sumIf(weight, status >= 400) AS failures,
    sumIf(weight, status IN (401, 403)) AS denied,
    sumIf(weight, status = 404) AS not_found,
    sumIf(weight, action != 'allow') AS stopped,
    sum(events.response_bytes * weight) AS response_bytes,
    sum(sensitive_response_count * weight) AS sensitive,
    uniqCombinedStateIf(12)(object_hash, object_hash != '') AS objects,
    uniqCombinedState(12)(address) AS addresses
FROM events
ARRAY JOIN arrayFilter(p -> p.2 != '', [
    ('address', replaceOne(toString(address), '::ffff:', '')),
    ('subject', subject_hash),
    ('session', session_hash),
    ('campaign', concat(toString(fingerprint), '|', toString(ja4), '|', toString(asn)))]) AS pair
GROUP BY time, api, endpoint_id, key_type, key;

-- Calls that matched severe rules, by second and caller: the verified subject, else the address. Two kinds of matches do not
-- count: text that people write about attacks (`weighed`), and matches of rules that only add up scores, which name no
-- parameter.
CREATE TABLE IF NOT EXISTS matches_1s ${on_cluster}
(
    time      DateTime('UTC'),
    key_type  LowCardinality(String),
    key       String,
    requests  SimpleAggregateFunction(sum, UInt64),
    stopped   SimpleAggregateFunction(sum, UInt64),
    answered  SimpleAggregateFunction(sum, UInt64),
    endpoints AggregateFunction(uniqCombined(12), String),
    kinds     AggregateFunction(uniqCombinedArray(12), Array(UInt64)),
    matches   AggregateFunction(topKArray(8), Array(String))
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (time, key_type, key)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};

DROP VIEW IF EXISTS matches_1s_view ${on_cluster};

TRUNCATE TABLE matches_1s ${on_cluster};

-- The past is filled in for backtests. The view below adds new events.
INSERT INTO matches_1s
SELECT
    toStartOfSecond(events.time) AS time,
    if(subject_hash != '', 'subject', 'address') AS key_type,
    if(subject_hash != '', subject_hash, replaceOne(toString(address), '::ffff:', '')) AS key,
    toUInt64(weight) AS requests,
    toUInt64(if(action != 'allow', weight, 0)) AS stopped,
    toUInt64(if(action = 'allow' AND status < 400, weight, 0)) AS answered,
    initializeAggregation('uniqCombinedState(12)', toString(endpoint_id)) AS endpoints,
    initializeAggregation('uniqCombinedArrayState(12)', arrayMap(m -> cityHash64(m.rule, m.variable), severe)) AS kinds,
    initializeAggregation('topKArrayState(8)', arrayMap(m -> concat(toString(m.rule), ' ', m.message, if(m.message = '', 'at ', ' at '), m.variable, ': ', m.value), severe)) AS matches
FROM
(
    SELECT
        *,
        arrayFilter(
            m -> m.severity IN ('emergency', 'alert', 'critical') AND m.variable != '',
            arrayMap(
                row -> JSONExtract(row, 'Tuple(rule UInt64, message String, severity String, variable String, value String)'),
                arrayFilter(row -> NOT JSONExtractBool(row, 'weighed'), evidence))) AS severe
    FROM events
    WHERE notEmpty(evidence)
) AS events
WHERE notEmpty(severe)
-- There is a row for each call: adding up a month of a busy store would take more memory than a start may use.
SETTINGS max_threads = 1, max_block_size = 8192, min_insert_block_size_rows = 20000, min_insert_block_size_bytes = 32000000;

CREATE MATERIALIZED VIEW matches_1s_view ${on_cluster} TO matches_1s AS
SELECT
    toStartOfSecond(events.time) AS time,
    if(subject_hash != '', 'subject', 'address') AS key_type,
    if(subject_hash != '', subject_hash, replaceOne(toString(address), '::ffff:', '')) AS key,
    sum(weight) AS requests,
    sumIf(weight, action != 'allow') AS stopped,
    sumIf(weight, action = 'allow' AND status < 400) AS answered,
    uniqCombinedState(12)(toString(endpoint_id)) AS endpoints,
    uniqCombinedArrayState(12)(arrayMap(m -> cityHash64(m.rule, m.variable), severe)) AS kinds,
    topKArrayState(8)(arrayMap(m -> concat(toString(m.rule), ' ', m.message, if(m.message = '', 'at ', ' at '), m.variable, ': ', m.value), severe)) AS matches
FROM
(
    SELECT
        *,
        arrayFilter(
            m -> m.severity IN ('emergency', 'alert', 'critical') AND m.variable != '',
            arrayMap(
                row -> JSONExtract(row, 'Tuple(rule UInt64, message String, severity String, variable String, value String)'),
                arrayFilter(row -> NOT JSONExtractBool(row, 'weighed'), evidence))) AS severe
    FROM events
    WHERE notEmpty(evidence)
) AS events
WHERE notEmpty(severe)
GROUP BY time, key_type, key;
