"""The windows of time that API and dashboard show, and the SQL that reads them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from starfort.base.actions import ALLOW
from starfort.base.sql import load_sql

RangeName = Literal["15m", "1h", "6h", "24h", "7d", "30d"]

_STEPS: dict[str, tuple[timedelta, int, str]] = {
    "15m": (timedelta(minutes=15), 10, "traffic_1s"),
    "1h": (timedelta(hours=1), 60, "traffic_1m"),
    "6h": (timedelta(hours=6), 300, "traffic_1m"),
    "24h": (timedelta(hours=24), 900, "traffic_1m"),
    "7d": (timedelta(days=7), 7200, "traffic_1m"),
    "30d": (timedelta(days=30), 21600, "traffic_1m"),
}
"""Length of each range, its step in seconds, and the rollup that is read. There are 60 to 120 steps, which is
as many as a chart can show."""

_BY_KIND: Final = {
    "decisions": "sumMap(map(toString(action), toUInt64(t.requests)))",
    "stopped": f"sumIf(t.requests, action != '{ALLOW}')",
    "client_errors": "sumIf(t.requests, status >= 400 AND status < 500)",
    "server_errors": "sumIf(t.requests, status >= 500)",
}
"""Counts of traffic queries over `traffic_1s` and `traffic_1m`, which have a row for each kind of call."""

_SIDE_BY_SIDE: Final = {
    "decisions": "sumMap(t.decisions)",
    "stopped": f"sum(t.requests) - sum(t.decisions['{ALLOW}'])",
    "client_errors": "sum(t.client_errors)",
    "server_errors": "sum(t.server_errors)",
}
"""The same counts over `traffic_api_1m`, `traffic_api_1h` and `traffic_endpoint_1h`, which have a column for
each count."""

DAY_S = 86_400
"""A day in seconds."""

RANGES: tuple[RangeName, ...] = ("15m", "1h", "6h", "24h", "7d", "30d")


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time that ends now."""

    name: str
    since: datetime
    """Begin of the first step: a multiple of the step, so that bars of a chart do not move at every call."""
    until: datetime
    step_s: int
    table: str
    """`traffic_1s`, `traffic_1m`, or a coarser rollup (see `reading`)."""
    rolled: bool = False
    """Whether the table has a column for each count, instead of a row for each kind of call."""

    @classmethod
    def of(cls, name: RangeName, now: datetime | None = None) -> "Window":
        """The window of a named range. It ends with the step that is running."""
        length, step_s, table = _STEPS[name]
        # The end is rounded up, so that the step that is running is in the window, though not complete.
        moment = (now or datetime.now(UTC)).timestamp()
        until = (int(moment) // step_s + 1) * step_s
        since = until - int(length.total_seconds())
        return cls(name, _time(since), _time(until), step_s, table)

    @property
    def before(self) -> "Window":
        """The equally long window before this one."""
        # The two windows touch and do not overlap, so no request counts in both.
        return replace(self, since=self.since - (self.until - self.since), until=self.since)

    @property
    def length_s(self) -> int:
        """Length of the window in seconds."""
        return int((self.until - self.since).total_seconds())

    def reading(self, table: str) -> "Window":
        """The same window, read from a rollup that has a column for each count.

        Args:
            table: `traffic_api_1m`, `traffic_api_1h` or `traffic_endpoint_1h`.
        """
        return replace(self, table=table, rolled=True)

    def traffic_sql(self, name: str) -> str:
        """A traffic query over the table of the window.

        Args:
            name: name of a file in `visibility/queries`. Where the tables differ, the file has a name between
                dollar signs, which a text of this module replaces. A query parameter could not choose between
                two expressions: ClickHouse would resolve both, and each names columns that one table lacks.
        """
        text = load_sql("visibility", f"queries/{name}")
        for part, column in (_SIDE_BY_SIDE if self.rolled else _BY_KIND).items():
            text = text.replace(f"${part}$", column)
        # Rollups of whole APIs have no endpoints, and are not read for one.
        is_of_apis = self.rolled and not self.table.startswith("traffic_endpoint")
        return text.replace("$endpoint$", "''" if is_of_apis else "endpoint_id")

    def steps(self) -> list[datetime]:
        """The begin of every step, oldest first."""
        count = int((self.until - self.since).total_seconds()) // self.step_s
        return [self.since + timedelta(seconds=self.step_s * number) for number in range(count)]


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
