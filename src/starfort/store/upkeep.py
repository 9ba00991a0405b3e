"""The store's own upkeep, in a thread of its own: it fills rollups and removes rows whose time is over."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from starfort.store.errors import StoreClosedError, StoreError
from starfort.store.marks import Marks
from starfort.store.retention import Retention, Retirement
from starfort.store.rollups import Rollups

if TYPE_CHECKING:
    from starfort.store.clickhouse import ClickHouse
    from starfort.store.migrations import Dialect

ROLL_EVERY: Final = timedelta(seconds=60)
"""How far behind the rollups without a view may be. A run costs about 150 ms of CPU, even when little
came."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class UpkeepFigures:
    """Figures about the upkeep.

    Attributes:
        runs: passes so far.
        failures: passes that failed.
        error: why the last one failed, "" when it did not.
        caught_up: whether the rollups had everything that had arrived at the last pass.
    """

    runs: int = 0
    failures: int = 0
    error: str = ""
    caught_up: bool = False


class Upkeep:
    """The upkeep of one store.

    Args:
        client: the store's ClickHouse.
        dialect: whether it is a cluster.
        retention: how long rows are kept.
    """

    def __init__(self, client: ClickHouse, dialect: Dialect, retention: Retention) -> None:
        marks = Marks(client)
        self.figures = UpkeepFigures()
        self._retention = retention
        self._rollups = Rollups(client, marks)
        self._retirement = Retirement(client, dialect, marks)
        self._retired_at = 0.0
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="starfort-store-upkeep", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def end(self) -> None:
        """Stop; waits for the piece of work under way, about a second."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def keep(self, retention: Retention) -> None:
        """Keep rows as long as this from now on; what is over by it goes with a pass that begins at once."""
        if retention != self._retention:
            self._retention = retention
            self._retired_at = 0.0
            self._wake.set()

    def once(self) -> None:
        """Do all that there is to do, now. Blocking.

        Raises:
            StoreError: a statement failed.
        """
        with self._turn:
            self._fill()
            self._retire()

    def _fill(self) -> None:
        self.figures.caught_up = self._rollups.run(lambda: not self._ended.is_set())

    def _retire(self) -> None:
        began = time.monotonic()
        if self.figures.caught_up:
            self._rollups.compact(lambda: not self._ended.is_set())
        self._retirement.run(self._retention)
        self._retired_at = began

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            try:
                self._pass()
            except StoreClosedError:
                return
            self.figures.runs += 1
            self._wake.wait(min(ROLL_EVERY, self._retention.pause).total_seconds())

    def _pass(self) -> None:
        """Fill the sums, then remove what they are made of. A full disk is emptied even if filling fails."""
        due = time.monotonic() - self._retired_at >= self._retention.pause.total_seconds()
        error: StoreError | None = None
        with self._turn:
            for work in (self._fill, self._retire) if due or not self._retired_at else (self._fill,):
                try:
                    work()
                except StoreClosedError:
                    raise
                except StoreError as problem:
                    error = problem
                    self._failed(problem)
        if error is None:
            self.figures.error = ""

    def _failed(self, error: StoreError) -> None:
        text = " ".join(str(error).split())[:300]
        self.figures.failures += 1
        # Logged once and not at each pass, which comes every minute.
        if text != self.figures.error:
            log.error("store_upkeep_failed", reason=text)
        self.figures.error = text
