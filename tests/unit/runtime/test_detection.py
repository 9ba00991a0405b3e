"""From what a window came to, to what filters know and people are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from starfort.alerts.model import Alert
from starfort.runtime.detection import FRESH, Detection
from starfort.signals.model import Signal
from starfort.signals.runner import Judged
from starfort.signals.table import SignalTable
from tests.support.detectors import counting

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SIGNAL = Signal(
    "many", "address", "192.0.2.1", 0.9, ({"requests": 12},), timedelta(seconds=60), "many", "low", "Many"
)


class Desk:
    """Detection with what it told."""

    def __init__(self, tmp_path: Path) -> None:
        self.pushed: list[dict[str, Any]] = []
        self.alerts: list[Alert] = []
        self.table = SignalTable(NOW.timestamp)
        self.detection = Detection(
            self.table,
            lambda wanted, _: self.pushed.extend(wanted),
            self,
            tmp_path / "signals.json",
            clock=NOW.timestamp,
        )

    def submit(self, alert: Alert) -> bool:
        """Take a new alert."""
        self.alerts.append(alert)
        return True

    def update(self, alert: Alert, *, tell: bool) -> bool:
        """New figures change nothing here."""
        del alert
        return tell

    async def judge(self, ago: timedelta, *, current: bool) -> None:
        """Take over a window that ended so long ago and found the signal."""
        judged = Judged([SIGNAL], NOW - ago, current=current, lag=ago)
        await self.detection.take(counting(), judged)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk."""
    return Desk(tmp_path)


async def test_newest_that_can_be_seen_holds_from_now(desk: Desk) -> None:
    """While the store is minutes behind, an attack in the newest window is stopped for the whole TTL."""
    await desk.judge(timedelta(minutes=4), current=True)
    assert desk.pushed[0]["ttl_ms"] == 60_000
    assert desk.alerts[0].latest == NOW - timedelta(minutes=4)
    assert desk.alerts[0].state == "new"


@pytest.mark.parametrize(
    ("ago", "current"), [(timedelta(hours=1), False), (FRESH + timedelta(seconds=1), True)]
)
async def test_attack_that_is_over_is_told_and_not_stopped(desk: Desk, ago: timedelta, current: bool) -> None:
    """One that is found an hour late, or so far behind that nobody knows, is an alert with its time."""
    await desk.judge(ago, current=current)
    assert (desk.pushed, desk.table.active()) == ([], [])
    assert [(alert.state, alert.latest) for alert in desk.alerts] == [("ended", NOW - ago)]


async def test_late_finding_holds_as_long_as_it_would_have(desk: Desk) -> None:
    """A window that ended 40 s ago gives its signal the 20 s that are left of its TTL."""
    await desk.judge(timedelta(seconds=40), current=False)
    assert desk.pushed[0]["ttl_ms"] == 20_000


async def test_attack_that_goes_on_is_told_once(desk: Desk) -> None:
    """Its late windows neither tell nor stop anything anew."""
    await desk.judge(timedelta(), current=True)
    for seconds in (90, 60, 30):
        await desk.judge(timedelta(seconds=seconds), current=False)
    assert (len(desk.alerts), len(desk.pushed)) == (1, 1)
