/*
name: object_enumeration
kind: object_enumeration
title: "Enumeration: {objects} different objects of one endpoint read by one {key_type}"
description: |
  One caller walks through the objects of an endpoint (`/orders/1001`, `/orders/1002`, …), as is done to find objects
  of others (broken object level authorisation) or to copy them all.
watches: calls of endpoints whose last parameter names an object, by subject, session or address
key_type: [subject, session, address]
window: 60s
every: 2s
thresholds:
  min_objects: {default: 100, minimum: 5, description: different objects of one endpoint within the window}
  min_new: {default: 0.7, minimum: 0.0, maximum: 1.0, description: share of calls that asked for an object not asked for before within the window}
  times_usual: {default: 10.0, minimum: 1.0, maximum: 10000.0, description: times what the endpoint's usual caller (the 90th percentile of callers and minutes of the last hour) reads in a minute}
probe: 0  # what it judges does not depend on what the API answers
spare_known: false
severity: high
ttl: 5m
score: |
  0.6 at the thresholds; up to 0.2 more for more objects (full at five times `min_objects`) and up to 0.2 more
  for the share of calls that were refused or found nothing (full at half), which is what guessing looks like.
  The narrowest key that made the calls is signalled: the verified subject, else the session, else the address.
  Good bots are left out. Calls that Starfort stopped count, so the signal holds while the walk goes on.
gate: |
  SELECT greatest(of_subject, of_session, of_address) AS hash
  FROM
  (
      SELECT
          if(subject_hash = '', 0, greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(subject_hash))))) AS of_subject,
          if(session_hash = '', 0, greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(session_hash))))) AS of_session,
          greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(address)))) AS of_address,
          weight
      FROM events
      WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND object_hash != ''
  )
  GROUP BY GROUPING SETS ((of_subject), (of_session), (of_address))
  HAVING hash != 0 AND sum(weight) >= {min_objects:UInt32} AND hash % {slots:UInt32} = {slot:UInt32}
  LIMIT 1
*/
-- Each step is a scalar: ClickHouse evaluates a scalar once, however often it is used, and then reads nothing of the
-- hour before when there is nobody to compare with it.
WITH
    -- Callers that made enough calls of one endpoint, found by 16 bits of a hash: counting by such a small number needs
    -- neither a hash table nor the keys, and hardly any caller is left for the exact count. Callers may share a hash,
    -- which lets too many through here but never too few; 0 stands for callers without this key.
    (
        SELECT
        (
            groupBitmapStateIf(hash, kind = 'subject'),
            groupBitmapStateIf(hash, kind = 'session'),
            groupBitmapStateIf(hash, kind = 'address')
        )
        FROM
        (
            SELECT
                multiIf(grouping(of_subject) = 0, 'subject', grouping(of_session) = 0, 'session', 'address') AS kind,
                toUInt32(multiIf(kind = 'subject', of_subject, kind = 'session', of_session, of_address)) AS hash
            FROM
            (
                SELECT
                    if(subject_hash = '', 0, greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(subject_hash))))) AS of_subject,
                    if(session_hash = '', 0, greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(session_hash))))) AS of_session,
                    greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(address)))) AS of_address,
                    weight
                FROM events
                WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND object_hash != ''
            )
            GROUP BY GROUPING SETS ((of_subject), (of_session), (of_address))
            HAVING hash != 0 AND sum(weight) >= {min_objects:UInt32} AND hash % {slots:UInt32} = {slot:UInt32}
        )
    ) AS busy,
    (
        SELECT groupArray(
            (key_type, key, toString(api), toString(endpoint_id), template, objects, requests, missed, stopped))
        FROM
        (
            SELECT
                api, endpoint_id, subject_hash, session_hash, address,
                multiIf(grouping(subject_hash) = 0, 'subject', grouping(session_hash) = 0, 'session', 'address') AS key_type,
                multiIf(
                    key_type = 'subject', subject_hash,
                    key_type = 'session', session_hash,
                    replaceOne(toString(address), '::ffff:', '')) AS key,
                sum(weight) AS requests,
                count() AS known,
                uniqCombined(12)(object_hash) AS known_objects,
                -- An event that stands for several calls names only one object. If hardly any known object occurs
                -- twice, the objects of the other calls are assumed to be as new.
                if(
                    known_objects >= 0.9 * known AND known >= {min_objects:UInt32} / 2,
                    toUInt64(known_objects * requests / known),
                    known_objects) AS objects,
                sumIf(weight, action != 'allow') AS stopped,
                sumIf(weight, status IN (401, 403, 404)) AS missed,
                sumIf(weight, events.subject_hash != '') AS by_subject,
                sumIf(weight, events.session_hash != '') AS by_session,
                sumIf(weight, bot = 'good') AS by_good_bot,
                toString(any(events.template)) AS template
            FROM events
            WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND object_hash != ''
              AND (bitmapContains(busy.3, toUInt32(greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(address))))))
                   OR (session_hash != '' AND bitmapContains(busy.2, toUInt32(greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(session_hash)))))))
                   OR (subject_hash != '' AND bitmapContains(busy.1, toUInt32(greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(subject_hash))))))))
            GROUP BY GROUPING SETS
                ((api, endpoint_id, subject_hash), (api, endpoint_id, session_hash), (api, endpoint_id, address))
            HAVING key != '' AND requests >= {min_objects:UInt32} AND objects >= {min_objects:UInt32}
               AND known_objects >= {min_new:Float64} * known AND by_good_bot < requests / 2
               -- a key that is not busy itself is left out: only those of its calls that busy keys made were counted
               AND multiIf(
                       key_type = 'subject', bitmapContains(busy.1, toUInt32(greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(subject_hash)))))),
                       key_type = 'session', bitmapContains(busy.2, toUInt32(greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(session_hash)))))),
                       bitmapContains(busy.3, toUInt32(greatest(1, toUInt16(bitXor(cityHash64(endpoint_id), cityHash64(address)))))))
               AND (key_type = 'subject'
                    OR (key_type = 'session' AND by_subject < requests / 2)
                    OR (key_type = 'address' AND by_subject < requests / 2 AND by_session < requests / 2))
            ORDER BY objects DESC
            LIMIT 2001
        )
    ) AS callers,
    arrayDistinct(arrayMap(caller -> (caller.3, caller.4), callers)) AS suspects,
    if(empty(callers), {since:DateTime64(6, 'UTC')}, {until:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR) AS hour_before,
    -- For endpoints with more than a million calls in the hour before, only every n-th minute is read.
    (
        SELECT greatest(1, toUInt32(ceil(sum(traffic_1m.requests) / 1e6)))
        FROM traffic_1m
        WHERE time > hour_before AND time <= {since:DateTime64(6, 'UTC')}
          AND has(suspects, (toString(api), toString(endpoint_id)))
    ) AS stride,
    -- what the callers of the endpoints usually read in a minute of the hour before this window, so that the calls of
    -- the suspects in this window do not count
    usual AS
    (
        SELECT of_api, of_endpoint, quantile(0.9)(minute_objects) AS usual_objects
        FROM
        (
            SELECT
                toString(api) AS of_api, toString(endpoint_id) AS of_endpoint,
                address, toStartOfMinute(time) AS minute, uniqCombined(12)(object_hash) AS minute_objects
            FROM events
            WHERE time > hour_before AND time <= {since:DateTime64(6, 'UTC')}
              AND toStartOfMinute(time) IN
              (
                  SELECT toStartOfMinute({since:DateTime64(6, 'UTC')}) - toIntervalMinute(number)
                  FROM numbers(61)
                  WHERE number % stride = 0
              )
              AND (toString(api), toString(endpoint_id)) IN (SELECT arrayJoin(suspects))
            GROUP BY of_api, of_endpoint, address, minute
        )
        GROUP BY of_api, of_endpoint
    )
SELECT
    caller.1 AS key_type, caller.2 AS key,
    0.6
        + 0.2 * least(1, (objects - {min_objects:UInt32}) / (4 * {min_objects:UInt32}))
        + 0.2 * least(1, 2 * missed / requests) AS score,
    of_api AS api, of_endpoint AS endpoint_id, caller.5 AS template, caller.6 AS objects, caller.7 AS requests,
    caller.8 AS missed, caller.9 AS stopped, usual_objects
FROM
(
    SELECT arrayJoin(callers) AS caller, caller.3 AS of_api, caller.4 AS of_endpoint
) AS found
LEFT JOIN usual USING (of_api, of_endpoint)
WHERE objects >= {times_usual:Float64} * usual_objects
