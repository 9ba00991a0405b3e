/*
name: scraping
kind: scraping
title: "Scraping: {requests|read|reads} of {paths|page|pages} from {addresses|address|addresses}"
description: |
  A program copies what the read endpoints give: many calls, hardly a page twice, as steady as a machine. Spread over
  addresses it is seen by the tool and network that its members share.
watches: reads (GET and HEAD), by session, address, and tool within a network
key_type: [session, address, campaign]
window: 60s
every: 5s
thresholds:
  min_requests: {default: 240, minimum: 20, description: reads within the window}
  min_paths: {default: 150, minimum: 10, description: different paths within the window}
  min_new: {default: 0.6, minimum: 0.0, maximum: 1.0, description: share of reads that asked for a path not asked for before within the window}
  min_pace: {default: 20.0, minimum: 1.0, maximum: 100000.0, description: reads of each address within the window; people behind one tool and network have fewer}
  max_unevenness: {default: 0.9, minimum: 0.0, maximum: 10.0, description: standard deviation of reads a second over their mean; people come in bursts}
severity: medium
ttl: 5m
score: |
  0.4 at the thresholds; up to 0.2 more for volume (full at four times `min_requests`), up to 0.2 more for the share of new
  paths, up to 0.2 more for steadiness (a constant pace has no unevenness).
  Good bots are left out. Reads that Starfort stopped count, so the signal holds while the scraper goes on.
*/
WITH
    readers AS
    (
        SELECT
            multiIf(grouping(session_hash) = 0, 'session', grouping(address) = 0, 'address', 'campaign') AS key_type,
            multiIf(
                key_type = 'session', session_hash,
                key_type = 'address', replaceOne(toString(address), '::ffff:', ''),
                concat(toString(fingerprint), '|', toString(ja4), '|', toString(asn))) AS key,
            count() AS requests,
            countIf(action != 'allow') AS stopped,
            uniqCombined(12)(path) AS paths,
            uniqCombined(12)(events.address) AS addresses,
            uniqCombinedIf(12)(events.session_hash, events.session_hash != '') AS sessions
        FROM events
        WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
          AND method IN ('GET', 'HEAD') AND bot != 'good'
          AND (status < 400 OR status = 404 OR action != 'allow')
        GROUP BY GROUPING SETS ((session_hash), (address), (fingerprint, ja4, asn))
        HAVING key != '' AND requests >= {min_requests:UInt32}
           AND paths >= {min_paths:UInt32} AND paths >= {min_new:Float64} * requests
           AND requests >= {min_pace:Float64} * greatest(addresses, sessions)
    ),
    pace AS
    (
        SELECT
            key_type, key,
            dateDiff('second', min(second), max(second)) + 1 AS span,
            sum(calls) / span AS mean,
            sum(calls * calls) / span - mean * mean AS variance,
            -- what chance alone makes of the same mean (Poisson: the mean itself) is not unevenness
            sqrt(greatest(0, variance - mean)) / mean AS unevenness
        FROM
        (
            SELECT key_type, key, time AS second, sum(access_1s.requests) AS calls
            FROM access_1s
            WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
              AND (key_type, key) IN (SELECT key_type, key FROM readers)
            GROUP BY key_type, key, second
        )
        GROUP BY key_type, key
        HAVING span >= 10
    )
SELECT
    key_type, key,
    0.4
        + 0.2 * least(1, (requests - {min_requests:UInt32}) / (3 * {min_requests:UInt32}))
        + 0.2 * least(1, paths / requests)
        + 0.2 * (1 - least(1, unevenness / {max_unevenness:Float64})) AS score,
    requests, stopped, paths, addresses, sessions, unevenness
FROM readers INNER JOIN pace USING (key_type, key)
WHERE unevenness <= {max_unevenness:Float64}
