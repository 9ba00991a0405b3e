"""Runs detectors each on its own beat, and turns their rows into signals.

The runner knows the store only as something that answers a query, so a test gives it rows, and a backtest
gives it the past. One detector that fails or is slow does not hold up another: each runs at most once at a
time, at most `parallel` at once, and a failure is counted and shown, never raised.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from starfort.signals.detector import PROBE, Detector
from starfort.signals.model import Signal

MAX_ROWS: Final = 2000
"""Signals of one run; a detector that finds more is too coarse, and its highest scores count."""

MAX_EXECUTION_S: Final = 5.0
"""A query that runs longer is stopped by ClickHouse and counted as a failure."""

MAX_KEY_CHARACTERS: Final = 512
"""Longest key; a campaign is two hashes, a JA4 and a number."""

_COLUMNS: Final = frozenset({"key", "key_type", "score", "probe"})

log = structlog.get_logger(__name__)


class Queryable(Protocol):
    """What answers a detector's query: the store."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows of a SELECT with bound parameters."""


class RowError(Exception):
    """A detector returned a row that is no signal."""


@dataclass(slots=True)
class DetectorState:
    """A detector as it runs.

    Attributes:
        detector: what runs.
        runs: runs since start.
        failures: runs that failed.
        last_error: why the last run failed, "" when it did not.
        last_s: seconds that the last run took.
        total_s: seconds that all runs took.
        signals: signals that all runs yielded.
        rows_left_out: rows beyond `MAX_ROWS`.
        due_at: monotonic seconds of its next run.
        running: whether a run is under way.
        skipped: beats at which the last run was still under way.
    """

    detector: Detector
    runs: int = 0
    failures: int = 0
    last_error: str = ""
    last_s: float = 0.0
    total_s: float = 0.0
    signals: int = 0
    rows_left_out: int = 0
    due_at: float = 0.0
    running: bool = False
    skipped: int = 0


def bounded_sql(detector: Detector) -> str:
    """The detector's query inside one that bounds what it may cost and return.

    Being inside, it can be nothing but a SELECT; the store's readers are read-only besides.
    """
    return (
        f"SELECT * FROM (\n{detector.sql}\n) ORDER BY score DESC LIMIT {MAX_ROWS + 1} "  # noqa: S608 (the detector's own)
        f"SETTINGS max_execution_time = {MAX_EXECUTION_S:g}, max_result_rows = {MAX_ROWS + 1}, "
        "result_overflow_mode = 'break', enable_materialized_cte = 1"
    )


def signals_of(detector: Detector, rows: Sequence[Mapping[str, Any]]) -> list[Signal]:
    """The signals that a run's rows are.

    Args:
        detector: whose rows.
        rows: what its query returned; each keeps its other columns as evidence.

    Raises:
        RowError: a column is missing, a score is no number in 0..1, or a key type was not declared.
    """
    return [_signal(detector, row) for row in rows[:MAX_ROWS]]


def _signal(detector: Detector, row: Mapping[str, Any]) -> Signal:
    spec = detector.spec
    missing = sorted({"key", "score"} - set(row))
    if missing:
        raise RowError(f"the query returns no column {' and no column '.join(missing)}")
    key_type = row.get("key_type", spec.key_type[0] if len(spec.key_type) == 1 else None)
    if key_type not in spec.key_type:
        raise RowError(f"key_type {key_type!r} is none of {', '.join(spec.key_type)}")
    key, score = row["key"], row["score"]
    if not isinstance(key, str) or not key or len(key) > MAX_KEY_CHARACTERS:
        raise RowError(f"key of type {type(key).__name__} is no text of 1 to {MAX_KEY_CHARACTERS} characters")
    if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
        raise RowError(f"score {score!r} is no number from 0 to 1")
    probe = row.get("probe", detector.settings.get(PROBE, spec.probe))
    if not isinstance(probe, int | float) or not 0 <= probe <= 1:
        raise RowError(f"probe {probe!r} is no number from 0 to 1")
    evidence = {name: _evidence(value) for name, value in row.items() if name not in _COLUMNS}
    return Signal(
        kind=spec.kind,
        key_type=key_type,
        key=key,
        score=float(score),
        evidence=(evidence,),
        ttl=spec.ttl,
        detector=spec.name,
        severity=spec.severity,
        title=detector.render(spec.title, row),
        probe=float(probe),
        spare_known=spec.spare_known,
    )


def _evidence(value: Any) -> Any:
    """A column's value as JSON holds it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_evidence(item) for item in value[:100]]
    return value


def run_once(store: Queryable, detector: Detector, until: datetime) -> tuple[list[Signal], int]:
    """Run one detector for the window that ends at `until`.

    Returns:
        Its signals, and how many rows beyond `MAX_ROWS` were left out (at least).

    Raises:
        RowError: its rows are no signals.
        Exception: whatever the store raises.
    """
    rows = store.query(bounded_sql(detector), detector.parameters(until))
    return signals_of(detector, rows), max(0, len(rows) - MAX_ROWS)


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


class DetectorRunner:
    """Runs detectors until stopped.

    Args:
        store: answers their queries (from threads).
        on_signals: gets each run's signals, even none.
        parallel: runs at once; the store's readers are two, and pages want one.
        tick_s: how often it looks for what is due.
    """

    def __init__(
        self,
        store: Queryable,
        on_signals: Callable[[Detector, list[Signal]], Awaitable[None]],
        parallel: int = 2,
        tick_s: float = 0.1,
    ) -> None:
        self._store = store
        self._on_signals = on_signals
        self._tick_s = tick_s
        self._free = asyncio.Semaphore(parallel)
        self._runs: set[asyncio.Task[None]] = set()
        self._states: dict[str, DetectorState] = {}

    @property
    def states(self) -> list[DetectorState]:
        """Each detector with how it runs."""
        return list(self._states.values())

    def replace(self, detectors: Sequence[Detector]) -> None:
        """Run these from now on; counters of those that stay are kept."""
        states: dict[str, DetectorState] = {}
        for detector in detectors:
            known = self._states.get(detector.name)
            states[detector.name] = known or DetectorState(detector)
            states[detector.name].detector = detector
        self._states = states

    async def run(self) -> None:
        """Run what is due, until cancelled; then wait for what runs."""
        try:
            while True:
                self.start_due(time.monotonic())
                await asyncio.sleep(self._tick_s)
        finally:
            await asyncio.gather(*self._runs, return_exceptions=True)

    def start_due(self, now: float) -> None:
        """Start every detector whose time has come (`now` in monotonic seconds) and that is not running."""
        for state in self._states.values():
            if now < state.due_at:
                continue
            every_s = state.detector.spec.every.total_seconds()
            state.due_at = max(state.due_at + every_s, now + every_s / 2)
            if state.running:
                state.skipped += 1
                continue
            state.running = True
            task = asyncio.create_task(self._run(state))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    async def _run(self, state: DetectorState) -> None:
        detector = state.detector
        try:
            async with self._free:
                started = time.perf_counter()
                try:
                    signals, left_out = await asyncio.to_thread(
                        run_once, self._store, detector, datetime.now(UTC)
                    )
                finally:
                    state.last_s = time.perf_counter() - started
                    state.total_s += state.last_s
                    state.runs += 1
            state.rows_left_out += left_out
            state.signals += len(signals)
            state.last_error = ""
            await self._on_signals(detector, signals)
        except Exception as error:  # noqa: BLE001 (a broken detector must not stop the others; counted and shown)
            state.failures += 1
            reason = " ".join(str(error).split())[:500]
            if reason != state.last_error:
                log.warning("detector_failed", detector=detector.name, reason=reason)
            state.last_error = reason
        finally:
            state.running = False
