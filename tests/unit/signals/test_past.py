"""Detectors over the past."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from starfort.signals.past import Period, backtest
from tests.support.detectors import detector


class Scores:
    """A store that answers each run with the next of what a test says."""

    def __init__(self, answers: list[list[dict[str, Any]]]) -> None:
        self._answers = iter(answers)

    def query(self, _: str, __: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The next answer."""
        return next(self._answers)


def test_backtest_says_when_and_how_often() -> None:
    """A backtest steps through the past and keeps each key's first, last and strongest run."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    rows = Scores([[], [{"key": "a", "score": 0.5}], [{"key": "a", "score": 0.9}], []])
    period = Period(start, start + dt.timedelta(minutes=4), dt.timedelta(minutes=1))
    found = backtest(rows, detector(), period)
    assert found.runs == 4
    (hit,) = found.hits.values()
    assert (hit.first_at, hit.last_at) == (start + dt.timedelta(minutes=2), start + dt.timedelta(minutes=3))
    assert (hit.runs, hit.signal.score) == (2, 0.9)
