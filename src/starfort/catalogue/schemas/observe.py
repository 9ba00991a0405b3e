"""Reads the shapes that came into the store since the last time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starfort.base.sql import load_sql
from starfort.store import Store
from starfort.store.rows import Row

OVERLAP: Final = timedelta(seconds=10)
"""Time that is read again, because a batch gets its time of arrival before it can be read. Rows that were
read are known by a hash."""

SLICE: Final = timedelta(minutes=10)
"""Arrival time that one look reads at most; a look after a long pause catches up over several."""

LATEST: Final = timedelta(hours=24)
"""How far back the first look goes."""

MAX_ROWS: Final = 2_000
"""Rows of one look; of more, an arbitrary choice is taken. Engines bound the rate of shapes, so this is met
after a pause only."""


@dataclass(frozen=True, slots=True)
class ShapedCall:
    """A call whose shape was told.

    Attributes:
        api: its API.
        endpoint_id: the endpoint that the engine matched, "" when none.
        method: upper case.
        path: normalised.
        status: of the answer.
        content_type: of the request, "" when none.
        response_content_type: of the answer, "" when none.
        caller: a hash of the verified subject, or else of the address.
        time_s: when, Unix seconds.
        request: text of the request's shape, "" when it was not told.
        response: text of the answer's shape.
    """

    api: str
    endpoint_id: str
    method: str
    path: str
    status: int
    content_type: str
    response_content_type: str
    caller: int
    time_s: int
    request: str
    response: str


class ShapeObserver:
    """Reads shapes in the order in which they arrived.

    Args:
        store: where events are.
        watermark: arrival time up to which everything was read; None reads the last day.
    """

    def __init__(self, store: Store, watermark: datetime | None) -> None:
        self._store = store
        self.watermark = watermark
        self.dropped = 0
        self._known: dict[int, datetime] = {}

    def read(self) -> Iterator[ShapedCall]:
        """What came since the last time, at most `SLICE` of it; reading moves the watermark on.

        Raises:
            StoreError: the store does not answer; what was not read is read the next time.
        """
        # The store's clock and not ours: it is the one that gave the events their time of arrival.
        now = self._store.query("SELECT now64(6, 'UTC') AS now")[0]["now"].astimezone(UTC)
        since = max(self.watermark or now - LATEST, now - LATEST)
        if now - since > SLICE:
            since = self._next(since) or now
        until = min(now, since + SLICE)
        window = {"since": since - OVERLAP, "until": until, "limit": MAX_ROWS}
        rows: list[Row] = []
        for table in ("events", "imported_events"):
            found = self._store.query(load_sql("catalogue", "queries/shaped"), {**window, "table": table})
            self.dropped += max(0, found[0]["total"] - MAX_ROWS) if found else 0
            rows += found
        for row in rows:
            if row["row_key"] not in self._known:
                yield _call(row)
        fresh = {row["row_key"]: row["received"].astimezone(UTC) for row in rows}
        known = self._known | fresh
        self._known = {key: when for key, when in known.items() if when > until - OVERLAP}
        self.watermark = until

    def _next(self, since: datetime) -> datetime | None:
        """Just before the first shape after a time arrived; there may have been a long pause."""
        row = self._store.query(
            "SELECT count() AS n, min(received) AS first FROM events"
            " WHERE received > {since:DateTime64(6, 'UTC')}"
            " AND (shape_request != '' OR shape_response != '')",
            {"since": since},
        )[0]
        first: datetime = row["first"].astimezone(UTC) - timedelta(microseconds=1)
        return first if row["n"] else None


def _call(row: dict[str, Any]) -> ShapedCall:
    return ShapedCall(
        api=row["api"],
        endpoint_id=row["endpoint_id"],
        method=row["method"],
        path=row["path"],
        status=row["status"],
        content_type=row["content_type"],
        response_content_type=row["response_content_type"],
        caller=row["caller"],
        time_s=row["time_s"],
        request=row["shape_request"],
        response=row["shape_response"],
    )
