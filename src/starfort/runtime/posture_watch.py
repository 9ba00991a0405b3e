"""Lets posture checks look at traffic, and tells people what they found.

Checks run apart from the catalogue: a user's check may take seconds, and a new endpoint should be known
within three.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Final

import structlog

from starfort.alerts import Alert
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.changes import ChangeWatch

EVERY_S: Final = 2.0
"""How often checks are looked through for those that are due; each has a beat of its own, of 30 s and
more."""

log = structlog.get_logger(__name__)


class PostureWatch:
    """Keeps findings up to date with traffic.

    Args:
        feed: has the checks.
        state: a value that changes when there may be something new.
        submit: takes an alert.
    """

    def __init__(
        self, feed: CatalogueFeed, state: Callable[[], Hashable], submit: Callable[[Alert], object]
    ) -> None:
        self._feed = feed
        self._state = state
        self._submit = submit
        self.failures = 0

    async def run(self) -> None:
        """Run checks whenever there may be something new, until cancelled."""
        changes = ChangeWatch(self._state)
        while True:
            await asyncio.sleep(EVERY_S)
            if not changes.due(time.monotonic()):
                continue
            try:
                alerts = await asyncio.to_thread(self._feed.check)
            except Exception:
                self.failures += 1
                log.exception("posture_failed")
                continue
            for alert in alerts:
                self._submit(alert)
