"""Reads what came into the store since the last time, summed up by endpoint or shape."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from starfort.base.sql import load_sql
from starfort.catalogue.segments import shape_of
from starfort.store import Store
from starfort.store.parameters import Value

OVERLAP_S: Final = 10
"""Seconds that are read again, because a batch gets its time of arrival before it can be read. A first time,
a last time or a set does not change when a call is read twice, and `calls` leaves these seconds out."""

SLICE: Final = timedelta(minutes=10)
"""Arrival time that one query reads; a catalogue that was away catches up slice by slice."""

MAX_SLICES: Final = 144
"""How many slices one refresh reads at most, which are a day."""

LATEST: Final = timedelta(hours=24)
"""Age of an event on arrival above which nothing is learned from it. Without a bound, each refresh would
search all events that are kept."""

MAX_ROWS: Final = 5_000
"""Endpoints, and as many shapes, of one API and query. The least called ones are left out; a real one comes
again."""

MOST_ROWS: Final = 50_000
"""How many rows one query returns at most, over all APIs."""

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"})
"""Methods that are learned. Servers and CORS layers answer HEAD and OPTIONS wherever they answer GET."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one endpoint, or of one shape where the endpoint is unknown or may hide another.

    Attributes:
        api: API.
        endpoint_id: the endpoint that the engine matched, "" when none.
        method: upper case.
        shape: shape of the path; "" when it says no more than the endpoint.
        calls: calls that the last refresh did not count.
        answered: calls whose status shows that something is there.
        open_calls: calls answered 2xx without any credential.
        logins: calls with the account name of a log-in.
        first_seen: earliest.
        last_seen: latest.
        hosts: at most 8.
        auth: kinds of credential.
        sensitive: classes.
    """

    api: str
    endpoint_id: str
    method: str
    shape: str
    calls: int
    answered: int
    open_calls: int
    logins: int
    first_seen: datetime
    last_seen: datetime
    hosts: tuple[str, ...]
    auth: tuple[str, ...]
    sensitive: tuple[str, ...]


class Observer:
    """Reads the events of the store in the order in which they arrived.

    Args:
        store: where events are.
        watermark: arrival time up to which everything was read; None reads the last day.
    """

    def __init__(self, store: Store, watermark: datetime | None) -> None:
        self._store = store
        self.watermark = watermark
        self.dropped_rows = 0
        self.dropped_paths = 0

    def read(self, apis: Collection[str] = ()) -> Iterator[Observation]:
        """What came since the last time; reading moves the watermark on.

        Args:
            apis: names of the APIs to read; empty: all.

        Raises:
            StoreError: the store does not answer; what was not read is read the next time.
        """
        # The store's clock and not ours: it is the one that gave the events their time of arrival.
        now = self._store.query("SELECT now64(6, 'UTC') AS now")[0]["now"].astimezone(UTC)
        since = self.watermark or now - LATEST
        if now - since > SLICE:
            since = max(since, self._next_arrival(since) or now)
        for _ in range(MAX_SLICES):
            until = min(now, since + SLICE)
            yield from self._slice(since, until, apis)
            self.watermark = since = until
            if until >= now:
                return

    def _next_arrival(self, since: datetime) -> datetime | None:
        """When the first event after a time arrived; the watermark may be from before a long pause."""
        rows = self._store.query(
            "SELECT count() AS n, min(received) AS first FROM events"
            " WHERE received > {since:DateTime64(6, 'UTC')} AND time > {oldest:DateTime64(6, 'UTC')}",
            {"since": since, "oldest": since - LATEST},
        )
        # Just before that event, because a slice begins after its first moment.
        before: datetime = rows[0]["first"].astimezone(UTC) - timedelta(microseconds=1)
        return before if rows[0]["n"] else None

    def _slice(self, since: datetime, until: datetime, apis: Collection[str]) -> Iterator[Observation]:
        window: dict[str, Value] = {
            "since": since,
            "until": until,
            "oldest": since - LATEST,
            "overlap": OVERLAP_S,
        }
        most: dict[str, Value] = {"apis": sorted(apis), "limit": MAX_ROWS, "most": MOST_ROWS}
        rows = self._store.query(load_sql("catalogue", "queries/observed"), {**window, **most})
        if rows:
            self.dropped_rows += rows[0]["total"] - len(rows)
        for row in rows:
            shape = shape_of(row["path"]) if row["path"] else ""
            # A known endpoint may have any method: the engine has matched the call to it already.
            unknown = not row["endpoint_id"]
            if shape is None or (unknown and row["method"] not in METHODS):
                self.dropped_paths += 1
                continue
            yield Observation(
                api=row["api"],
                endpoint_id=row["endpoint_id"],
                method=row["method"],
                shape=shape,
                calls=row["calls"],
                answered=row["answered"],
                open_calls=row["open_calls"],
                logins=row["logins"],
                first_seen=row["first_seen"].astimezone(UTC),
                last_seen=row["last_seen"].astimezone(UTC),
                hosts=tuple(sorted(row["hosts"])),
                auth=tuple(sorted(row["auth"])),
                sensitive=tuple(sorted(row["sensitive"])),
            )
