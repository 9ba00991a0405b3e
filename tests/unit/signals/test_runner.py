"""The runner: which windows are judged, when, at what cost, and that one broken detector stops no other."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Mapping
from typing import Any

from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.signals.runner import DetectorRunner, Judged
from starfort.store import QueryLimitError, QueryLimits, Reader, Store
from tests.support.callers import Row
from tests.support.control import until
from tests.support.detectors import SAMPLED, counting, detector
from tests.support.events import event, stream

START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


class Rows:
    """A store that answers each detector with what a test says."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers

    def query(self, sql: str, _: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer of the detector that is named in the query."""
        answer = next(answer for name, answer in self.answers.items() if f"-- {name}\n" in sql)
        if isinstance(answer, Exception):
            raise answer
        rows: list[dict[str, Any]] = answer() if callable(answer) else answer
        return rows


class Scene:
    """A runner whose time, store and beats a test moves."""

    def __init__(self, *detectors: Detector, stored: Callable[[], int] | None = None) -> None:
        self.now = START
        self.lag = dt.timedelta()
        self.late: list[tuple[dt.datetime, dt.datetime]] = []
        self.asked: list[dict[str, Any]] = []
        self.judged: list[Judged] = []
        self.answer: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda _: []
        self.empty = False
        self._beat = 0.0
        self.runner = DetectorRunner(
            self,
            self._take,
            seen_until=lambda: self.now - self.lag,
            late=self._late,
            stored=stored,
            clock=lambda: self.now,
        )
        self.runner.replace(detectors)

    def _late(self) -> list[tuple[dt.datetime, dt.datetime]]:
        found, self.late = self.late, []
        return found

    async def _take(self, _: Detector, judged: Judged) -> None:
        self.judged.append(judged)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What the test says; windows have events unless it says otherwise."""
        if sql.startswith("SELECT 1 AS found"):
            return [] if self.empty else [{"found": 1}]
        self.asked.append(dict(parameters or {}))
        return self.answer(self.asked[-1])

    async def beat(self, times: int = 1, every: dt.timedelta = SECOND) -> None:
        """Let time pass and each detector run once, so many times."""
        for _ in range(times):
            self.now += every
            self._beat += every.total_seconds()
            self.runner.start_due(self._beat)
            await until(lambda: not any(state.running for state in self.runner.states))

    def ends(self) -> list[float]:
        """Ends of the windows judged so far, in seconds from the start."""
        return [(judged.until - START).total_seconds() for judged in self.judged]


async def test_window_ends_where_stored_events_end() -> None:
    """A store that is 20 s behind is judged where it ends, and at the clock too.

    A filter that hangs holds back what is seen, and must not hide what others bring.
    """
    scene = Scene(counting())
    await scene.beat()
    scene.lag = 20 * SECOND
    await scene.beat(25)
    ends = scene.ends()
    assert ends[0] == 1
    assert 6 in ends  # 26 s after the start everything up to second 6 is stored
    asked = [(row["until"] - START).total_seconds() for row in scene.asked]
    assert 26.0 in asked
    assert all(row["until"] - row["since"] == 60 * SECOND for row in scene.asked)


async def test_jump_of_what_is_seen_owes_the_windows_between() -> None:
    """When three minutes become visible at once, each window is judged once, the newest first."""
    scene = Scene(counting())
    await scene.beat()
    await scene.beat(every=180 * SECOND)
    await scene.beat(10)
    late = [judged for judged in scene.judged if not judged.current]
    assert scene.ends()[:3] == [1, 181, 151]
    assert [(judged.until - START).total_seconds() for judged in late] == [151, 121, 91, 61, 31]
    assert len(scene.runner.states[0].backlog) == 0


async def test_late_events_are_judged() -> None:
    """Events that become visible ten minutes late are judged in windows that hold every burst of half a window."""
    scene = Scene(counting())
    await scene.beat(5, 10 * SECOND)
    scene.late = [(START - 600 * SECOND, START - 590 * SECOND)]
    await scene.beat(5)
    late = [judged.until for judged in scene.judged if not judged.current]
    assert late == [START - 530 * SECOND, START - 560 * SECOND, START - 590 * SECOND]
    assert all(until - 60 * SECOND <= START - 590 * SECOND for until in late)


async def test_owed_window_without_events_costs_no_query() -> None:
    """After a night without traffic nothing is judged but the present."""
    scene = Scene(counting())
    scene.empty = True
    await scene.beat()
    await scene.beat(every=3600 * SECOND)
    await scene.beat(10)
    assert all(judged.current for judged in scene.judged)


async def test_nothing_new_costs_no_query() -> None:
    """A beat asks nothing when nothing was stored since and the window is empty.

    While the window holds something, or a signal holds, every beat asks.
    """
    rows = 5
    scene = Scene(counting(), stored=lambda: rows)
    await scene.beat(70)
    assert len(scene.asked) >= 60  # the last event may be a window old before it
    before = len(scene.asked)
    await scene.beat(120)
    assert len(scene.asked) - before <= 3  # to be certain, once a minute
    rows += 1
    scene.answer = lambda _: [{"key": "a", "score": 1, "requests": 12}]
    before = len(scene.asked)
    await scene.beat(100)
    assert len(scene.asked) - before == 100


async def test_query_over_a_limit_is_asked_for_less() -> None:
    """A query that hits a limit is asked again for half at once, without failure.

    What worked is kept, and after a while all is asked again.
    """
    scene = Scene(counting())

    def answer(asked: dict[str, Any]) -> list[dict[str, Any]]:
        if len(scene.asked) < 4 and asked["until"] - asked["since"] > 15 * SECOND:
            raise QueryLimitError("Code: 159. too slow", 159)
        return [{"key": "a", "score": 1, "requests": 12}]

    scene.answer = answer
    await scene.beat()
    (state,) = scene.runner.states
    assert [row["most"] for row in scene.asked] == [11, 6, 3]
    assert (state.pace.failures, state.pace.retries, state.pace.parts) == (0, 2, 4)
    assert len(scene.judged[0].signals) == 1
    await scene.beat(70)
    assert state.pace.parts == 1
    assert scene.asked[-1]["until"] - scene.asked[-1]["since"] == 60 * SECOND


async def test_query_that_is_too_slow_even_so_is_a_failure() -> None:
    """A query that hits the limit however little is asked fails, and owes its window."""
    scene = Scene(counting())

    def refuse(_: dict[str, Any]) -> list[dict[str, Any]]:
        raise QueryLimitError("Code: 159. too slow", 159)

    await scene.beat()
    scene.answer = refuse
    await scene.beat(40)
    (state,) = scene.runner.states
    assert state.pace.failures == 40
    assert "its last 40 runs failed: Code: 159" in scene.runner.problems()["many"]
    scene.answer = lambda _: []
    await scene.beat(40)
    assert scene.runner.problems() == {}
    assert any(not judged.current for judged in scene.judged)


async def test_shares_of_keys_take_turns() -> None:
    """A detector that samples keys judges another share on each beat, and every share of a window that is late."""
    scene = Scene(counting(SAMPLED))
    scene.runner.states[0].pace.parts = 4
    await scene.beat(8)
    assert [row["slot"] for row in scene.asked] == [0, 1, 2, 3] * 2
    scene.late = [(START - 600 * SECOND, START - 600 * SECOND)]
    await scene.beat()
    owed = [row["slot"] for row in scene.asked if row["until"] < START]
    assert sorted(owed) == [0, 1, 2, 3]


async def test_restart_goes_on_where_it_stopped() -> None:
    """What lies between the last window of one process and the first of the next is judged."""
    scene = Scene()
    scene.runner.resume({"many": START - 120 * SECOND})
    scene.runner.replace([counting()])
    await scene.beat(5)
    late = [judged.until for judged in scene.judged if not judged.current]
    assert late == [START - 29 * SECOND, START - 59 * SECOND, START - 89 * SECOND, START - 119 * SECOND]
    assert scene.runner.problems() == {}


async def test_wave_that_arrives_late_is_found_once(store: Store) -> None:
    """Events that are stored minutes after their time raise their signal in a late window.

    Calls of others at the same time raise none.
    """
    now = dt.datetime.now(dt.UTC)
    scene = Scene()
    scene.now = now
    found: list[tuple[str, bool]] = []

    async def take(_: Detector, judged: Judged) -> None:
        found.extend((signal.key, judged.current) for signal in judged.signals)

    spans: list[tuple[dt.datetime, dt.datetime]] = []

    def late() -> list[tuple[dt.datetime, dt.datetime]]:
        taken = spans[:]
        spans.clear()
        return taken

    runner = DetectorRunner(store, take, late=late, clock=lambda: scene.now)
    runner.replace([counting(api="late-wave")])

    async def beat(number: int) -> None:
        scene.now += SECOND
        runner.start_due(float(number))
        await until(lambda: not runner.states[0].running)

    await beat(1)
    begin = now - dt.timedelta(minutes=10)
    wave: list[Row] = [
        event(time=begin + index * SECOND, api="late-wave", address="198.51.100.7") for index in range(20)
    ]
    calm = [
        event(time=begin + index * 9 * SECOND, api="late-wave", address="192.0.2.7") for index in range(9)
    ]
    store.insert_arrow(stream(wave + calm))
    spans.append((begin, begin + 80 * SECOND))
    for number in range(2, 12):
        await beat(number)
    assert {key for key, _ in found} == {"198.51.100.7"}
    assert not any(current for _, current in found)


async def test_broken_detector_does_not_stop_the_others() -> None:
    """A failing and a hanging detector are counted; a good one runs on its beat."""
    found: list[Signal] = []
    hang = threading.Event()

    async def take(_: Detector, judged: Judged) -> None:
        found.extend(judged.signals)

    def wait() -> list[dict[str, Any]]:
        hang.wait(20)
        return []

    answers: dict[str, Any] = {
        "good": [{"key": "a", "score": 1}],
        "bad": RuntimeError("Code: 47. no such column"),
        "slow": wait,
    }
    runner = DetectorRunner(Rows(answers), take, tick_s=0.01)
    runner.replace([detector("slow"), detector("bad"), detector("good")])
    task = asyncio.create_task(runner.run())
    states = {state.detector.name: state for state in runner.states}
    await until(
        lambda: states["good"].pace.runs >= 2 and states["bad"].pace.failures >= 2 and states["slow"].skipped
    )
    assert "no such column" in states["bad"].pace.last_error
    assert found[0].key == "a"
    hang.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_reload_keeps_counters_of_detectors_that_stay() -> None:
    """A reload replaces detectors and not what was counted of them."""

    async def take(*_: object) -> None:
        """Nothing to do."""

    runner = DetectorRunner(Rows({"a": [], "b": []}), take)
    runner.replace([detector("a")])
    runner.states[0].pace.runs = 7
    runner.replace([detector("a").with_settings({"most": 3}), detector("b")])
    assert [(state.detector.name, state.pace.runs) for state in runner.states] == [("a", 7), ("b", 0)]
    assert runner.states[0].detector.settings["most"] == 3


async def test_detectors_keep_their_beat_while_people_look_at_pages(store: Store) -> None:
    """Slow queries of pages take all their sessions, their queue and the threads that all share; detectors run on."""

    async def take(*_: object) -> None:
        """Nothing to do."""

    sql = "SELECT sum(sleepEachRow(0.1)) FROM numbers(6) SETTINGS max_block_size = 1"
    pages = [asyncio.create_task(asyncio.to_thread(store.query, sql)) for _ in range(40)]
    runner = DetectorRunner(store.reading_as(Reader.DETECTION), take, tick_s=0.01)
    runner.replace([counting(api="pages")])
    (state,) = runner.states
    await asyncio.sleep(0.2)  # until pages have what they can get
    for number in range(5):
        runner.start_due(float(number))
        await until(lambda: not state.running)
    still_looking = sum(not page.done() for page in pages)
    assert (state.pace.runs, state.pace.failures) == (5, 0)
    assert still_looking > QueryLimits().readers
    await asyncio.gather(*pages, return_exceptions=True)
