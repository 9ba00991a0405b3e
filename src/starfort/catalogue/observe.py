"""Reads what came into the store since the last time, summed up by endpoint or shape."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

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

MAX_WORDS: Final = 60
"""Words of one endpoint's parameter that one query returns: enough to see within a few looks that they are
routes and no values."""

LIVE: Final = "events"
TABLES: Final = (LIVE, "imported_events")
"""Tables that are learned from: calls that passed through Starfort, and those that were imported."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"})
"""Methods that are learned. Servers and CORS layers answer HEAD and OPTIONS wherever they answer GET."""


# Not frozen: making a frozen one costs five times as much, and there are tens of thousands a refresh.
@dataclass(slots=True)
class Observation:
    """What was seen of one endpoint, or of one shape where the endpoint is unknown or may hide another.

    Attributes:
        api: API.
        endpoint_id: the endpoint that the engine matched, "" when none.
        method: upper case.
        path: path as the query grouped by it, with some values replaced; "" when it says no more than the
            endpoint.
        shape: shape of the path; "" without one.
        asked: the version that calls asked for outside of the path, such as `header:2024-01`; "" without one.
        calls: calls that the last refresh did not count.
        answered: calls whose status shows that something is there.
        open_calls: calls answered 2xx without any credential.
        logins: calls with the account name of a log-in.
        first_us: time of the earliest call, microseconds since 1970.
        last_us: time of the latest one.
        hosts: at most 8.
        auth: kinds of credential.
        sensitive: classes.
        callers: who called, as bits (`callers.py`).
        requests: how requests looked, as hashes.
        answers: how answers with success looked.
        blind: calls whose answers the source cannot see.
    """

    api: str
    endpoint_id: str
    method: str
    path: str
    shape: str
    asked: str
    calls: int
    answered: int
    open_calls: int
    logins: int
    first_us: int
    last_us: int
    hosts: tuple[str, ...]
    auth: tuple[str, ...]
    sensitive: tuple[str, ...]
    callers: int
    requests: tuple[str, ...]
    answers: tuple[str, ...]
    blind: int = 0

    @property
    def open_us(self) -> int | None:
        """When it was first seen to answer without credentials."""
        return self.first_us if self.open_calls else None


@dataclass(frozen=True, slots=True)
class Slice:
    """What one query read.

    Attributes:
        window: the parameters of the window that was read, for other queries over the same events.
        until: arrival time up to which everything was read.
        seen: what was seen in it.
    """

    window: Mapping[str, Value]
    until: datetime
    seen: list[Observation]

    @property
    def live(self) -> bool:
        """Whether its calls passed through Starfort, and were not imported."""
        return self.window["table"] == LIVE


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

    def read(self, apis: Collection[str] = ()) -> Iterator[Slice]:
        """What came since the last time; reading moves the watermark on.

        Args:
            apis: names of the APIs to read; empty: all.

        Raises:
            StoreError: the store does not answer; what was not read is read the next time.
        """
        # If nobody else inserts, all that arrived until now can be read, and nothing is read twice.
        overlap = 0 if self._store.alone else OVERLAP_S
        now = self._store.settled() if self._store.alone else self._now()
        since = self.watermark or now - LATEST
        if now - since > SLICE:
            since = max(since, self._next_arrival(since) or now)
        for _ in range(MAX_SLICES):
            until = min(now, since + SLICE)
            for table in TABLES:
                part = self._slice(table, (since, until), overlap, apis)
                if part.seen or table == LIVE:
                    yield part
            self.watermark = since = until
            if until >= now:
                return

    def _now(self) -> datetime:
        # The store's clock and not ours: it is the one that gave the events their time of arrival.
        now: datetime = self._store.query("SELECT now64(6, 'UTC') AS now")[0]["now"]
        return now.astimezone(UTC)

    def _next_arrival(self, since: datetime) -> datetime | None:
        """When the first event after a time arrived; the watermark may be from before a long pause."""
        rows = self._store.query(
            "SELECT count() AS n, min(received) AS first FROM"
            " (SELECT received FROM events WHERE received > {since:DateTime64(6, 'UTC')}"
            " AND time > {oldest:DateTime64(6, 'UTC')}"
            " UNION ALL SELECT received FROM imported_events WHERE received > {since:DateTime64(6, 'UTC')})",
            {"since": since, "oldest": since - LATEST},
        )
        # Just before that event, because a slice begins after its first moment.
        before: datetime = rows[0]["first"].astimezone(UTC) - timedelta(microseconds=1)
        return before if rows[0]["n"] else None

    def _slice(
        self, table_name: str, times: tuple[datetime, datetime], overlap: int, apis: Collection[str]
    ) -> Slice:
        since, until = times
        window: dict[str, Value] = {
            "since": since,
            "until": until,
            # What was imported is as old as its files, and in no order.
            "oldest": since - LATEST if table_name == LIVE else _EPOCH,
            "overlap": overlap,
            "apis": sorted(apis),
            "table": table_name,
        }
        most: dict[str, Value] = {"limit": MAX_ROWS, "most": MOST_ROWS, "words": MAX_WORDS}
        table = self._store.query_arrow(load_sql("catalogue", "queries/observed"), window | most)
        if table.num_rows:
            self.dropped_rows += table.column("total")[0].as_py() - table.num_rows
        found = []
        # Column by column, which takes a third of the time that rows as dictionaries take.
        for row in zip(*(table.column(name).to_pylist() for name in _COLUMNS), strict=True):
            api, endpoint_id, method, path, *rest = row
            shape = shape_of(path) if path else ""
            # A known endpoint may have any method: the engine has matched the call to it already.
            if shape is None or (not endpoint_id and method not in METHODS):
                self.dropped_paths += 1
                continue
            found.append(_observation((api, endpoint_id, method, path, shape), rest))
        return Slice(window, until, found)


_COLUMNS: Final = (
    "api", "endpoint_id", "method", "path", "asked", "calls", "answered", "open_calls", "logins", "first_us",
    "last_us", "hosts", "auth", "sensitive", "callers", "requests", "answers",
    "blind",
)  # fmt: skip


def _observation(place: tuple[str, str, str, str, str], rest: list[Any]) -> Observation:
    asked, calls, answered, open_calls, logins, first_us, last_us, hosts, auth, sensitive, *looks = rest
    callers, requests, answers, blind = looks
    return Observation(
        *place, asked, calls, answered, open_calls, logins, first_us, last_us,
        _lines(hosts), _lines(auth), _lines(sensitive), callers, _lines(requests), _lines(answers),
        blind,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _lines(text: str) -> tuple[str, ...]:
    """The lines of a text. Most calls have the same few, which are then kept once."""
    # `unknown` says that credentials could not be seen where the call was recorded.
    return tuple(line for line in text.split("\n") if line != "unknown") if text else ()
