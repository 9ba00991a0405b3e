"""Fill a store with events of an ordinary shop, bank and network: twenty million over thirty days in minutes.

ClickHouse makes the rows itself (`INSERT ... SELECT FROM numbers`), in blocks of the size that ingest inserts. A
row depends only on its number: the same number of events gives the same store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from starfort.store import Store

EVENTS: Final = 20_000_000
DAYS: Final = 30
BLOCK_ROWS: Final = 20_000
"""Rows of one insert: a full segment of the spool."""

APIS: Final = 8
ENDPOINTS: Final = 200
ADDRESSES: Final = 50_000
SUBJECTS: Final = 20_000

_ROWS: Final = """
WITH
    -- a number between 0 and 1 for each row and purpose; powers of it make few busy and many quiet ones
    (purpose -> (cityHash64(n, purpose) % 1000003) / 1000003.) AS chance,
    toUInt32({addresses:UInt32} * pow(chance(1), 2.5)) AS who,
    toUInt32({endpoints:UInt32} * pow(chance(2), 3)) AS place,
    chance(3) AS answer, chance(4) AS fate, chance(5) AS matched, chance(6) AS noted,
    place = 7 AS login,
    place % 5 != 4 AND NOT login AS guarded,
    ['GET', 'GET', 'POST', 'GET', 'PUT', 'DELETE', 'GET', 'POST'][1 + place % 8] AS verb,
    toUInt32(100000 * chance(7)) AS object,
    concat('resource', toString(place)) AS noun,
    lower(hex(cityHash64(who, 'subject'))) AS subject_key,
    ['942100', '941100', '930120', '932160', '920273', '933100', '913100', '920420'][1 + cityHash64(n, 8) % 8] AS rule
SELECT
    fromUnixTimestamp64Micro({start:Int64} + toInt64(n * {gap:Float64} + 1000 * chance(9)), 'UTC') AS time,
    concat(lower(hex(cityHash64(n, 10))), lower(hex(cityHash64(n, 11)))) AS id,
    'edge-1' AS node, 'b1f0' AS bundle,
    ['shop', 'bank', 'social', 'partners', 'mobile', 'internal', 'crm', 'cdn'][1 + place % {apis:UInt32}] AS api,
    lower(leftPad(hex(cityHash64(place, 'endpoint')), 16, '0')) AS endpoint_id,
    verb AS method, 'https' AS scheme, concat(api, '.example.com') AS host,
    multiIf(login, '/v1/login', place % 3 = 0, concat('/v1/', noun), concat('/v1/', noun, '/', toString(object))) AS path,
    multiIf(login, '/v1/login', place % 3 = 0, path, concat('/v1/', noun, '/{id}')) AS template,
    'HTTP/2' AS protocol,
    toUInt16(multiIf(fate < 0.010, 403, fate < 0.014, 429, login AND answer < 0.12, 401,
        answer < 0.86, 200, answer < 0.90, 201, answer < 0.93, 304, answer < 0.965, 404, answer < 0.98, 401,
        answer < 0.99, 400, answer < 0.996, 403, 500)) AS status,
    if(fate < 0.014, '', api) AS upstream,
    toUInt64(if(verb = 'GET', 0, 200 + 2000 * chance(12))) AS request_bytes,
    toUInt64(200 + 8000 * pow(chance(13), 3)) AS response_bytes,
    toUInt32(2000 + 200000 * pow(chance(14), 6)) AS duration_us,
    toUInt32(40 + 400 * pow(chance(15), 8)) AS engine_us,
    IPv4ToIPv6(toIPv4(toUInt32(167772160 + who * 173))) AS address,
    ['US', 'DE', 'GB', 'FR', 'JP', 'BR', 'IN', 'NL', 'PL', 'ES'][1 + who % 10] AS country,
    toUInt32(64500 + who % 800) AS asn, concat('Network ', toString(asn)) AS as_organization,
    concat('t13d1516h2_', leftPad(toString(who % 120), 12, '0'), '_e5627efa2ab1') AS ja4,
    leftPad(lower(hex(who % 300)), 16, '0') AS fingerprint,
    concat('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/', toString(90 + who % 60),
        '.0.', toString(who % 7), '.0 Safari/537.36') AS user_agent,
    multiIf(who % 97 = 3, 'good', who % 211 = 5, 'bad', who % 53 = 7, 'tool', 'none') AS bot,
    multiIf(bot = 'good', 'googlebot', bot = 'tool', 'curl', '') AS bot_name,
    if(guarded AND answer < 0.97, 'jwt', 'none') AS identity_kind,
    guarded AND answer < 0.965 AS identity_verified,
    if(identity_verified, concat('person-', toString(who % {subjects:UInt32}), '@example.com'), '') AS subject,
    if(identity_verified, subject_key, '') AS subject_hash,
    if(guarded, lower(hex(cityHash64(who, 'credential'))), '') AS credential_hash,
    if(guarded AND answer >= 0.965, 'expired', '') AS identity_error,
    if(login, lower(hex(cityHash64(who % {subjects:UInt32}, 'account'))), '') AS account_hash,
    if(login, lower(hex(cityHash64(who, answer < 0.12, 'password'))), '') AS password_hash,
    if(chance(16) < 0.7, lower(hex(cityHash64(who, intDiv(n, 100000)))), '') AS session_hash,
    if(guarded, ['bearer'], if(place % 5 = 4, ['cookie'], [])) AS auth_seen,
    if(verb IN ('POST', 'PUT'), 'application/json', '') AS content_type, 'application/json' AS response_content_type,
    arrayConcat(
        if(path = template, [], ['path:id:integer']),
        if(verb = 'GET', ['query:page:integer'], ['body:name:string', 'body:amount:number']),
        if(chance(17) < 0.4, ['query:sort:string'], []), if(chance(18) < 0.2, ['query:filter:string'], []),
        if(login, ['body:username:email', 'body:password:string'], []), if(chance(19) < 0.05, ['header:x-trace:uuid'], [])
    ) AS parameters,
    if(path = template, '', lower(hex(cityHash64(place, object)))) AS object_hash,
    if(noted < 0.01, [['path_dot_segments', 'duplicate_parameter', 'invalid_utf8'][1 + cityHash64(n, 20) % 3]], []) AS anomalies,
    if(matched < 0.03, [concat('rule:', rule)], if(matched < 0.04, ['schema:unknown_parameter'], [])) AS findings,
    if(matched < 0.03, [concat('{"rule":', rule, ',"message":"Attack detected","severity":"critical","variable":"ARGS:q","value":"a{4} OR 9{',
        toString(n % 9), '}"}')], []) AS evidence,
    if(login, ['password'], []) AS sensitive_request,
    if(place % 11 = 3 AND status = 200, ['email', 'phone'], []) AS sensitive_response,
    toUInt32(if(place % 11 = 3 AND status = 200, 1 + n % 20, 0)) AS sensitive_response_count,
    if(chance(21) < 0.01, ['scraping'], []) AS signals,
    multiIf(fate < 0.010, 'block', fate < 0.014, 'limit', fate < 0.016, 'divert', fate < 0.017, 'deceive', 'allow') AS action,
    multiIf(action = 'block', 'block-exploits', action = 'limit', 'limit-partners', action = 'divert', 'ofx-from-home',
        action = 'deceive', 'stop-stuffing', '') AS policy,
    if(chance(22) < 0.02, ['tag:mark-bots'], []) AS tags,
    if(chance(23) < 0.03, ['block:undocumented-endpoints'], []) AS observed,
    toUInt32(1) AS weight
FROM (SELECT number + {first:UInt64} AS n FROM numbers({count:UInt64}))
"""


def fill(
    store: Store,
    events: int = EVENTS,
    *,
    days: float = DAYS,
    until: dt.datetime | None = None,
    progress: Callable[[int], None] | None = None,
    first: int = 0,
) -> None:
    """Insert events, oldest first, evenly over the last days.

    Args:
        store: an open store.
        events: how many.
        days: over how many days.
        until: time of the last one; now by default.
        progress: told how many are in, once in a while.
        first: number of the first one to insert: what an interrupted filling goes on with.
    """
    end = until or dt.datetime.now(dt.UTC)
    start = end - dt.timedelta(days=days)
    names = ", ".join(row["name"] for row in store.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND name != 'received'"
        " ORDER BY position"
    ))  # fmt: skip
    # several blocks a statement, each inserted by itself: a statement costs more than a block
    step = BLOCK_ROWS * 10
    settings = (
        f" SETTINGS max_block_size = {BLOCK_ROWS}, min_insert_block_size_rows = {BLOCK_ROWS},"
        f" max_insert_block_size = {BLOCK_ROWS}, min_insert_block_size_bytes = 0, insert_deduplicate = 0, max_threads = 1"
    )
    for begin in range(first, events, step):
        store.command(
            f"INSERT INTO events ({names}) SELECT {names} FROM ({_ROWS}){settings}",
            {
                "start": int(start.timestamp() * 1e6),
                "gap": days * 86_400e6 / events,
                "first": begin,
                "count": min(step, events - begin),
                "addresses": ADDRESSES,
                "endpoints": ENDPOINTS,
                "subjects": SUBJECTS,
                "apis": APIS,
            },
        )
        if progress:
            progress(min(events, begin + step))


BY_SECOND: Final = ("access", "login", "traffic_1s")
"""Begins of names of views by second: nothing looks further back with them than two hours."""


def fill_fast(store: Store, events: int = EVENTS, *, days: float = DAYS, first: int = 0) -> None:
    """The same with the sums by second of the last two hours only, which takes a third of the time.

    Args:
        store: an open store.
        events: how many.
        days: over how many days.
        first: number of the first one to insert.
    """
    end = dt.datetime.now(dt.UTC)
    rows = store.inspect(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'"
    )
    views = [row["name"] for row in rows if row["name"].startswith(BY_SECOND)]
    recent = max(first, int(events * (1 - 2 / 24 / days)))
    for view in views:
        store.command(f"DETACH TABLE {view}")
    try:
        fill(store, recent, days=days * recent / events, until=end - dt.timedelta(hours=2), first=first)
    finally:
        for view in views:
            store.command(f"ATTACH TABLE {view}")
    fill(store, events, days=days, until=end, first=recent)
