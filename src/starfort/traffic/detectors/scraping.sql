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
probe: 0  # what it judges does not depend on what the API answers
spare_known: false
severity: medium
ttl: 5m
score: |
  0.4 at the thresholds; up to 0.2 more for volume (full at four times `min_requests`), up to 0.2 more for the share of new
  paths, up to 0.2 more for steadiness (a constant pace has no unevenness).
  Good bots are left out. Reads that Starfort stopped count, so the signal holds while the scraper goes on.
gate: |
  SELECT toUInt64(greatest(of_session, of_address)) AS hash
  FROM
  (
      SELECT
          if(session_hash = '', 0, greatest(1, toUInt16(cityHash64(session_hash)))) AS of_session,
          greatest(1, toUInt16(cityHash64(address))) AS of_address,
          weight
      FROM events
      WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
        AND method IN ('GET', 'HEAD') AND bot != 'good'
        AND (status < 400 OR status = 404 OR action != 'allow')
  )
  GROUP BY GROUPING SETS ((of_session), (of_address))
  HAVING hash != 0 AND sum(weight) >= {min_requests:UInt32} AND hash % {slots:UInt32} = {slot:UInt32}
  LIMIT 1
  UNION ALL
  SELECT cityHash64(fingerprint, ja4, asn) AS hash
  FROM events
  WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
    AND method IN ('GET', 'HEAD') AND bot != 'good'
    AND (status < 400 OR status = 404 OR action != 'allow')
    AND cityHash64(fingerprint, ja4, asn) % {slots:UInt32} = {slot:UInt32}
  GROUP BY hash
  HAVING sum(weight) >= {min_requests:UInt32} AND sum(weight) >= 0.9 * {min_pace:Float64} * uniqCombined(12)(address)
     AND uniqCombined(12)(path) >= 0.9 * {min_new:Float64} * count()
  LIMIT 1
*/
WITH
    -- Callers that may be scrapers. This step leaves out most callers at little cost. It counts sessions and addresses by
    -- 16 bits of a hash, because counting by such a small number needs no hash table. Several callers may share a hash: then
    -- too many callers pass this step, but never too few. The hash 0 means "no session". Tools within a network are few, but
    -- many people share one, so this step already counts their addresses and different pages. Its thresholds are a tenth
    -- lower, because the counts have an error of 1.6 %.
    busy AS MATERIALIZED
    (
        SELECT
            if(grouping(of_session) = 0, 'session', 'address') AS kind,
            toUInt64(if(kind = 'session', of_session, of_address)) AS hash
        FROM
        (
            SELECT
                if(session_hash = '', 0, greatest(1, toUInt16(cityHash64(session_hash)))) AS of_session,
                greatest(1, toUInt16(cityHash64(address))) AS of_address,
                weight
            FROM events
            WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
              AND method IN ('GET', 'HEAD') AND bot != 'good'
              AND (status < 400 OR status = 404 OR action != 'allow')
        )
        GROUP BY GROUPING SETS ((of_session), (of_address))
        HAVING hash != 0 AND sum(weight) >= {min_requests:UInt32} AND hash % {slots:UInt32} = {slot:UInt32}
        UNION ALL
        SELECT 'campaign' AS kind, hash
        FROM
        (
            SELECT
                cityHash64(fingerprint, ja4, asn) AS hash,
                sum(weight) AS requests,
                count() AS known,
                uniqCombined(12)(address) AS addresses
            FROM events
            WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
              AND method IN ('GET', 'HEAD') AND bot != 'good'
              AND (status < 400 OR status = 404 OR action != 'allow')
              AND cityHash64(fingerprint, ja4, asn) % {slots:UInt32} = {slot:UInt32}
            GROUP BY hash
            HAVING requests >= {min_requests:UInt32} AND requests >= 0.9 * {min_pace:Float64} * addresses
               AND uniqCombined(12)(path) >= 0.9 * {min_new:Float64} * known
        )
    ),
    counted AS
    (
        SELECT
            multiIf(grouping(session_hash) = 0, 'session', grouping(address) = 0, 'address', 'campaign') AS key_type,
            multiIf(
                key_type = 'session', session_hash,
                key_type = 'address', replaceOne(toString(address), '::ffff:', ''),
                concat(toString(fingerprint), '|', toString(ja4), '|', toString(asn))) AS key,
            sum(weight) AS requests,
            sumIf(weight, action != 'allow') AS stopped,
            count() AS known,
            uniqCombined(12)(path) AS known_paths,
            uniqCombined(12)(events.address) AS addresses,
            uniqCombinedIf(12)(events.session_hash, events.session_hash != '') AS sessions,
            -- A row that stands for several calls has the path of one of them. Where hardly any known path comes twice, the
            -- unknown paths are assumed to be new in the same proportion.
            if(known_paths >= 0.9 * known AND known >= {min_paths:UInt32} / 2, toUInt64(known_paths * requests / known), known_paths) AS paths,
            sumMap([toUnixTimestamp(time)], [toUInt64(weight)]) AS seconds
        FROM events
        WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')}
          AND method IN ('GET', 'HEAD') AND bot != 'good'
          AND (status < 400 OR status = 404 OR action != 'allow')
          AND (greatest(1, toUInt16(cityHash64(address))) IN (SELECT hash FROM busy WHERE kind = 'address')
               OR (session_hash != '' AND greatest(1, toUInt16(cityHash64(session_hash))) IN (SELECT hash FROM busy WHERE kind = 'session'))
               OR cityHash64(fingerprint, ja4, asn) IN (SELECT hash FROM busy WHERE kind = 'campaign'))
        GROUP BY GROUPING SETS ((session_hash), (address), (fingerprint, ja4, asn))
        -- The WHERE above lets a call in when any of its three keys is busy. So a key that is not busy itself has only some
        -- of its calls here, and is left out.
        HAVING key != ''
           AND (key_type,
                multiIf(
                    key_type = 'session', toUInt64(greatest(1, toUInt16(cityHash64(session_hash)))),
                    key_type = 'address', toUInt64(greatest(1, toUInt16(cityHash64(address)))),
                    cityHash64(fingerprint, ja4, asn))) IN (SELECT kind, hash FROM busy)
           AND requests >= {min_requests:UInt32}
           AND paths >= {min_paths:UInt32} AND known_paths >= {min_new:Float64} * known
           AND requests >= {min_pace:Float64} * greatest(addresses, sessions)
    ),
    readers AS
    (
        SELECT
            *,
            -- Seconds without a call count, so the mean and the variance are taken over the whole span.
            arrayMax(seconds.1) - arrayMin(seconds.1) + 1 AS span,
            requests / span AS mean,
            arraySum(calls -> calls * calls, seconds.2) / span - mean * mean AS variance,
            -- Calls at random times have a variance as large as the mean (Poisson distribution), which is no unevenness.
            sqrt(greatest(0, variance - mean)) / mean AS unevenness
        FROM counted
    )
SELECT
    key_type, key,
    0.4
        + 0.2 * least(1, (requests - {min_requests:UInt32}) / (3 * {min_requests:UInt32}))
        + 0.2 * least(1, paths / requests)
        + 0.2 * (1 - least(1, unevenness / {max_unevenness:Float64})) AS score,
    requests, stopped, paths, addresses, sessions, unevenness
FROM readers
WHERE span >= 10 AND unevenness <= {max_unevenness:Float64}
