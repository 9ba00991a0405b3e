"""Runs a detector over the past, to say what it would have signalled."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starfort.questions.ask import Queryable
from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.query import run_once


@dataclass(slots=True)
class Backtest:
    """What a detector would have signalled.

    Attributes:
        since: begin of the time looked at.
        until: end of it; earlier than asked for when time ran out.
        runs: runs that stand for it.
        hits: each signal's first and last time, highest score and the evidence of that run.
    """

    since: datetime
    until: datetime
    runs: int = 0
    hits: dict[tuple[str, str], BacktestHit] = field(default_factory=dict)


@dataclass(slots=True)
class BacktestHit:
    """One key that a backtest would have signalled."""

    signal: Signal
    first_at: datetime
    last_at: datetime
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a backtest looks at, and how it is walked.

    Attributes:
        since: begin, UTC.
        until: end, UTC.
        step: from one run to the next; half the window sees every burst that the live runs saw.
        longest: stop after the run that ends beyond this much time; `None`: walk all of it.
    """

    since: datetime
    until: datetime
    step: timedelta
    longest: timedelta | None = None

    def moments(self) -> Iterator[datetime]:
        """The ends of the windows, the last of them `until`; fewer when time runs out after the first."""
        deadline = math.inf if self.longest is None else time.monotonic() + self.longest.total_seconds()
        moment = self.since
        while moment < self.until:
            # The first window is judged however late it is, so that repeated calls always make progress.
            if moment > self.since and time.monotonic() > deadline:
                return
            # The last window ends exactly at `until`, so that a period that is no multiple of the step is
            # whole.
            moment = min(moment + self.step, self.until)
            yield moment


def backtest(store: Queryable, detector: Detector, period: Period) -> Backtest:
    """Run a detector over the past.

    Args:
        store: where the past is.
        detector: what to run.
        period: the time to look at; `Backtest.until` says how far the run came.

    Raises:
        RowError: its rows are no signals.
        Exception: whatever the store raises.
    """
    found = Backtest(period.since, period.since)
    for moment in period.moments():
        found.until = moment
        found.runs += 1
        for signal in run_once(store, detector, moment)[0]:
            if signal.score > 0:  # a row with score 0 would have lifted a signal, and raised none
                _take(found, signal, moment)
    return found


def _take(found: Backtest, signal: Signal, moment: datetime) -> None:
    hit = found.hits.get((signal.key_type, signal.key))
    if hit is None:
        found.hits[signal.key_type, signal.key] = BacktestHit(signal, moment, moment)
        return
    # Runs go forward in time, so this one is the latest; its evidence counts only when it is the strongest.
    hit.last_at, hit.runs = moment, hit.runs + 1
    if signal.score > hit.signal.score:
        hit.signal = signal
