-- Two changes. Views count calls and not rows, because a row of `events` stands for `weight` calls. And pages that look
-- far back get rollups. Views do not fill these, because each further view makes a small insert 15 ms slower:
-- `store/rollups` fills them once a minute.

ALTER TABLE traffic_1s_view ${on_cluster} MODIFY QUERY
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, method, status, action, policy,
    sum(weight) AS requests,
    sum(request_bytes * weight) AS request_bytes,
    sum(response_bytes * weight) AS response_bytes,
    quantileTDigestState(duration_us) AS duration_us,
    quantileTDigestState(engine_us) AS engine_us,
    uniqCombinedState(12)(address) AS addresses
FROM events
GROUP BY time, api, endpoint_id, method, status, action, policy;

ALTER TABLE traffic_1m_view ${on_cluster} MODIFY QUERY
SELECT
    toStartOfMinute(time) AS time, api, endpoint_id, method, status, action, policy,
    sum(weight) AS requests,
    sum(request_bytes * weight) AS request_bytes,
    sum(response_bytes * weight) AS response_bytes,
    quantileTDigestState(duration_us) AS duration_us,
    quantileTDigestState(engine_us) AS engine_us,
    uniqCombinedState(12)(address) AS addresses
FROM events
GROUP BY time, api, endpoint_id, method, status, action, policy;

ALTER TABLE login_1s_view ${on_cluster} MODIFY QUERY
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, pair.1 AS key_type, pair.2 AS key,
    sum(weight) AS attempts,
    sumIf(weight, action = 'allow' AND status IN (400, 401, 403, 422)) AS failures,
    sumIf(weight, action = 'allow' AND status >= 200 AND status < 400) AS successes,
    sumIf(weight, action != 'allow') AS stopped,
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

ALTER TABLE access_1s_view ${on_cluster} MODIFY QUERY
SELECT
    toStartOfSecond(time) AS time, api, endpoint_id, pair.1 AS key_type, pair.2 AS key,
    sum(weight) AS requests,
    sumIf(weight, status >= 400) AS failures,
    sumIf(weight, status IN (401, 403)) AS denied,
    sumIf(weight, status = 404) AS not_found,
    sumIf(weight, action != 'allow') AS stopped,
    sum(response_bytes * weight) AS response_bytes,
    sum(sensitive_response_count * weight) AS sensitive,
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

-- Traffic of each API by minute and by hour: one digest where `traffic_1m` has one for every kind of call.
CREATE TABLE IF NOT EXISTS traffic_api_1m ${on_cluster}
(
    time           DateTime('UTC') CODEC(DoubleDelta, LZ4),
    api            LowCardinality(String),
    requests       SimpleAggregateFunction(sum, UInt64),
    allowed        SimpleAggregateFunction(sum, UInt64),
    blocked        SimpleAggregateFunction(sum, UInt64),
    limited        SimpleAggregateFunction(sum, UInt64),
    diverted       SimpleAggregateFunction(sum, UInt64),
    deceived       SimpleAggregateFunction(sum, UInt64),
    client_errors  SimpleAggregateFunction(sum, UInt64),
    server_errors  SimpleAggregateFunction(sum, UInt64),
    request_bytes  SimpleAggregateFunction(sum, UInt64),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    duration_us    AggregateFunction(quantileTDigest, UInt32),
    engine_us      AggregateFunction(quantileTDigest, UInt32),
    addresses      AggregateFunction(uniqCombined(12), IPv6)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toMonday(time)
ORDER BY (time, api)
SETTINGS ${deduplication};

CREATE TABLE IF NOT EXISTS traffic_api_1h ${on_cluster} AS traffic_api_1m;

-- Traffic of each endpoint by hour. The endpoint comes first in the order, because pages ask for a single endpoint.
CREATE TABLE IF NOT EXISTS traffic_endpoint_1h ${on_cluster}
(
    time           DateTime('UTC') CODEC(DoubleDelta, LZ4),
    api            LowCardinality(String),
    endpoint_id    LowCardinality(String),
    requests       SimpleAggregateFunction(sum, UInt64),
    allowed        SimpleAggregateFunction(sum, UInt64),
    blocked        SimpleAggregateFunction(sum, UInt64),
    limited        SimpleAggregateFunction(sum, UInt64),
    diverted       SimpleAggregateFunction(sum, UInt64),
    deceived       SimpleAggregateFunction(sum, UInt64),
    client_errors  SimpleAggregateFunction(sum, UInt64),
    server_errors  SimpleAggregateFunction(sum, UInt64),
    request_bytes  SimpleAggregateFunction(sum, UInt64),
    response_bytes SimpleAggregateFunction(sum, UInt64),
    duration_us    AggregateFunction(quantileTDigest, UInt32),
    engine_us      AggregateFunction(quantileTDigest, UInt32),
    addresses      AggregateFunction(uniqCombined(12), IPv6)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toMonday(time)
ORDER BY (api, endpoint_id, time)
SETTINGS ${deduplication};

-- Hits of policies by five minutes and by hour, and what they concern. `mode` is enforced or observed.
CREATE TABLE IF NOT EXISTS policy_5m ${on_cluster}
(
    time      DateTime('UTC') CODEC(DoubleDelta, LZ4),
    policy    LowCardinality(String),
    mode      LowCardinality(String),
    method    LowCardinality(String),
    template  LowCardinality(String),
    hits      SimpleAggregateFunction(sum, UInt64),
    succeeded SimpleAggregateFunction(sum, UInt64),
    last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    addresses AggregateFunction(uniqCombined(12), IPv6),
    subjects  AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toMonday(time)
ORDER BY (policy, time, mode, method, template)
SETTINGS ${deduplication};

CREATE TABLE IF NOT EXISTS policy_1h ${on_cluster} AS policy_5m;

-- Findings and anomalies by hour, and the latest match of a rule.
CREATE TABLE IF NOT EXISTS finding_1h ${on_cluster}
(
    time      DateTime('UTC') CODEC(DoubleDelta, LZ4),
    source    LowCardinality(String),
    code      LowCardinality(String),
    events    SimpleAggregateFunction(sum, UInt64),
    stopped   SimpleAggregateFunction(sum, UInt64),
    last_seen SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    endpoints AggregateFunction(uniqCombined(12), String),
    addresses AggregateFunction(uniqCombined(12), IPv6),
    match     AggregateFunction(argMax, String, DateTime64(6, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toMonday(time)
ORDER BY (time, source, code)
SETTINGS ${deduplication};

-- Shapes of calls by hour and endpoint: all calls with the same parameters, status, types and findings are one row. `shape`
-- is a hash of these.
CREATE TABLE IF NOT EXISTS shape_1h ${on_cluster}
(
    time                  DateTime('UTC') CODEC(DoubleDelta, LZ4),
    api                   LowCardinality(String),
    endpoint_id           LowCardinality(String),
    shape                 UInt64,
    requests              SimpleAggregateFunction(sum, UInt64),
    answered              SimpleAggregateFunction(any, Bool),
    status                SimpleAggregateFunction(any, UInt16),
    content_type          SimpleAggregateFunction(any, LowCardinality(String)),
    response_content_type SimpleAggregateFunction(any, LowCardinality(String)),
    identity_error        SimpleAggregateFunction(any, LowCardinality(String)),
    parameters            SimpleAggregateFunction(any, Array(String)),
    auth_seen             SimpleAggregateFunction(any, Array(String)),
    sensitive_request     SimpleAggregateFunction(any, Array(String)),
    sensitive_response    SimpleAggregateFunction(any, Array(String)),
    findings              SimpleAggregateFunction(any, Array(String))
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toMonday(time)
ORDER BY (api, endpoint_id, time, shape)
SETTINGS ${deduplication};

-- Callers by hour (kept for two days) and by day. They are kept no longer than events, because they name people. At 30,000
-- events an hour, two of three events have a row of their own by hour, and one of ten by day.
CREATE TABLE IF NOT EXISTS client_1h ${on_cluster}
(
    time            DateTime('UTC') CODEC(DoubleDelta, LZ4),
    address         IPv6,
    subject         String,
    fingerprint     LowCardinality(String),
    ja4             LowCardinality(String),
    bot             LowCardinality(String),
    bot_name        LowCardinality(String),
    requests        SimpleAggregateFunction(sum, UInt64),
    stopped         SimpleAggregateFunction(sum, UInt64),
    errors          SimpleAggregateFunction(sum, UInt64),
    first_seen      SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen       SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    asn             SimpleAggregateFunction(any, UInt32),
    as_organization SimpleAggregateFunction(any, LowCardinality(String)),
    country         SimpleAggregateFunction(any, LowCardinality(String)),
    user_agent      SimpleAggregateFunction(any, String),
    signals         SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    endpoints       AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (time, address, subject, fingerprint, ja4, bot, bot_name)
-- A page asks for fifty callers of each day. With ClickHouse's usual 8192 rows in a granule, it would read all rows.
SETTINGS index_granularity = 512, ${deduplication};

CREATE TABLE IF NOT EXISTS client_1d ${on_cluster} AS client_1h;

-- Calls by day and by what many callers share: `kind` is fingerprint, ja4, network or bot.
CREATE TABLE IF NOT EXISTS client_kind_1d ${on_cluster}
(
    time             DateTime('UTC') CODEC(DoubleDelta, LZ4),
    kind             LowCardinality(String),
    key              String,
    requests         SimpleAggregateFunction(sum, UInt64),
    stopped          SimpleAggregateFunction(sum, UInt64),
    errors           SimpleAggregateFunction(sum, UInt64),
    first_seen       SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_seen        SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    label            SimpleAggregateFunction(any, String),
    least_country    SimpleAggregateFunction(min, String),
    greatest_country SimpleAggregateFunction(max, String),
    least_bot        SimpleAggregateFunction(min, String),
    greatest_bot     SimpleAggregateFunction(max, String),
    signals          SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    endpoints        AggregateFunction(uniqCombined(12), String),
    addresses        AggregateFunction(uniqCombined(12), IPv6),
    subjects         AggregateFunction(uniqCombined(12), String)
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toDate(time)
ORDER BY (kind, time, key)
SETTINGS ${deduplication};

-- The progress of the store's own upkeep (`store/upkeep.py`). Of the rows with one name, the latest `version` counts.
CREATE TABLE IF NOT EXISTS upkeep ${on_cluster}
(
    name    String,
    since   DateTime64(6, 'UTC'),
    until   DateTime64(6, 'UTC'),
    done    Bool,
    note    String,
    version DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY name;

-- The time whose events are gone: only `traffic_1m` has sums of it, and the rollups are filled from these.
INSERT INTO upkeep (name, since, until, done)
SELECT
    'history',
    (SELECT if(count() = 0, toDateTime64(0, 6, 'UTC'), toDateTime64(min(time), 6, 'UTC')) FROM traffic_1m),
    (
        SELECT if(
            count() = 0,
            (SELECT if(count() = 0, toDateTime64(0, 6, 'UTC'), toDateTime64(max(time), 6, 'UTC') + INTERVAL 1 MINUTE) FROM traffic_1m),
            toDateTime64(toStartOfHour(min(time)), 6, 'UTC'))
        FROM events
    ),
    true;
