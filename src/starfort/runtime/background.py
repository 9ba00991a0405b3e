"""Runs work beside everything else: until the end, or once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from starfort.base.tasks import Failures, keep_running

ONCE = "other work"
"""The name under which failures of work that runs once are counted."""

log = structlog.get_logger(__name__)


class Background:
    """The tasks of one control plane.

    Attributes:
        failures: how often each piece of work failed, by its name.
    """

    def __init__(self) -> None:
        self.failures: dict[str, Failures] = {}
        # The event loop has only weak references to tasks, so a task that nothing else refers to may vanish
        # before it is done (documentation of asyncio.create_task).
        self._tasks: set[asyncio.Task[object]] = set()

    def keep(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Run work until `end`; when it fails, the failure is counted and the work begins again.

        Args:
            name: what status and metrics call it.
            work: begins the work; it is called again after each failure.
        """
        self.once(keep_running(name, work, self.failures.setdefault(name, Failures())))

    def once(self, work: Coroutine[object, object, object]) -> None:
        """Run something once; a failure is counted and logged."""
        task: asyncio.Task[object] = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.add(task)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failures = self.failures.setdefault(ONCE, Failures())
            failures.count, failures.error = failures.count + 1, repr(error)[:500]
            failures.at = time.monotonic()
            log.error("background_failed", exc_info=error)

    async def end(self) -> None:
        """Cancel everything and wait until it has ended."""
        # A copy: each task takes itself out of the set as it ends.
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
