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
  times_usual: {default: 10.0, minimum: 1.0, maximum: 10000.0, description: times what the endpoint's usual caller (its 90th percentile of the last hour) reads in a window}
severity: high
ttl: 5m
score: |
  0.6 at the thresholds; up to 0.2 more for more objects (full at five times `min_objects`) and up to 0.2 more
  for the share of calls that were refused or found nothing (full at half), which is what guessing looks like.
  The narrowest key that made the calls is signalled: the verified subject, else the session, else the address.
  Good bots are left out. Calls that Starfort stopped count, so the signal holds while the walk goes on.
*/
WITH
    -- counting first is cheap, and next to nobody is left for what is not
    busy AS MATERIALIZED
    (
        SELECT subject_hash, session_hash, address
        FROM events
        WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND object_hash != ''
        GROUP BY GROUPING SETS
            ((api, endpoint_id, subject_hash), (api, endpoint_id, session_hash), (api, endpoint_id, address))
        HAVING count() >= {min_objects:UInt32}
    ),
    callers AS
    (
        SELECT
            api, endpoint_id, subject_hash, session_hash, address,
            multiIf(grouping(subject_hash) = 0, 'subject', grouping(session_hash) = 0, 'session', 'address') AS key_type,
            multiIf(
                key_type = 'subject', subject_hash,
                key_type = 'session', session_hash,
                replaceOne(toString(address), '::ffff:', '')) AS key,
            count() AS requests,
            uniqCombined(12)(object_hash) AS objects,
            countIf(action != 'allow') AS stopped,
            countIf(status IN (401, 403, 404)) AS missed,
            countIf(events.subject_hash != '') AS by_subject,
            countIf(events.session_hash != '') AS by_session,
            countIf(bot = 'good') AS by_good_bot,
            any(events.template) AS template
        FROM events
        WHERE time >= toStartOfSecond({since:DateTime64(6, 'UTC')}) AND time <= {until:DateTime64(6, 'UTC')} AND object_hash != ''
          AND (address IN (SELECT address FROM busy)
               OR (session_hash != '' AND session_hash IN (SELECT session_hash FROM busy))
               OR (subject_hash != '' AND subject_hash IN (SELECT subject_hash FROM busy)))
        GROUP BY GROUPING SETS
            ((api, endpoint_id, subject_hash), (api, endpoint_id, session_hash), (api, endpoint_id, address))
        HAVING key != '' AND requests >= {min_objects:UInt32} AND objects >= {min_objects:UInt32}
           AND objects >= {min_new:Float64} * requests AND by_good_bot < requests / 2
           AND (key_type = 'subject'
                OR (key_type = 'session' AND by_subject < requests / 2)
                OR (key_type = 'address' AND by_subject < requests / 2 AND by_session < requests / 2))
    ),
    -- minutes of callers within the hour before: what this window's suspects do is not the measure of them
    usual AS
    (
        SELECT api, endpoint_id, quantile(0.9)(minute_objects) AS usual_objects
        FROM
        (
            SELECT
                api, endpoint_id, key, toStartOfMinute(time) AS minute,
                uniqCombinedMerge(12)(access_1s.objects) AS minute_objects
            FROM access_1s
            WHERE time > {until:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR AND time <= {since:DateTime64(6, 'UTC')}
              AND key_type = 'address'
              AND (api, endpoint_id) IN (SELECT api, endpoint_id FROM callers)
            GROUP BY api, endpoint_id, key, minute
        )
        GROUP BY api, endpoint_id
    )
SELECT
    key_type, key,
    0.6
        + 0.2 * least(1, (objects - {min_objects:UInt32}) / (4 * {min_objects:UInt32}))
        + 0.2 * least(1, 2 * missed / requests) AS score,
    api, endpoint_id, template, objects, requests, missed, stopped, usual_objects
FROM callers LEFT JOIN usual USING (api, endpoint_id)
WHERE objects >= {times_usual:Float64} * usual_objects
