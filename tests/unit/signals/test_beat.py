"""The beat: what is a reason to say that a detector is not there, and what is not."""

from __future__ import annotations

import datetime as dt

from starfort.signals.beat import Beat

START = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    """So many seconds after the start."""
    return START + dt.timedelta(seconds=seconds)


def test_beat_that_is_kept_is_no_problem() -> None:
    """A detector that judges what is a few seconds old, missing a beat now and then, is fine."""
    beat = Beat(dt.timedelta(seconds=1), START)
    for second in range(100):
        (beat.missed if second % 4 == 0 else beat.kept)(at(second))
    beat.failed(at(100))
    assert beat.problem(at(100), beat.behind(at(100), at(96)), "Code: 159") == ""


def test_start_is_no_problem() -> None:
    """A start on a busy machine has some seconds, whatever the process before had judged."""
    beat = Beat(dt.timedelta(seconds=1), START)
    assert beat.problem(at(10), beat.behind(at(10), None), "") == ""
    assert beat.problem(at(10), beat.behind(at(10), at(-3600)), "") == ""
    assert "has not judged the last 20 s" in beat.problem(at(20), beat.behind(at(20), None), "")


def test_old_window_is_one() -> None:
    """What was judged last is too old, by the clock or by five beats where that is more."""
    beat = Beat(dt.timedelta(seconds=1), START)
    beat.kept(at(200))
    assert "the last 81 s" in beat.problem(at(200), beat.behind(at(200), at(119)), "")
    assert beat.problem(at(200), beat.behind(at(119), at(119)), "") == ""  # no more can be seen
    rare = Beat(dt.timedelta(minutes=5), START)
    assert rare.problem(at(2000), rare.behind(at(2000), at(1000)), "") == ""
    assert rare.problem(at(4000), rare.behind(at(4000), at(1000)), "") != ""


def test_failures_in_a_row_are_one() -> None:
    """Three failures in a row are said with the last reason; one success ends that."""
    beat = Beat(dt.timedelta(seconds=1), START)
    for second in range(3):
        beat.failed(at(second))
    assert beat.problem(at(3), dt.timedelta(), "Code: 60") == "its last 3 runs failed: Code: 60"
    beat.kept(at(3))
    assert beat.problem(at(3), dt.timedelta(), "") == ""


def test_most_beats_missed_is_one() -> None:
    """A detector whose runs take several beats is said to be too slow, and forgotten a minute after it is not."""
    beat = Beat(dt.timedelta(seconds=1), START)
    for second in range(30):
        (beat.kept if second % 3 == 0 else beat.missed)(at(second))
    assert "missed 20 of its last 30 beats, as its queries take too long" in beat.problem(
        at(30), dt.timedelta(), ""
    )
    for second in range(30, 95):
        beat.kept(at(second))
    assert beat.problem(at(95), dt.timedelta(), "") == ""
