"""Checks beside the catalogue: what they find is told, and nothing is asked while nothing is stored."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from starfort.alerts.model import Alert
from starfort.runtime import posture_watch
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.posture_watch import PostureWatch
from tests.support.control import until


class Feed(CatalogueFeed):
    """A feed whose checks find something at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def check(self) -> list[Alert]:
        """One alert."""
        self.looks += 1
        return [Alert("open_endpoint", "high", f"look {self.looks}", "shop")]


async def test_what_checks_find_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look's alerts are submitted, until the work is cancelled."""
    monkeypatch.setattr(posture_watch, "EVERY_S", 0.001)
    told: list[Alert] = []
    feed = Feed()
    work = asyncio.create_task(PostureWatch(feed, lambda: feed.looks, told.append).run())
    await until(lambda: len(told) >= 2)
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    assert [alert.title for alert in told[:2]] == ["look 1", "look 2"]
