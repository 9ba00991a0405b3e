"""Lets posture checks look at traffic, and tells people what they found.

Checks do not run together with the catalogue: a user's check may take seconds, and the catalogue should know
a new endpoint within three seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Final

from starfort.alerts.model import Alert
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.changes import ChangeWatch

EVERY_S: Final = 2.0
"""How often to look for checks that are due. Each check has a beat of its own, of 30 s or more."""


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

    async def run(self) -> None:
        """Run checks whenever there may be something new, until cancelled.

        A check that fails is counted with the check. Any other failure ends this work, which is then counted
        and begun again, like all work in the background.
        """
        changes = ChangeWatch(self._state)
        while True:
            await asyncio.sleep(EVERY_S)
            if not changes.due(time.monotonic()):
                continue
            for alert in await asyncio.to_thread(self._feed.check):
                self._submit(alert)
