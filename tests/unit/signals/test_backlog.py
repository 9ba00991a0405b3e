"""The backlog: spans of windows that are owed, walked from the newest back, within bounds."""

from __future__ import annotations

import datetime as dt
import random

from starfort.signals.backlog import MAX_AGE, MAX_SPANS, MAX_WINDOWS, Backlog

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
WINDOW = dt.timedelta(seconds=60)


def at(seconds: float) -> dt.datetime:
    """So many seconds before now."""
    return NOW - dt.timedelta(seconds=seconds)


def drain(backlog: Backlog) -> list[float]:
    """Every end that is owed, in seconds before now."""
    ends = []
    while (until := backlog.take(NOW)) is not None:
        ends.append((NOW - until).total_seconds())
    return ends


def test_newest_comes_first_in_half_windows() -> None:
    """Of two spans the later one is walked first, each back to its begin."""
    backlog = Backlog(WINDOW)
    backlog.owe(at(300), at(240))
    backlog.owe(at(100), at(30))
    assert len(backlog) == 5
    assert drain(backlog) == [30, 60, 90, 240, 270]
    assert len(backlog) == 0


def test_spans_that_touch_are_one() -> None:
    """What is owed twice is judged once; a span that is none is not owed."""
    backlog = Backlog(WINDOW)
    backlog.owe(at(100), at(60))
    backlog.owe(at(120), at(90))
    backlog.owe(at(60), at(40))
    backlog.owe(at(10), at(20))
    assert drain(backlog) == [40, 70, 100]


def test_every_burst_of_half_a_window_lies_in_one() -> None:
    """Wherever within an owed span half a window of events lies, one of the windows walked holds all of it."""
    chance = random.Random(1)  # noqa: S311 (test data)
    for _ in range(50):
        length = chance.uniform(31, 900)
        backlog = Backlog(WINDOW)
        backlog.owe(at(1000), at(1000 - length))
        ends = drain(backlog)
        begin = chance.uniform(1000, 1000 - length + 30)
        assert any(end <= begin - 30 and begin <= end + 60 for end in ends)


def test_too_old_and_too_many_are_given_up() -> None:
    """The oldest are given up and counted; spans stay few however they come."""
    backlog = Backlog(WINDOW)
    backlog.owe(NOW - 2 * MAX_AGE, NOW - MAX_AGE - WINDOW)
    assert drain(backlog) == []
    assert backlog.given_up > 0
    short = Backlog(dt.timedelta(seconds=1))
    short.owe(at(3600), NOW)
    assert len(drain(short)) == MAX_WINDOWS
    assert short.given_up == 7200 - MAX_WINDOWS
    many = Backlog(WINDOW)
    for number in range(1000):
        many.owe(at(20 * number + 5), at(20 * number))
    assert len(many._spans) <= MAX_SPANS
