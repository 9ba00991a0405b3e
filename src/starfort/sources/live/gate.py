"""What every source of live calls hands its calls to: a bounded queue that never makes a caller wait."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from starfort.sources.call import Call

Deliver = Callable[[list[Call]], Awaitable[None]]
"""Makes rows of calls and puts them into the store; it returns when they are taken."""

MOST_WAITING: Final = 5_000
"""Calls that wait for their rows."""

MOST_BYTES: Final = 64 << 20
"""Bytes of their bodies."""

EVERY_S: Final = 0.5
"""How long calls are gathered. Detection waits for it, and each batch costs an insert."""


@dataclass(slots=True)
class Counts:
    """What became of a source's calls since the start; every number only rises.

    Attributes:
        taken: calls whose events are on their way to the store.
        dropped: calls that were left out, by reason: `rate`, `overload`, `unreadable`, `skipped`.
        cut: bodies of which only the beginning was looked at.
    """

    taken: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    cut: int = 0


class Gate:
    """Takes calls in, up to a rate.

    Args:
        rate: calls a second; a second's worth may come at once.
        deliver: takes batches.
        clock: seconds, rising.
    """

    def __init__(self, rate: int, deliver: Deliver, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = Counts()
        self._rate = rate
        self._deliver = deliver
        self._clock = clock
        self._left = float(rate)
        self._at = clock()
        self._held: list[Call] = []
        self._bytes = 0
        self._wake = asyncio.Event()

    def has_room(self) -> bool:
        """Whether a call would be taken in now; a source may then spare itself the reading of its body."""
        return self._tokens() >= 1 and len(self._held) < MOST_WAITING and self._bytes < MOST_BYTES

    def offer(self, call: Call) -> bool:
        """Take a call in, or count it as dropped.

        Returns:
            Whether it was taken in.
        """
        if self._tokens() < 1:
            self.counts.dropped["rate"] += 1
            return False
        size = len(call.body) + len(call.response_body)
        if len(self._held) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self.counts.dropped["overload"] += 1
            return False
        self._left -= 1
        self._held.append(call)
        self._bytes += size
        self._wake.set()
        return True

    def drop(self, reason: str) -> None:
        """Count a call that cannot be offered."""
        self.counts.dropped[reason] += 1

    def _tokens(self) -> float:
        now = self._clock()
        self._left = min(float(self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left

    async def run(self) -> None:
        """Hand batches on, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Hand on what was gathered."""
        self._wake.clear()
        calls, self._held, self._bytes = self._held, [], 0
        if not calls:
            return
        try:
            await self._deliver(calls)
        except BaseException:
            self.counts.dropped["overload"] += len(calls)
            raise
        self.counts.taken += len(calls)
