-- New tables of log-ins. They tell callers who succeeded here before from strangers, they do not count a stopped attempt as
-- a failure, and looking back costs the same however long the past is. Every statement can be repeated: data of `events` is
-- filled into tables that this migration has just made, or into states that a repetition does not change.

DROP TABLE IF EXISTS login_1s_view ${on_cluster} SYNC;
DROP TABLE IF EXISTS login_1m_view ${on_cluster} SYNC;
DROP TABLE IF EXISTS login_1d_view ${on_cluster} SYNC;
DROP TABLE IF EXISTS login_known_view ${on_cluster} SYNC;
DROP TABLE IF EXISTS login_1s ${on_cluster} SYNC;

-- Attempts (events with an account) by second and by every key that a campaign may share. The key type comes first in the
-- order, because a detector asks for one key type within the last minutes.
CREATE TABLE IF NOT EXISTS login_1s ${on_cluster}
(
    time              DateTime('UTC'),
    api               LowCardinality(String),
    endpoint_id       LowCardinality(String),
    key_type          LowCardinality(String),
    key               String,
    attempts          SimpleAggregateFunction(sum, UInt64),
    failures          SimpleAggregateFunction(sum, UInt64),
    successes         SimpleAggregateFunction(sum, UInt64),
    stopped           SimpleAggregateFunction(sum, UInt64),
    strange           SimpleAggregateFunction(sum, UInt64),
    probes_failed     SimpleAggregateFunction(sum, UInt64),
    probes_succeeded  SimpleAggregateFunction(sum, UInt64),
    newcomers_failed  SimpleAggregateFunction(sum, UInt64),
    addresses         AggregateFunction(uniqCombined(12), IPv6),
    accounts          AggregateFunction(uniqCombined(12), String),
    passwords         AggregateFunction(uniqCombined(12), String),
    fingerprints      AggregateFunction(uniqCombined(12), String),
    strange_addresses AggregateFunction(uniqCombined(12), IPv6),
    people            AggregateFunction(uniqCombined(12), String),
    tried             AggregateFunction(uniqCombined(12), String),
    newcomers         AggregateFunction(uniqCombined(12), String),
    regulars          AggregateFunction(uniqCombined(12), String),
    regulars_failed   AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (key_type, time, key, api, endpoint_id)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024, ${deduplication};

-- Attempts by minute and by day, only for keys that many people share. Detectors look back on them to know whose key it is.
-- The key comes first in the order, because a detector asks for a few keys.
CREATE TABLE IF NOT EXISTS login_1m ${on_cluster}
(
    time     DateTime('UTC'),
    key_type LowCardinality(String),
    key      String,
    people   AggregateFunction(uniqCombined(12), String),
    tried    AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (key_type, key, time)
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024, ${deduplication};

CREATE TABLE IF NOT EXISTS login_1d ${on_cluster}
(
    time     DateTime('UTC'),
    key_type LowCardinality(String),
    key      String,
    people   AggregateFunction(uniqCombined(12), String),
    tried    AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (key_type, key, time)
SETTINGS index_granularity = 1024, ${deduplication};

-- Callers who succeeded before, as the hashes that filters hold in memory (crates/engine/src/signals/known.rs).
CREATE TABLE IF NOT EXISTS login_known ${on_cluster}
(
    hash UInt64,
    time DateTime('UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(time)
ORDER BY hash
SETTINGS ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS login_1m_view ${on_cluster} TO login_1m AS
SELECT
    toStartOfMinute(time) AS time, key_type, key,
    uniqCombinedMergeState(12)(people) AS people,
    uniqCombinedMergeState(12)(tried) AS tried
FROM login_1s
WHERE key_type IN ('campaign', 'fingerprint', 'ja4', 'network', 'endpoint')
GROUP BY time, key_type, key;

CREATE MATERIALIZED VIEW IF NOT EXISTS login_1d_view ${on_cluster} TO login_1d AS
SELECT
    toStartOfDay(time) AS time, key_type, key,
    uniqCombinedMergeState(12)(people) AS people,
    uniqCombinedMergeState(12)(tried) AS tried
FROM login_1s
WHERE key_type IN ('campaign', 'fingerprint', 'ja4', 'network')
GROUP BY time, key_type, key;

CREATE MATERIALIZED VIEW IF NOT EXISTS login_1s_view ${on_cluster} TO login_1s AS
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, pair.1 AS key_type, pair.2 AS key,
    sum(weight) AS attempts,
    sumIf(weight, failed) AS failures,
    sumIf(weight, succeeded) AS successes,
    sumIf(weight, action != 'allow') AS stopped,
    sumIf(weight, failed AND stranger) AS strange,
    sumIf(weight, failed AND stranger AND probe) AS probes_failed,
    sumIf(weight, succeeded AND probe) AS probes_succeeded,
    sumIf(weight, failed AND newcomer) AS newcomers_failed,
    uniqCombinedState(12)(address) AS addresses,
    uniqCombinedState(12)(account_hash) AS accounts,
    uniqCombinedState(12)(password_hash) AS passwords,
    uniqCombinedState(12)(toString(fingerprint)) AS fingerprints,
    uniqCombinedStateIf(12)(address, failed AND stranger) AS strange_addresses,
    uniqCombinedStateIf(12)(account_hash, succeeded) AS people,
    uniqCombinedStateIf(12)(account_hash, succeeded OR failed AND stranger) AS tried,
    uniqCombinedStateIf(12)(account_hash, succeeded AND newcomer) AS newcomers,
    uniqCombinedStateIf(12)(account_hash, pair.1 = 'endpoint' AND succeeded AND at_home) AS regulars,
    uniqCombinedStateIf(12)(account_hash, pair.1 = 'endpoint' AND failed AND at_home) AS regulars_failed
FROM
(
    SELECT
        time, api, endpoint_id, weight, action, address, account_hash, password_hash, fingerprint,
        action = 'allow' AND status IN (400, 401, 403, 404, 422) AS failed,
        action = 'allow' AND status >= 200 AND status < 400 AS succeeded,
        has(signals, 'known:address') AS at_home,
        NOT at_home AND NOT has(signals, 'known:device') AS stranger,
        stranger AND NOT has(signals, 'known:network') AS newcomer,
        arrayExists(s -> startsWith(s, 'probe:'), signals) AS probe,
        startsWith(toString(address), '::ffff:') AS is_v4,
        if(is_v4, substring(toString(address), 8), toString(address)) AS shown,
        if(asn != 0, toString(asn), if(
            is_v4,
            concat(arrayStringConcat(arraySlice(splitByChar('.', shown), 1, 3), '.'), '.0/24'),
            concat(toString(IPv6CIDRToRange(address, 48).1), '/48'))) AS place,
        arrayJoin(arrayFilter(p -> p.2 != '', [
            ('address', shown),
            ('network', if(asn = 0, '', concat('asn:', toString(asn)))),
            ('fingerprint', toString(fingerprint)),
            ('ja4', toString(ja4)),
            ('campaign', concat(toString(fingerprint), '|', toString(ja4), '|', place)),
            ('endpoint', concat(api, '|', endpoint_id)),
            ('account', account_hash),
            ('password', password_hash),
            ('session', session_hash)])) AS pair
    FROM events
    WHERE account_hash != ''
)
GROUP BY time, api, endpoint_id, key_type, key;

CREATE MATERIALIZED VIEW IF NOT EXISTS login_known_view ${on_cluster} TO login_known AS
SELECT hash, max(at) AS time
FROM
(
    SELECT
        toDateTime(time, 'UTC') AS at,
        startsWith(toString(address), '::ffff:') AS is_v4,
        substring(toString(address), 8) AS four,
        if(is_v4, four, toString(IPv6CIDRToRange(address, 64).1)) AS home,
        if(asn != 0, concat('asn:', toString(asn)), if(
            is_v4,
            concat(arrayStringConcat(arraySlice(splitByChar('.', four), 1, 3), '.'), '.0/24'),
            concat(toString(IPv6CIDRToRange(address, 48).1), '/48'))) AS place,
        reinterpretAsUInt64(substring(SHA256(arrayJoin([
            concat('address|', account_hash, '|', home),
            concat('device|', account_hash, '|', place, '|', toString(fingerprint)),
            concat('account|', account_hash),
            concat('network|', place, '|', toString(fingerprint))])), 1, 8)) AS hash
    FROM events
    WHERE account_hash != '' AND action = 'allow' AND status >= 200 AND status < 400
)
GROUP BY hash;

-- What was stored before: who succeeded in the last month, and whose keys they were in the last week.
INSERT INTO login_known
SELECT hash, at
FROM
(
    SELECT
        toDateTime(time, 'UTC') AS at,
        startsWith(toString(address), '::ffff:') AS is_v4,
        substring(toString(address), 8) AS four,
        if(is_v4, four, toString(IPv6CIDRToRange(address, 64).1)) AS home,
        if(asn != 0, concat('asn:', toString(asn)), if(
            is_v4,
            concat(arrayStringConcat(arraySlice(splitByChar('.', four), 1, 3), '.'), '.0/24'),
            concat(toString(IPv6CIDRToRange(address, 48).1), '/48'))) AS place,
        reinterpretAsUInt64(substring(SHA256(arrayJoin([
            concat('address|', account_hash, '|', home),
            concat('device|', account_hash, '|', place, '|', toString(fingerprint)),
            concat('account|', account_hash),
            concat('network|', place, '|', toString(fingerprint))])), 1, 8)) AS hash
    FROM events
    WHERE account_hash != '' AND action = 'allow' AND status >= 200 AND status < 400 AND time > now('UTC') - INTERVAL 30 DAY
);

INSERT INTO login_1d
SELECT
    toStartOfDay(time) AS time, pair.1 AS key_type, pair.2 AS key,
    uniqCombinedStateIf(12)(account_hash, succeeded) AS people,
    uniqCombinedStateIf(12)(account_hash, succeeded OR failed) AS tried
FROM
(
    SELECT
        time, account_hash,
        status IN (400, 401, 403, 404, 422) AS failed,
        status >= 200 AND status < 400 AS succeeded,
        startsWith(toString(address), '::ffff:') AS is_v4,
        substring(toString(address), 8) AS four,
        if(asn != 0, toString(asn), if(
            is_v4,
            concat(arrayStringConcat(arraySlice(splitByChar('.', four), 1, 3), '.'), '.0/24'),
            concat(toString(IPv6CIDRToRange(address, 48).1), '/48'))) AS place,
        arrayJoin(arrayFilter(p -> p.2 != '', [
            ('network', if(asn = 0, '', concat('asn:', toString(asn)))),
            ('fingerprint', toString(fingerprint)),
            ('ja4', toString(ja4)),
            ('campaign', concat(toString(fingerprint), '|', toString(ja4), '|', place))])) AS pair
    FROM events
    WHERE account_hash != '' AND action = 'allow' AND time > now('UTC') - INTERVAL 8 DAY
)
GROUP BY time, key_type, key
SETTINGS max_bytes_before_external_group_by = 100000000;
