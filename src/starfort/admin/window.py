"""The windows of time that API and dashboard look at, and the SQL that reads them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

RangeName = Literal["15m", "1h", "6h", "24h", "7d", "30d"]

_STEPS: dict[str, tuple[timedelta, int, str]] = {
    "15m": (timedelta(minutes=15), 10, "traffic_1s"),
    "1h": (timedelta(hours=1), 60, "traffic_1m"),
    "6h": (timedelta(hours=6), 300, "traffic_1m"),
    "24h": (timedelta(hours=24), 900, "traffic_1m"),
    "7d": (timedelta(days=7), 7200, "traffic_1m"),
    "30d": (timedelta(days=30), 21600, "traffic_1m"),
}
"""Length, step in seconds (60 to 120 steps, which is what a chart can show), and rollup that is read."""

DAY_S = 86_400
"""A day in seconds."""

RANGES: tuple[RangeName, ...] = ("15m", "1h", "6h", "24h", "7d", "30d")


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time that ends now."""

    name: str
    since: datetime
    """First step's begin: a multiple of the step, so that a series does not flicker from call to call."""
    until: datetime
    step_s: int
    table: str
    """`traffic_1s` or `traffic_1m`, or a rollup of more: see `reading`."""
    suffix: str = ""
    """What follows the name of a traffic query that reads the table."""

    @classmethod
    def of(cls, name: RangeName, now: datetime | None = None) -> "Window":
        """The window of a range's name that ends with the step that is running."""
        length, step_s, table = _STEPS[name]
        # The end is rounded up, so that the step that is running is in the window, though not complete.
        moment = (now or datetime.now(UTC)).timestamp()
        until = (int(moment) // step_s + 1) * step_s
        since = until - int(length.total_seconds())
        return cls(name, _time(since), _time(until), step_s, table)

    @property
    def before(self) -> "Window":
        """The equally long window before this one."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)

    @property
    def length_s(self) -> int:
        """Its length in seconds."""
        return int((self.until - self.since).total_seconds())

    def reading(self, table: str) -> "Window":
        """The same, read from a rollup with a column for each decision.

        Args:
            table: `traffic_api_1m`, `traffic_api_1h` or `traffic_endpoint_1h`.
        """
        return replace(self, table=table, suffix="_rolled")

    def steps(self) -> list[datetime]:
        """Begin of every step, oldest first."""
        count = int((self.until - self.since).total_seconds()) // self.step_s
        return [self.since + timedelta(seconds=self.step_s * number) for number in range(count)]


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
