"""Keeps work in the background going, whatever fails in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

RESTART_S: Final = 1.0
LONGEST_RESTART_S: Final = 30.0
"""The first and the longest wait before work that failed is started again; the wait doubles each time."""

WELL_AFTER_S: Final = 60.0
"""After this time without a failure, work counts as healthy again."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Failures:
    """How often one piece of work failed.

    Attributes:
        count: failures since the start.
        error: why it failed last, "" when it never did.
        at: seconds of the monotonic clock of that failure.
    """

    count: int = 0
    error: str = ""
    at: float = 0.0

    def recent(self) -> bool:
        """Whether it failed within the last `WELL_AFTER_S`."""
        return bool(self.count) and time.monotonic() - self.at < WELL_AFTER_S


async def keep_running(
    name: str, work: Callable[[], Awaitable[object]], failures: Failures, restart_s: float = RESTART_S
) -> None:
    """Run work, and start it again whenever it fails, until it ends by itself or is cancelled.

    Args:
        name: what it is called in the log.
        work: begins it; called anew after each failure.
        failures: counts them.
        restart_s: seconds before the first restart.
    """
    delay = restart_s
    while True:
        began = time.monotonic()
        try:
            await work()
        except Exception as error:
            # Everything is caught on purpose: a mistake in one part must not end detection, or Envoy's
            # supervisor.
            failures.count += 1
            failures.error, failures.at = f"{type(error).__name__}: {error}"[:500], time.monotonic()
            log.exception("background_failed", work=name, again_in_s=delay)
        # Work that ends by itself is done; only a failure starts it again.
        else:
            return
        # A failure after an hour is not a part of the series of failures before.
        if time.monotonic() - began >= WELL_AFTER_S:
            delay = restart_s
        # The pause grows, so that work which fails at once does not fill the log or a core.
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_RESTART_S)
