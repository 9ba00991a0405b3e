"""Reads the shapes that came into the store since the last time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starfort.base.sql import load_sql
from starfort.store import Store

OVERLAP: Final = timedelta(seconds=10)
"""Time that is read again, because a batch gets its time of arrival before it can be read. Rows that were read
are known by their ids."""

SLICE: Final = timedelta(minutes=10)
"""Arrival time that one look reads at most; a look after a long pause catches up over several."""

LATEST: Final = timedelta(hours=24)
"""How far back the first look goes."""

MAX_ROWS: Final = 2_000
"""Rows of one look; of more, an arbitrary choice is taken. Engines bound the rate of shapes, so this is met after
a pause only."""


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
        self._known: dict[str, datetime] = {}

    def read(self) -> Iterator[ShapedCall]:
        """The next slice of what came; reading moves the watermark on.

        Raises:
            StoreError: the store does not answer; what was not read is read the next time.
        """
        # The store's clock and not ours: it is the one that gave the events their time of arrival.
        now = self._store.query("SELECT now64(6, 'UTC') AS now")[0]["now"].astimezone(UTC)
        since = self.watermark or now - LATEST
        until = min(now, since + SLICE)
        window = {"since": since - OVERLAP, "until": until, "limit": MAX_ROWS}
        rows = self._store.query(load_sql("catalogue", "queries/shaped"), window)
        if rows:
            self.dropped += max(0, rows[0]["total"] - MAX_ROWS)
        for row in rows:
            if row["id"] not in self._known:
                yield _call(row)
        fresh = {row["id"]: row["received"].astimezone(UTC) for row in rows}
        self._known = {id: when for id, when in (self._known | fresh).items() if when > until - OVERLAP}
        self.watermark = until


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
