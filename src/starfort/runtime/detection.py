"""Carries what detectors find to filters, to people, and to disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from starfort.alerts.folding.episodes import Episodes
from starfort.alerts.folding.groups import AlertSink
from starfort.signals.detector import Detector
from starfort.signals.model import Change, WireKey, WireSignal
from starfort.signals.runner import Judged
from starfort.signals.table import SignalTable

EXPIRY_EVERY_S: Final = 0.5
"""How often lapsed signals are removed. Filters let them lapse by themselves, so this only tidies up."""

SAVE_EVERY_S: Final = 5.0
"""How often a changed table is written. New signals are written at once."""

SAVE_JUDGED_EVERY_S: Final = 60.0
"""How often the table is written when nothing has changed except the times up to which detectors have judged.
After a restart at most this much is judged again, which alerts nobody twice."""

FRESH: Final = timedelta(minutes=5)
"""How long ago the newest window that can be seen may have ended, so that its signals hold from now on: as
far as anybody can know, the attack goes on. Signals of older windows, and of windows that are judged late,
hold only for the time that they would have if they had been judged in time."""

log = structlog.get_logger(__name__)

Push = Callable[[Sequence[WireSignal], Sequence[WireKey]], None]


class Detection:
    """Takes the signals of each run, and keeps table, filters, alerts and file up to date.

    Args:
        table: the active signals.
        push: tells every filter (`set`, `clear`).
        alerts: takes new alerts, and new figures of those that go on.
        path: the file that keeps the table over a restart.
        judged: end of the newest window that each detector judged; it is kept with the table.
        clock: Unix seconds.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (a table, and everything that hears of its changes)
        self,
        table: SignalTable,
        push: Push,
        alerts: AlertSink,
        path: Path,
        judged: Callable[[], Mapping[str, datetime]] = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.table = table
        self._judged = judged
        self._saved, self._saved_at = -1, 0.0
        self._push = push
        self._clock = clock
        self._path = path
        self._changed = asyncio.Event()
        self._episodes = Episodes(alerts, clock)

    def restore(self, detectors: Sequence[Detector]) -> set[str]:
        """Go on with the alerts of the signals that the table kept over a restart.

        Returns:
            De-duplication keys of the alerts that go on.
        """
        self._episodes.restore(detectors, self.table.active())
        return self._episodes.keys

    async def take(self, detector: Detector, judged: Judged) -> None:
        """Take over the signals of one window. Filters are told before anything else happens."""
        end = judged.until.timestamp()
        holds_from = None if judged.current and judged.lag <= FRESH else end
        change = self.table.merge(judged.signals, holds_from)
        # Filters are told first: each millisecond counts for them, and alerts may wait for the database.
        self._tell(change)
        self._episodes.take(detector, change, end)
        self._episodes.lapse(change.clear)
        if change.new:
            self._changed.set()
            for active in change.new:
                log.warning(
                    "signal_raised",
                    kind=active.signal.kind,
                    key_type=active.signal.key_type,
                    key=active.signal.key,
                    score=round(active.signal.score, 3),
                )

    def _tell(self, change: Change) -> None:
        # Most windows change nothing, and then no filter gets a frame.
        if change:
            self._push(*self.table.wire(change))

    def lift(self, kind: str, key_type: str, key: str) -> bool:
        """Remove one signal by hand; `False` when it is not active."""
        change = self.table.clear(kind, key_type, key)
        self._tell(change)
        self._episodes.lapse(change.clear)
        if change:
            self._changed.set()
        return bool(change)

    async def tidy(self) -> None:
        """Let signals lapse and keep their alerts up to date, until cancelled."""
        while True:
            await asyncio.sleep(EXPIRY_EVERY_S)
            self.expire()

    def expire(self) -> None:
        """Let signals lapse whose time is up, and bring their alerts up to date."""
        change = self.table.expire()
        self._tell(change)
        self._episodes.lapse(change.clear)
        self._episodes.write()
        if change:
            self._changed.set()

    async def keep(self) -> None:
        """Write the table after each change and now and then, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(SAVE_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            # Cleared before writing, so a change that comes during the write is written next time.
            self._changed.clear()
            if self.table.version != self._saved or self._clock() - self._saved_at >= SAVE_JUDGED_EVERY_S:
                await self.save()

    async def save(self) -> None:
        """Write the table; a failure is logged, and the next save tries again."""
        self.table.judged = dict(self._judged())
        # Read before writing: a change that comes meanwhile has a later version and is written next time.
        version = self.table.version
        try:
            await asyncio.to_thread(self.table.save, self._path)
        except OSError as error:
            log.error("signals_not_saved", path=str(self._path), reason=error.strerror)  # noqa: TRY400 (expected)
            return
        self._saved, self._saved_at = version, self._clock()
