-- Calls whose shape was told and that arrived between two times of `received`. A caller is a verified subject, or else an
-- address, for credentials that nobody verified can be made up. An address of IPv6 counts by its network of 64 bits.
SELECT
    -- Clients may choose the id of a request, so it alone is not enough.
    cityHash64(events.id, events.time, events.node, events.address, events.path) AS row_key,
    received,
    toString(events.api) AS api,
    toString(events.endpoint_id) AS endpoint_id,
    toString(events.method) AS method,
    toString(events.path) AS path,
    events.status AS status,
    toString(events.content_type) AS content_type,
    toString(events.response_content_type) AS response_content_type,
    cityHash64(if(
        subject_hash != '',
        toString(subject_hash),
        if(startsWith(IPv6NumToString(address), '::ffff:'), toString(address), substring(hex(address), 1, 16)))) % 9007199254740991 AS caller,
    toUnixTimestamp(events.time) AS time_s,
    shape_request,
    shape_response,
    count() OVER () AS total
FROM {table:Identifier} AS events
WHERE received > {since:DateTime64(6, 'UTC')}
  AND received <= {until:DateTime64(6, 'UTC')}
  AND (shape_request != '' OR shape_response != '')
ORDER BY row_key
LIMIT {limit:UInt32}
