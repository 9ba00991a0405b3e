"""The runner: rows become signals, and one broken detector stops no other."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from starfort.signals import Detector, Signal
from starfort.signals.detector import parse
from starfort.signals.runner import MAX_ROWS, DetectorRunner, RowError, backtest, run_once, signals_of
from starfort.store import QueryError, Store
from tests.support.control import until
from tests.unit.signals.test_detector import FRONT, SQL


def detector(name: str = "many") -> Detector:
    """A detector whose query names it."""
    return parse(FRONT.replace("name: many", f"name: {name}") + f"{SQL} -- {name}", Path(f"{name}.sql"))


class Rows:
    """A store that answers each detector with what a test says."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers

    def query(self, sql: str, _: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The answer of the detector that is named in the query."""
        answer = next(answer for name, answer in self.answers.items() if f"-- {name}\n" in sql)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"score": 1}, "no column key"),
        ({"key": "a"}, "no column score"),
        ({"key": "", "score": 1}, "is no text of 1 to"),
        ({"key": 7, "score": 1}, "type int"),
        ({"key": "a", "score": 1.5}, "is no number from 0 to 1"),
        ({"key": "a", "score": float("nan")}, "is no number from 0 to 1"),
        ({"key": "a", "score": 1, "key_type": "subject"}, "none of address"),
    ],
)
def test_row_that_is_no_signal_is_refused(row: dict[str, Any], what: str) -> None:
    """A detector that returns nonsense fails with what is wrong with it."""
    with pytest.raises(RowError, match=what):
        signals_of(detector(), [row])


def test_other_columns_are_the_evidence() -> None:
    """Evidence is the query's own row, fit for JSON; the title takes its values."""
    row = {
        "key": "a",
        "score": 1,
        "requests": 7,
        "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "nan": float("nan"),
    }
    (signal,) = signals_of(detector(), [row])
    assert signal.evidence == ({"requests": 7, "at": "2026-01-01T00:00:00+00:00", "nan": None},)
    assert signal.title == "Many: 7"


async def test_broken_detector_does_not_stop_the_others() -> None:
    """A failing and a hanging detector are counted; a good one runs on its beat."""
    found: list[Signal] = []
    hang = threading.Event()

    async def take(_: Detector, signals: list[Signal]) -> None:
        found.extend(signals)

    def wait() -> list[dict[str, Any]]:
        hang.wait(20)
        return []

    answers = {
        "good": [{"key": "a", "score": 1}],
        "bad": RuntimeError("Code: 47. no such column"),
        "slow": wait,
    }
    runner = DetectorRunner(Rows(answers), take, tick_s=0.01)
    runner.replace([detector("slow"), detector("bad"), detector("good")])
    task = asyncio.create_task(runner.run())
    states = {state.detector.name: state for state in runner.states}
    await until(lambda: states["good"].runs >= 2 and states["bad"].failures >= 2 and states["slow"].skipped)
    assert "no such column" in states["bad"].last_error
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
    runner.states[0].runs = 7
    runner.replace([detector("a").with_settings({"most": 3}), detector("b")])
    assert [(state.detector.name, state.runs) for state in runner.states] == [("a", 7), ("b", 0)]
    assert runner.states[0].detector.settings["most"] == 3


def many(sql: str) -> Detector:
    """A detector with this query."""
    front = FRONT[: FRONT.index("thresholds:")] + FRONT[FRONT.index("severity:") :]
    return parse(front + sql, Path("many.sql"))


SINCE = " WHERE {since:DateTime64(6)} > 0"


def test_rows_are_bounded(store: Store) -> None:
    """Of a million keys the `MAX_ROWS` with the highest scores are taken; that some were left out is said."""
    sql = "SELECT toString(number) AS key, number / 1e6 AS score FROM numbers(1000000)" + SINCE
    found, left_out = run_once(store, many(sql), dt.datetime.now(dt.UTC))
    assert len(found) == MAX_ROWS
    assert left_out
    assert found[0].key == "999999"


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 'a' AS key, 1 AS score" + SINCE + ") UNION ALL (INSERT INTO events VALUES (1)", "62"),
        ("SELECT toString(sleepEachRow(1)) AS key, 1 AS score FROM numbers(100)" + SINCE, "1(59|60)"),
    ],
)
def test_query_that_breaks_out_fails(store: Store, sql: str, code: str) -> None:
    """A detector's query can't leave its brackets or run for long."""
    with pytest.raises(QueryError, match=f"Code: {code}"):
        run_once(store, many(sql), dt.datetime.now(dt.UTC))


def test_backtest_says_when_and_how_often() -> None:
    """A backtest steps through the past and keeps each key's first, last and strongest run."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    scores = iter([[], [{"key": "a", "score": 0.5}], [{"key": "a", "score": 0.9}], []])
    rows = Rows({"many": lambda: next(scores)})
    found = backtest(rows, detector(), start, start + dt.timedelta(minutes=4), dt.timedelta(minutes=1))
    assert found.runs == 4
    (hit,) = found.hits.values()
    assert (hit.first_at, hit.last_at) == (start + dt.timedelta(minutes=2), start + dt.timedelta(minutes=3))
    assert (hit.runs, hit.signal.score) == (2, 0.9)
