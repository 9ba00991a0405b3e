"""A detector over the past: what it would have signalled."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.query import Queryable, run_once


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


def backtest(  # noqa: PLR0913, PLR0917 (a detector, a period and how it is walked)
    store: Queryable,
    detector: Detector,
    since: datetime,
    until: datetime,
    step: timedelta,
    longest: timedelta | None = None,
) -> Backtest:
    """Run a detector over the past.

    Args:
        store: where the past is.
        detector: what to run.
        since: begin, UTC.
        until: end, UTC.
        step: from one run to the next; half the window sees every burst that the live runs saw.
        longest: stop after the run that ends beyond this much time; `Backtest.until` says how far it came.

    Raises:
        RowError: its rows are no signals.
        Exception: whatever the store raises.
    """
    found = Backtest(since, until)
    moment = since + step
    deadline = math.inf if longest is None else time.monotonic() + longest.total_seconds()
    while moment <= until + step:
        now = min(moment, until)
        if time.monotonic() > deadline and found.runs:
            found.until = moment - step
            break
        found.runs += 1
        for signal in run_once(store, detector, now)[0]:
            if signal.score <= 0:
                continue  # it would have been lifted
            hit = found.hits.get((signal.key_type, signal.key))
            if hit is None:
                found.hits[signal.key_type, signal.key] = BacktestHit(signal, now, now)
                continue
            hit.last_at, hit.runs = now, hit.runs + 1
            if signal.score > hit.signal.score:
                hit.signal = signal
        if now >= until:
            break
        moment += step
    return found
