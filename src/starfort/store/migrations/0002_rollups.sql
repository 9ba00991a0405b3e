-- Rollups: what detectors and pages read instead of raw events. States of uniqCombined(12) are at most 3 KB
-- (standard error 1.6 %, exact for small sets). `key_type` and `key` are those of the signals, see
-- docs/design/interfaces.md; addresses are text, IPv4 without the ::ffff: prefix.

-- Traffic by second, for the overview and for rates.
CREATE TABLE IF NOT EXISTS traffic_1s ${on_cluster}
(
    time           DateTime('UTC'),
    api            LowCardinality(String),
    endpoint_id    LowCardinality(String),
    method         LowCardinality(String),
    status         UInt16,
    action         LowCardinality(String),
    policy         LowCardinality(String),
    requests       SimpleAggregateFunction(sum, UInt64),
    request_bytes  SimpleAggregateFunction(sum, UInt64),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    duration_us    AggregateFunction(quantileTDigest, UInt32),
    engine_us      AggregateFunction(quantileTDigest, UInt32),
    addresses      AggregateFunction(uniqCombined(12), IPv6)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (time, api, endpoint_id, method, status, action, policy)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS traffic_1s_view ${on_cluster} TO traffic_1s AS
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, method, status, action, policy,
    count() AS requests,
    sum(request_bytes) AS request_bytes,
    sum(response_bytes) AS response_bytes,
    quantileTDigestState(duration_us) AS duration_us,
    quantileTDigestState(engine_us) AS engine_us,
    uniqCombinedState(12)(address) AS addresses
FROM events
GROUP BY time, api, endpoint_id, method, status, action, policy;

-- Traffic by minute, kept as long as `retention.rollups` says.
CREATE TABLE IF NOT EXISTS traffic_1m ${on_cluster}
(
    time           DateTime('UTC'),
    api            LowCardinality(String),
    endpoint_id    LowCardinality(String),
    method         LowCardinality(String),
    status         UInt16,
    action         LowCardinality(String),
    policy         LowCardinality(String),
    requests       SimpleAggregateFunction(sum, UInt64),
    request_bytes  SimpleAggregateFunction(sum, UInt64),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    duration_us    AggregateFunction(quantileTDigest, UInt32),
    engine_us      AggregateFunction(quantileTDigest, UInt32),
    addresses      AggregateFunction(uniqCombined(12), IPv6)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, api, endpoint_id, method, status, action, policy)
SETTINGS ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS traffic_1m_view ${on_cluster} TO traffic_1m AS
SELECT
    toStartOfMinute(time) AS time, api, endpoint_id, method, status, action, policy,
    count() AS requests,
    sum(request_bytes) AS request_bytes,
    sum(response_bytes) AS response_bytes,
    quantileTDigestState(duration_us) AS duration_us,
    quantileTDigestState(engine_us) AS engine_us,
    uniqCombinedState(12)(address) AS addresses
FROM events
GROUP BY time, api, endpoint_id, method, status, action, policy;

-- Login attempts (events with an account name) by second and by every key that a campaign may share.
CREATE TABLE IF NOT EXISTS login_1s ${on_cluster}
(
    time         DateTime('UTC'),
    api          LowCardinality(String),
    endpoint_id  LowCardinality(String),
    key_type     LowCardinality(String),
    key          String,
    attempts     SimpleAggregateFunction(sum, UInt64),
    failures     SimpleAggregateFunction(sum, UInt64),
    successes    SimpleAggregateFunction(sum, UInt64),
    stopped      SimpleAggregateFunction(sum, UInt64),
    addresses    AggregateFunction(uniqCombined(12), IPv6),
    accounts     AggregateFunction(uniqCombined(12), String),
    passwords    AggregateFunction(uniqCombined(12), String),
    fingerprints AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (time, key_type, key, api, endpoint_id)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS login_1s_view ${on_cluster} TO login_1s AS
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, pair.1 AS key_type, pair.2 AS key,
    count() AS attempts,
    countIf(action = 'allow' AND status IN (400, 401, 403, 422)) AS failures,
    countIf(action = 'allow' AND status >= 200 AND status < 400) AS successes,
    countIf(action != 'allow') AS stopped,
    uniqCombinedState(12)(address) AS addresses,
    uniqCombinedState(12)(account_hash) AS accounts,
    uniqCombinedState(12)(password_hash) AS passwords,
    uniqCombinedState(12)(toString(fingerprint)) AS fingerprints
FROM
(
    SELECT
        *,
        arrayJoin(arrayFilter(p -> p.2 != '', [
            ('address', if(startsWith(toString(address), '::ffff:'), substring(toString(address), 8), toString(address))),
            ('network', if(asn = 0, '', concat('asn:', toString(asn)))),
            ('fingerprint', toString(fingerprint)),
            ('ja4', toString(ja4)),
            ('campaign', concat(toString(fingerprint), '|', toString(ja4), '|', toString(asn))),
            ('account', account_hash),
            ('password', password_hash),
            ('session', session_hash)])) AS pair
    FROM events
    WHERE account_hash != ''
)
GROUP BY time, api, endpoint_id, key_type, key;

-- Calls of endpoints by second and by who called: for enumeration, scraping and the clients' pages.
CREATE TABLE IF NOT EXISTS access_1s ${on_cluster}
(
    time           DateTime('UTC'),
    api            LowCardinality(String),
    endpoint_id    LowCardinality(String),
    key_type       LowCardinality(String),
    key            String,
    requests       SimpleAggregateFunction(sum, UInt64),
    failures       SimpleAggregateFunction(sum, UInt64),
    denied         SimpleAggregateFunction(sum, UInt64),
    not_found      SimpleAggregateFunction(sum, UInt64),
    stopped        SimpleAggregateFunction(sum, UInt64),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    sensitive      SimpleAggregateFunction(sum, UInt64),
    objects        AggregateFunction(uniqCombined(12), String),
    addresses      AggregateFunction(uniqCombined(12), IPv6)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (time, key_type, key, api, endpoint_id)
SETTINGS ttl_only_drop_parts = 1, ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS access_1s_view ${on_cluster} TO access_1s AS
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, pair.1 AS key_type, pair.2 AS key,
    count() AS requests,
    countIf(status >= 400) AS failures,
    countIf(status IN (401, 403)) AS denied,
    countIf(status = 404) AS not_found,
    countIf(action != 'allow') AS stopped,
    sum(response_bytes) AS response_bytes,
    sum(sensitive_response_count) AS sensitive,
    uniqCombinedStateIf(12)(object_hash, object_hash != '') AS objects,
    uniqCombinedState(12)(address) AS addresses
FROM
(
    SELECT
        *,
        arrayJoin(arrayFilter(p -> p.2 != '', [
            ('address', if(startsWith(toString(address), '::ffff:'), substring(toString(address), 8), toString(address))),
            ('subject', subject_hash),
            ('session', session_hash),
            ('campaign', concat(toString(fingerprint), '|', toString(ja4), '|', toString(asn)))])) AS pair
    FROM events
)
GROUP BY time, api, endpoint_id, key_type, key;
