-- How answered calls differ from the document, by endpoint. What a request has wrong counts only where the API took it.
SELECT
    toString(events.api) AS api,
    toString(events.endpoint_id) AS endpoint_id,
    toString(code) AS code,
    toUInt64(sum(weight)) AS calls,
    groupBitOr(bitShiftLeft(toUInt64(1), multiIf(
        subject_hash != '', cityHash64(subject_hash),
        credential_hash != '', cityHash64(credential_hash),
        cityHash64(address)) % 64)) AS callers,
    toInt64(toUnixTimestamp64Micro(max(time))) AS last_us
FROM {table:Identifier} AS events
ARRAY JOIN contract AS code
WHERE received > {since:DateTime64(6, 'UTC')} AND received <= {until:DateTime64(6, 'UTC')}
  AND time > {oldest:DateTime64(6, 'UTC')}
  AND events.endpoint_id != '' AND upstream != ''
  AND (startsWith(code, 'response:') OR status BETWEEN 200 AND 299)
GROUP BY api, endpoint_id, code
ORDER BY calls DESC, api, endpoint_id, code
LIMIT 16 BY endpoint_id
LIMIT {most:UInt32}
