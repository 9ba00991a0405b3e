-- Rollups of traffic count by action in a map, where they had a column for each: a new action then needs no migration.
-- The old columns are taken over by a mutation, which reads and writes part by part, so that months of a busy store need no
-- more memory than a day.
--
-- Killed anywhere, the whole file is run again. So the old columns are first put back where they are gone already: they are
-- empty then, and no row is left whose map is empty and whose columns are not.
--
-- `Map(String, …)` and not `LowCardinality(String)`: `sumMap` gives back plain strings, and a column of a
-- `SimpleAggregateFunction` has to have just the type that its function gives back.

ALTER TABLE traffic_api_1m ${on_cluster}
    ADD COLUMN IF NOT EXISTS decisions SimpleAggregateFunction(sumMap, Map(String, UInt64)) AFTER requests,
    ADD COLUMN IF NOT EXISTS allowed SimpleAggregateFunction(sum, UInt64) AFTER decisions,
    ADD COLUMN IF NOT EXISTS blocked SimpleAggregateFunction(sum, UInt64) AFTER allowed,
    ADD COLUMN IF NOT EXISTS limited SimpleAggregateFunction(sum, UInt64) AFTER blocked,
    ADD COLUMN IF NOT EXISTS diverted SimpleAggregateFunction(sum, UInt64) AFTER limited,
    ADD COLUMN IF NOT EXISTS deceived SimpleAggregateFunction(sum, UInt64) AFTER diverted;

ALTER TABLE traffic_api_1m ${on_cluster} UPDATE
    decisions = mapFilter(
        (action, requests) -> requests > 0,
        map('allow', allowed, 'block', blocked, 'limit', limited, 'divert', diverted, 'deceive', deceived))
WHERE empty(decisions)
SETTINGS mutations_sync = 2;

ALTER TABLE traffic_api_1m ${on_cluster}
    DROP COLUMN IF EXISTS allowed,
    DROP COLUMN IF EXISTS blocked,
    DROP COLUMN IF EXISTS limited,
    DROP COLUMN IF EXISTS diverted,
    DROP COLUMN IF EXISTS deceived;

ALTER TABLE traffic_api_1h ${on_cluster}
    ADD COLUMN IF NOT EXISTS decisions SimpleAggregateFunction(sumMap, Map(String, UInt64)) AFTER requests,
    ADD COLUMN IF NOT EXISTS allowed SimpleAggregateFunction(sum, UInt64) AFTER decisions,
    ADD COLUMN IF NOT EXISTS blocked SimpleAggregateFunction(sum, UInt64) AFTER allowed,
    ADD COLUMN IF NOT EXISTS limited SimpleAggregateFunction(sum, UInt64) AFTER blocked,
    ADD COLUMN IF NOT EXISTS diverted SimpleAggregateFunction(sum, UInt64) AFTER limited,
    ADD COLUMN IF NOT EXISTS deceived SimpleAggregateFunction(sum, UInt64) AFTER diverted;

ALTER TABLE traffic_api_1h ${on_cluster} UPDATE
    decisions = mapFilter(
        (action, requests) -> requests > 0,
        map('allow', allowed, 'block', blocked, 'limit', limited, 'divert', diverted, 'deceive', deceived))
WHERE empty(decisions)
SETTINGS mutations_sync = 2;

ALTER TABLE traffic_api_1h ${on_cluster}
    DROP COLUMN IF EXISTS allowed,
    DROP COLUMN IF EXISTS blocked,
    DROP COLUMN IF EXISTS limited,
    DROP COLUMN IF EXISTS diverted,
    DROP COLUMN IF EXISTS deceived;

ALTER TABLE traffic_endpoint_1h ${on_cluster}
    ADD COLUMN IF NOT EXISTS decisions SimpleAggregateFunction(sumMap, Map(String, UInt64)) AFTER requests,
    ADD COLUMN IF NOT EXISTS allowed SimpleAggregateFunction(sum, UInt64) AFTER decisions,
    ADD COLUMN IF NOT EXISTS blocked SimpleAggregateFunction(sum, UInt64) AFTER allowed,
    ADD COLUMN IF NOT EXISTS limited SimpleAggregateFunction(sum, UInt64) AFTER blocked,
    ADD COLUMN IF NOT EXISTS diverted SimpleAggregateFunction(sum, UInt64) AFTER limited,
    ADD COLUMN IF NOT EXISTS deceived SimpleAggregateFunction(sum, UInt64) AFTER diverted;

ALTER TABLE traffic_endpoint_1h ${on_cluster} UPDATE
    decisions = mapFilter(
        (action, requests) -> requests > 0,
        map('allow', allowed, 'block', blocked, 'limit', limited, 'divert', diverted, 'deceive', deceived))
WHERE empty(decisions)
SETTINGS mutations_sync = 2;

ALTER TABLE traffic_endpoint_1h ${on_cluster}
    DROP COLUMN IF EXISTS allowed,
    DROP COLUMN IF EXISTS blocked,
    DROP COLUMN IF EXISTS limited,
    DROP COLUMN IF EXISTS diverted,
    DROP COLUMN IF EXISTS deceived;
