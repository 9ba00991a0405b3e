"""The parts that all alerts which stand for many rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from starfort.alerts.model import Alert
from starfort.base.severity import Severity, severity_rank

MAX_EVIDENCE_ROWS: Final = 50
"""Rows that an alert shows, the most telling ones. People read some of them, and channels send all of
them."""

Row = TypeVar("Row")
Group = TypeVar("Group", bound=Hashable)


class AlertSink(Protocol):
    """Takes alerts, as `AlertDispatcher` does."""

    def submit(self, alert: Alert) -> bool:
        """Take a new alert; never blocks. `False` when there was no room for it."""

    def update(self, alert: Alert, *, tell: bool) -> bool:
        """Take new figures of an alert that was submitted before; `tell` says whether people hear of them."""


def grouped(rows: Iterable[Row], group: Callable[[Row], Group]) -> dict[Group, list[Row]]:
    """Rows by group, groups and rows in the order in which they come."""
    # `itertools.groupby` would need the rows sorted by group, and their order must stay.
    found: dict[Group, list[Row]] = {}
    for row in rows:
        found.setdefault(group(row), []).append(row)
    return found


def and_more(title: str, count: int) -> str:
    """The title of the strongest of `count` rows, with the number of the other rows."""
    return f"{title} and {count - 1:,} more like it" if count > 1 else title


def most_severe(severities: Iterable[Severity]) -> Severity:
    """The most urgent of several severities, of which there is at least one."""
    # Severities are words, and the alphabet does not sort them by urgency.
    return max(severities, key=severity_rank)


def shown(
    rows: Sequence[Row], evidence: Callable[[Row], Mapping[str, object]]
) -> tuple[Mapping[str, object], ...]:
    """The evidence of an alert: of rows in the order of their weight, the first `MAX_EVIDENCE_ROWS`."""
    return tuple(evidence(row) for row in rows[:MAX_EVIDENCE_ROWS])
