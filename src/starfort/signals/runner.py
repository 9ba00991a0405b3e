"""Runs detectors, each on its own beat, over what the store holds.

**Which windows.** A window ends where the events end that are stored completely (`seen_until`), not at the
clock: with a store that is behind, a window that ends now would be empty and everything would look calm.
Where `seen_until` lies far back, the window that ends now is judged too, because one filter that hangs must
not hide what the other filters see. Windows that a pause left out, and windows that events arrived late in,
are owed (`Backlog`). They are judged newest first, at most one at each beat, and only when the beat itself is
kept.

**What it costs.** A query that hits a limit is asked again for less at once (`Effort`), and the size that
worked is kept for a while (`Pace`). A beat at which nothing can be new, because nothing was stored since and
the window is empty, costs no query.

A detector that fails or is slow does not hold up another one: each runs at most once at a time, at most
`parallel` of them run at once, in threads of the runner's own, and a failure is counted and shown, never
raised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from starfort.questions.ask import Effort, Queryable
from starfort.questions.pace import Pace, one_line
from starfort.signals.backlog import Backlog
from starfort.signals.beat import Beat
from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.query import has_events, run_once
from starfort.store import QueryLimitError

LAGGING: Final = timedelta(seconds=5)
"""How far `seen_until` may lie behind the clock before the window that ends now is judged too."""

CERTAIN_EVERY: Final = timedelta(seconds=60)
"""Beats are skipped for no longer than this even if nothing is stored: the clock of a filter may be ahead, so
that its events enter the window only later."""

log = structlog.get_logger(__name__)

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of one window.

    Attributes:
        signals: what the detector found, even nothing.
        until: end of the window, UTC.
        current: whether it is the newest window that can be seen; else it was judged late.
        lag: how far its end lay behind the clock.
    """

    signals: list[Signal]
    until: datetime
    current: bool = True
    lag: timedelta = timedelta()


@dataclass(slots=True)
class DetectorState:
    """A detector as it runs.

    Attributes:
        detector: what runs.
        backlog: windows that it owes.
        beat: whether it keeps its beat.
        pace: its queries since the start, and how much each asks at once.
        asked: the last query for the newest window; `None` before the first.
        live_rows: rows that were stored when the window that ends now was judged last.
        skipped_idle: beats that needed no query, as nothing could be new.
        late_runs: windows that were judged late.
        signals: signals that all runs yielded.
        due_at: monotonic seconds of its next run.
        running: whether a run is under way.
        skipped: beats at which the last run was still under way.
        judged_until: end of the newest window that was judged; `None` before the first.
    """

    detector: Detector
    backlog: Backlog
    beat: Beat
    pace: Pace = field(default_factory=Pace)
    asked: Asked | None = None
    live_rows: int = -1
    skipped_idle: int = 0
    late_runs: int = 0
    signals: int = 0
    due_at: float = 0.0
    running: bool = False
    skipped: int = 0
    judged_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The last query for the newest window, to tell whether another one could bring anything new.

    Attributes:
        at: when, UTC.
        rows: rows that were stored then.
        found: signals that it yielded.
    """

    at: datetime
    rows: int
    found: int


@dataclass(slots=True)
class _Stored:
    """How many rows the store had taken, and since when it took none."""

    rows: int = -1
    since: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))


class DetectorRunner:
    """Runs detectors until stopped.

    Args:
        store: answers their queries (from threads); the store as detectors read it.
        on_judged: gets the result of each window, also of one in which nothing was found.
        seen_until: event time up to which everything that filters sent is stored, UTC; the clock when not
            given.
        late: spans of event times (first, last) that became visible only after `seen_until` had passed them;
            each is given once.
        stored: how many rows were stored so far. Without it no beat is skipped.
        clock: the time, UTC.
        parallel: runs at once; as many as the store has readers for detectors.
        tick_s: how often it looks for what is due.
    """

    def __init__(  # noqa: PLR0913 (where events come from, where signals go, and how time passes)
        self,
        store: Queryable,
        on_judged: Callable[[Detector, Judged], Awaitable[None]],
        *,
        seen_until: Callable[[], datetime] | None = None,
        late: Callable[[], Iterable[Span]] | None = None,
        stored: Callable[[], int] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        parallel: int = 2,
        tick_s: float = 0.1,
    ) -> None:
        self._store = store
        self._on_judged = on_judged
        self._seen_until = seen_until or clock
        self._late = late or (lambda: ())
        self._count_stored = stored
        self._clock = clock
        self._tick_s = tick_s
        # A turn is a task's, and a thread is a query's. With as many threads as turns, a query that was
        # started always has a thread, so that its time counts from its start.
        self._free = asyncio.Semaphore(parallel)
        self._threads = ThreadPoolExecutor(parallel, "detector")
        self._runs: set[asyncio.Task[None]] = set()
        self._queued = 0
        self._states: dict[str, DetectorState] = {}
        self._stored = _Stored()
        self._judged_before: dict[str, datetime] = {}

    @property
    def states(self) -> list[DetectorState]:
        """Each detector, with figures about its runs."""
        return list(self._states.values())

    def replace(self, detectors: Sequence[Detector]) -> None:
        """Run these from now on; detectors that stay keep their counters and the windows that they owe."""
        states: dict[str, DetectorState] = {}
        for detector in detectors:
            state = self._states.get(detector.name)
            # With another window the owed windows have another step, so such a detector begins anew.
            if state is None or state.detector.spec.window != detector.spec.window:
                every = detector.spec.every
                fresh = DetectorState(detector, Backlog(detector.spec.window), Beat(every, self._clock()))
                fresh.judged_until = self._judged_before.pop(detector.name, None)
                state = fresh
            state.detector = detector
            state.pace.parts = min(state.pace.parts, Effort.most(detector))
            states[detector.name] = state
        self._states = states

    def judged(self) -> dict[str, datetime]:
        """End of the newest window that each detector judged, for `resume` after a restart."""
        return {name: state.judged_until for name, state in self._states.items() if state.judged_until}

    def resume(self, judged: Mapping[str, datetime]) -> None:
        """Go on where an earlier process stopped; called before `replace`. Windows in between are owed."""
        self._judged_before = dict(judged)

    def problems(self) -> dict[str, str]:
        """Why a detector does not keep its beat, by its name; those that keep it are not there.

        Events that cannot be seen yet are not the fault of a detector.
        """
        now = self._clock()
        seen = min(self._seen_until(), now)
        found = {
            name: state.beat.problem(now, state.beat.behind(seen, state.judged_until), state.pace.last_error)
            for name, state in self._states.items()
        }
        return {name: why for name, why in found.items() if why}

    async def run(self) -> None:
        """Run detectors when they are due, until cancelled; then wait for those that still run."""
        try:
            while True:
                self.start_due(time.monotonic())
                await asyncio.sleep(self._tick_s)
        finally:
            await asyncio.gather(*self._runs, return_exceptions=True)

    def start_due(self, now: float) -> None:
        """Start every detector whose time has come (`now` in monotonic seconds) and that is not running."""
        self._note_late()
        for state in self._states.values():
            if now < state.due_at:
                continue
            every_s = state.detector.spec.every.total_seconds()
            # The beat stays regular. After a pause, missed beats are not made up for: their windows are owed.
            state.due_at = max(state.due_at + every_s, now + every_s / 2)
            if state.running:
                state.skipped += 1
                state.beat.missed(self._clock())
                continue
            state.running = True
            task = asyncio.create_task(self._run(state))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    def _note_late(self) -> None:
        """Owe the windows that events arrived late in, except those that the next beat judges anyway."""
        spans = list(self._late())
        if not spans:
            return
        seen = self._seen_until()
        for state in self._states.values():
            newest = (state.judged_until or seen) - state.backlog.step
            for first, last in spans:
                state.backlog.owe(first, min(last + state.detector.spec.window, newest))

    async def _run(self, state: DetectorState) -> None:
        # The number of waiting detectors decides whether there is room for the past (`_has_room`).
        self._queued += 1
        waits = True
        try:
            async with self._free:
                self._queued, waits = self._queued - 1, False
                await self._judge_seen(state)
                if self._has_room(state):
                    await self._judge_owed(state)
            state.pace.last_error = ""
        except Exception as error:  # noqa: BLE001 (a broken detector must not stop the others; counted and shown)
            state.beat.failed(self._clock())
            reason = one_line(error)
            if state.pace.failed(reason):
                log.warning("detector_failed", detector=state.detector.name, reason=reason)
        finally:
            self._queued -= waits
            state.running = False

    def _has_room(self, state: DetectorState) -> bool:
        """Whether the past may be judged now: nobody waits for a turn, and the beat leaves time for it."""
        return not self._queued and state.pace.last_s < state.detector.spec.every.total_seconds() / 2

    async def _judge_seen(self, state: DetectorState) -> None:
        """Judge the newest window that is stored completely; owe those between it and the previous one."""
        now = self._clock()
        seen = min(self._seen_until(), now)
        if state.judged_until is not None:
            # A filter that connects may be behind the others. What it brings is reported as late, so the
            # newest window never moves back and no window is judged as the newest one twice.
            seen = max(seen, state.judged_until)
        if self._is_idle(state, seen, now):
            state.skipped_idle += 1
        else:
            # Counted before the query, because rows that are stored while it runs may not be in its answer.
            rows = self._stored.rows
            length = state.pace.effort.window(state.detector)
            found = await self._ask(state, seen)
            if state.judged_until is not None:
                state.backlog.owe(state.judged_until, seen - min(state.backlog.step, length))
            state.asked = Asked(now, rows, len(found))
            await self._on_judged(state.detector, Judged(found, seen, lag=now - seen))
        state.judged_until = seen
        state.beat.kept(self._clock())
        if now - seen > LAGGING:
            await self._judge_live(state, now)

    async def _judge_live(self, state: DetectorState, now: datetime) -> None:
        """Judge what is stored of the window that ends now, if anything was stored since the last time."""
        # Without new rows the answer would be the same as the last time.
        if self._count_stored is not None and state.live_rows == self._stored.rows:
            return
        state.live_rows = self._stored.rows
        found = await self._ask(state, now)
        if found:
            await self._on_judged(state.detector, Judged(found, now))

    async def _judge_owed(self, state: DetectorState) -> None:
        """Judge one owed window, with every share of its keys."""
        length = state.pace.effort.window(state.detector)
        until = state.backlog.take(self._clock(), length)
        if until is None:
            return
        loop = asyncio.get_running_loop()
        since = until - state.detector.spec.window
        # Most windows of a pause are empty, and that is cheaper to ask than to judge.
        if not await loop.run_in_executor(self._threads, has_events, self._store, since, until):
            return
        found: list[Signal] = []
        # A late window comes once, so every share of its keys is judged now.
        turns = state.pace.parts if state.detector.samples_keys else 1
        for _ in range(turns):
            found += await self._ask(state, until)
        state.late_runs += 1
        await self._on_judged(state.detector, Judged(found, until, current=False, lag=self._clock() - until))

    def _is_idle(self, state: DetectorState, seen: datetime, now: datetime) -> bool:
        """Whether a query could bring nothing new.

        Nothing was stored since it was asked last, it found nothing then, and the window lies behind
        everything that was stored, so that neither what it holds nor what slides out of it can have changed.
        """
        if self._count_stored is None:
            return False
        rows = self._count_stored()
        if rows != self._stored.rows:
            self._stored = _Stored(rows, now)
        asked = state.asked
        return (
            asked is not None
            and now - asked.at < CERTAIN_EVERY
            and asked.rows == rows
            and asked.found == 0
            and seen - state.detector.spec.window > self._stored.since
        )

    async def _ask(self, state: DetectorState, until: datetime) -> list[Signal]:
        """Ask for one window. When the query runs into a limit, ask again for less."""
        loop = asyncio.get_running_loop()
        pace = state.pace
        while True:
            started = time.perf_counter()
            try:
                signals, _ = await loop.run_in_executor(
                    self._threads, run_once, self._store, state.detector, until, pace.effort
                )
            except QueryLimitError as error:
                if not pace.slower(state.detector):
                    raise
                reason = one_line(error, 200)
                log.warning(
                    "detector_retried_smaller", detector=state.detector.name, parts=pace.parts, reason=reason
                )
                continue
            finally:
                pace.took(time.perf_counter() - started)
            state.signals += len(signals)
            pace.answered()
            return signals
