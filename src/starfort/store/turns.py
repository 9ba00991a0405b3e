"""Turns of queries: how many may run and wait at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from starfort.store.clickhouse import QueryLimits, Reader
from starfort.store.errors import StoreBusyError


class Turns:
    """Lets a number of queries run at once. A query that waits too long, or finds the queue full, is refused.

    Args:
        at_once: how many may hold a turn.
        waiting: how many may wait; `None`: any number, for as long as it takes.
        wait_seconds: longest wait.
    """

    def __init__(self, at_once: int, waiting: int | None = None, wait_seconds: float = 0.0) -> None:
        self._free = threading.Semaphore(at_once)
        self._most_waiting = waiting
        self._wait_seconds = wait_seconds
        self._waiting = 0
        self._counting = threading.Lock()
        self.refused = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Hold a turn.

        Raises:
            StoreBusyError: too many wait already, or this waited for too long.
        """
        if not self._free.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._free.release()

    def _wait(self) -> None:
        if self._most_waiting is None:
            self._free.acquire()
            return
        # Refused at once rather than after a wait that is likely to end the same way.
        with self._counting:
            crowded = self._waiting >= self._most_waiting
            if not crowded:
                self._waiting += 1
        if crowded:
            self._refuse(f"{self._most_waiting} queries wait already")
        try:
            taken = self._free.acquire(timeout=self._wait_seconds)
        finally:
            with self._counting:
                self._waiting -= 1
        if not taken:
            self._refuse(f"no query before this one ended within {self._wait_seconds:g} s")

    def _refuse(self, why: str) -> None:
        with self._counting:
            self.refused += 1
        raise StoreBusyError(f"the store is busy with queries of other pages: {why}; try again in a moment")


def turns_of(limits: QueryLimits) -> dict[Reader, Turns]:
    """The turns of each kind of reader. Only queries of pages are refused: detection must not miss a beat."""
    return {
        reader: Turns(limits.sessions(reader), limits.waiting, limits.wait_seconds)
        if reader is Reader.PAGES
        else Turns(limits.sessions(reader))
        for reader in Reader
    }
