"""From what detectors say to what filters know and people are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from starfort.alerts import Alert
from starfort.signals import Change, Detector, Signal, SignalTable

EXPIRY_EVERY_S: Final = 0.5
"""How often lapsed signals are looked for; filters let them lapse by themselves, so this only tidies."""

SAVE_EVERY_S: Final = 5.0
"""How often a changed table is written. New signals are written at once."""

MAX_EVIDENCE_ROWS: Final = 50
"""Rows of evidence of one alert."""

log = structlog.get_logger(__name__)

Push = Callable[[list[dict[str, Any]], list[dict[str, Any]]], None]


class Detection:
    """Takes each run's signals: table, filters, alerts, file.

    Args:
        table: the active signals.
        push: tells every filter (`set`, `clear`).
        submit: takes an alert.
        path: file that the table survives a restart in.
    """

    def __init__(self, table: SignalTable, push: Push, submit: Callable[[Alert], bool], path: Path) -> None:
        self.table = table
        self._push = push
        self._submit = submit
        self._path = path
        self._changed = asyncio.Event()
        self.save_failures = 0

    async def take(self, detector: Detector, signals: list[Signal]) -> None:
        """Take over one run; filters hear of it before anything else happens."""
        change = self.table.merge(signals)
        self._tell(change)
        if change.new:
            self._submit(alert_of(detector, [active.signal for active in change.new]))
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
        if change:
            self._push(*self.table.wire(change))

    def lift(self, kind: str, key_type: str, key: str) -> bool:
        """Remove one signal by hand; `False` when it is not active."""
        change = self.table.clear(kind, key_type, key)
        self._tell(change)
        if change:
            self._changed.set()
        return bool(change)

    async def tidy(self) -> None:
        """Let signals lapse, until cancelled."""
        while True:
            await asyncio.sleep(EXPIRY_EVERY_S)
            change = self.table.expire()
            self._tell(change)
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
            self._changed.clear()
            await self.save()

    async def save(self) -> None:
        """Write the table; a failure is counted and logged."""
        try:
            await asyncio.to_thread(self.table.save, self._path)
        except OSError as error:
            self.save_failures += 1
            log.error("signals_not_saved", path=str(self._path), reason=error.strerror)  # noqa: TRY400 (expected)


def alert_of(detector: Detector, signals: list[Signal]) -> Alert:
    """One alert for all that a run raised: a campaign over forty networks is one thing to look at.

    Args:
        detector: whose run.
        signals: at least one.
    """
    strongest = max(signals, key=lambda signal: signal.score)
    others = f" and {len(signals) - 1} more like it" if len(signals) > 1 else ""
    rows = [
        {"key_type": signal.key_type, "key": signal.key, "score": round(signal.score, 3), **row}
        for signal in signals
        for row in signal.evidence
    ]
    return Alert(
        kind=detector.spec.kind,
        severity=detector.spec.severity,
        title=strongest.title + others,
        subject=f"{strongest.key_type}={strongest.key}",
        evidence=tuple(rows[:MAX_EVIDENCE_ROWS]),
        dedup_key=f"signal:{detector.name}:{strongest.key_type}:{strongest.key}",
    )
