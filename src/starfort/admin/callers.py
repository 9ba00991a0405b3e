"""Callers by what they share: which query answers, and how it is put together."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starfort.admin.filters import ClientFilter
from starfort.admin.window import DAY_S, Window
from starfort.base.sql import load_sql
from starfort.store.parameters import Value

KINDS: Final = ("fingerprint", "ja4", "network", "bot")
"""What many callers share. There are few enough values of these for a rollup of their own."""

RANKED: Final = 1_000
"""When callers are sorted by endpoints, only this many of those with the most requests are ranked: counting
the endpoints of all callers would take too much memory."""

_SORTS: Final = {
    "requests": "sum(callers.requests)",
    "stopped": "sum(callers.stopped)",
    "errors": "sum(callers.errors)",
    "endpoints": "uniqCombinedMerge(12)(callers.endpoints)",
    "last_seen": "max(callers.last_seen)",
}
_KNOWN: Final = {
    "address": "1",
    "subject": "c.subject != ''",
    "fingerprint": "c.fingerprint != ''",
    "ja4": "c.ja4 != ''",
    "network": "c.asn != 0",
    "bot": "1",
}
_MOST: Final = f"""{{key:Identifier}} IN (
            SELECT key
            FROM (
                SELECT {{key:Identifier}} AS key FROM callers
                GROUP BY key ORDER BY sum(callers.requests) DESC LIMIT {RANKED}))"""  # noqa: S608 (a number of ours)
_BOT: Final = "countIf(bot != {bot:String}) = 0"


def rolled(wanted: ClientFilter, window: Window, limit: int, offset: int) -> tuple[str, dict[str, Value]]:
    """The query that answers from a rollup, and its parameters.

    Args:
        wanted: which callers, by what, and what comes first.
        window: its begin is moved back to the begin of its hour, or of its day when it is longer than a day,
            since rollups know no parts of these.
        limit: how many.
        offset: after how many.
    """
    by_day = window.length_s > DAY_S
    parameters: dict[str, Value] = {
        "since": begin_of(window.since, by_day=by_day), "sort": wanted.sort, "limit": limit, "offset": offset,
    }  # fmt: skip
    if by_day and wanted.by in KINDS:
        filters = {"kind": wanted.by, "search": wanted.search, "bot": wanted.bot}
        return load_sql("traffic", "queries/clients_of_kind"), parameters | filters
    label = {"network": "toString(any({}as_organization))", "bot": "''"}.get(wanted.by, "any({}user_agent)")
    conditions = []
    if wanted.search:
        text = f"concat(replaceOne(toString(key), '::ffff:', ''), ' ', {label.format('')})"
        conditions.append(f"positionCaseInsensitiveUTF8({text}, {{search:String}}) > 0")
        parameters["search"] = wanted.search
    if wanted.bot:
        conditions.append(_BOT)
        parameters["bot"] = wanted.bot
    parts = {
        "known": _KNOWN[wanted.by],
        "among": _MOST if wanted.sort == "endpoints" else "1",
        "wanted": " AND ".join(conditions) or "1",
        "sort": _SORTS[wanted.sort],
        "label": label.format("c."),
    }
    # The parts are texts of this module, never of a person; what people type is bound as a parameter.
    query = load_sql("traffic", "queries/clients_rolled")
    for name, part in parts.items():
        query = query.replace(f"${name}$", part)
    table = "client_1d" if by_day else "client_1h"
    return query, parameters | {"table": table, "key": "bot_kind" if wanted.by == "bot" else wanted.by}


def begin_of(time: datetime, *, by_day: bool) -> datetime:
    """The begin of the hour, or of the day, UTC."""
    hour = time.replace(minute=0, second=0, microsecond=0)
    return hour.replace(hour=0) if by_day else hour
