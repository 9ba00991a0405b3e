/*
name: broken_contract
title: "{subject} breaks its contract: {codes}"
why: Either the contract is wrong, or callers send and get what nobody agreed to.
fix: Look at the calls, then correct the document or the API; `mode enforce` refuses such requests.
severity: [low, medium]  # medium when answers break it
every: 5m
thresholds:
  min_calls: {default: 5, minimum: 1, description: calls that break the contract within the window}
  min_addresses: {default: 2, minimum: 1, description: distinct addresses that made them}
  min_share: {default: 0.01, minimum: 0.0, description: share of the endpoint's answered calls}
*/
-- Endpoints of which calls that the upstream answered with success break the contract of the API. What the upstream refuses
-- by itself is no news: somebody tries what the API does not take, and does not get it.
WITH broken AS
(
    SELECT
        toString(e.api) AS api, toString(e.endpoint_id) AS endpoint_id,
        concat(any(e.method), ' ', any(toString(e.template))) AS subject,
        countIf(notEmpty(e.contract)) AS calls, count() AS all_calls,
        uniqCombinedIf(12)(e.address, notEmpty(e.contract)) AS addresses,
        minIf(e.time, notEmpty(e.contract)) AS first, maxIf(e.time, notEmpty(e.contract)) AS last,
        countIf(arrayExists(v -> startsWith(v, 'response:'), e.contract)) AS answers,
        groupUniqArrayArray(200)(arrayMap(v -> arrayStringConcat(arraySlice(splitByChar(':', v), 1, 2), ':'), e.contract)) AS codes
    FROM endpoint_events AS e
    WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
      AND e.endpoint_id != '' AND e.upstream != '' AND e.status BETWEEN 200 AND 399
    GROUP BY api, endpoint_id
)
SELECT
    api, endpoint_id, subject,
    if(answers > 0, 'medium', 'low') AS severity,
    first AS first_seen, last AS last_seen,
    arraySlice(arraySort(broken.codes), 1, 10) AS codes,
    calls, addresses, all_calls AS calls_compared
FROM broken
WHERE calls >= {min_calls:UInt32} AND addresses >= {min_addresses:UInt32} AND calls >= {min_share:Float64} * all_calls
ORDER BY calls DESC, api, endpoint_id
LIMIT {limit:UInt32}
