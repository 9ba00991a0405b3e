"""Fill a store with events of an ordinary shop, bank and network: twenty million over thirty days in minutes.

ClickHouse makes the rows itself (`INSERT ... SELECT FROM numbers`), in blocks of the size that ingest has. A
row depends only on its number: the same number of events gives the same store.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
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

_ROWS: Final = Path(__file__).with_suffix(".sql").read_text("utf-8")


_SETTINGS: Final = (
    f" SETTINGS max_block_size = {BLOCK_ROWS}, min_insert_block_size_rows = {BLOCK_ROWS},"
    f" max_insert_block_size = {BLOCK_ROWS}, min_insert_block_size_bytes = 0, insert_deduplicate = 0,"
    " max_threads = 1"
)


def _columns(store: Store) -> str:
    """The columns of `events` that a row brings; the store itself adds when it received the row."""
    columns = store.inspect(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events'"
        " AND name != 'received' ORDER BY position"
    )
    return ", ".join(row["name"] for row in columns)


def fill(
    store: Store,
    events: int = EVENTS,
    *,
    days: float = DAYS,
    until: dt.datetime | None = None,
    first: int = 0,
) -> None:
    """Insert events, oldest first, evenly over the last days.

    Args:
        store: an open store.
        events: how many.
        days: over how many days.
        until: time of the last one; now by default.
        first: number of the first one to insert: what an interrupted filling goes on with.
    """
    end = until or dt.datetime.now(dt.UTC)
    start = end - dt.timedelta(days=days)
    names = _columns(store)
    # several blocks a statement, each inserted by itself: a statement costs more than a block
    step = BLOCK_ROWS * 10
    for begin in range(first, events, step):
        store.command(
            f"INSERT INTO events ({names}) SELECT {names} FROM (\n{_ROWS}\n){_SETTINGS}",  # noqa: S608 (ours)
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


BY_SECOND: Final = ("access", "login", "traffic_1s")
"""Begins of names of views by second: nothing looks further back with them than two hours."""


def fill_fast(store: Store, events: int = EVENTS, *, days: float = DAYS, first: int = 0) -> None:
    """Fill like `fill`, with sums by second of the last two hours only. It takes a third of the time.

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
