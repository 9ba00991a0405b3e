"""How a question runs over time: less after a limit, more after a while without trouble."""

from __future__ import annotations

from starfort.questions.pace import EASY_RUNS, Pace, one_line
from tests.support.detectors import SAMPLED, counting


def test_less_is_asked_down_to_what_makes_sense() -> None:
    """Each limit halves what is asked; at a quarter of a window it stays."""
    pace, question = Pace(), counting()
    assert [pace.slower(question) for _ in range(3)] == [True, True, False]
    assert (pace.parts, pace.retries) == (4, 2)


def test_more_is_asked_after_easy_runs_only() -> None:
    """A slow run among easy ones begins the count anew, so that the size does not swing."""
    pace = Pace(parts=4)
    for number in range(2 * EASY_RUNS - 1):
        pace.took(2.0 if number == EASY_RUNS - 1 else 0.1)
        pace.answered()
    assert pace.parts == 4
    pace.took(0.1)
    pace.answered()
    assert pace.parts == 2


def test_shares_take_turns() -> None:
    """Each answer moves on to the next share of the keys, round and round."""
    pace = Pace()
    pace.slower(counting(SAMPLED))
    slots = []
    for _ in range(4):
        slots.append(pace.effort.slot)
        pace.answered()
    assert slots == [0, 1, 0, 1]


def test_the_same_failure_is_news_once() -> None:
    """A failure that repeats is counted, and only its first time is worth a line in the log."""
    pace = Pace()
    assert [pace.failed(reason) for reason in ("a", "a", "b")] == [True, False, True]
    assert (pace.failures, pace.last_error) == (3, "b")


def test_a_reason_is_one_line() -> None:
    """Messages of several lines are joined and cut; an error without a text has the name of its kind."""
    assert one_line(ValueError("a\n  b  c"), 4) == "a b "
    assert one_line(ValueError()) == "ValueError"
