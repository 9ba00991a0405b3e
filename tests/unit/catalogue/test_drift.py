"""Differences between calls and documents, and when they count."""

from __future__ import annotations

from starfort.catalogue.drift import MOST, OVER_CALLS, Difference, Drift

ANSWER, REQUEST = "response:body/type:/price", "request:query/unknown:/page"
DAY_US = 86_400_000_000


def test_what_answers_have_wrong_counts_from_the_third_on() -> None:
    """Whoever calls: the API makes its answers itself."""
    drift = Drift()
    drift.add("a", ANSWER, Difference(2, 1, 10, 5))
    assert drift.codes("a", 5, 10) == ()
    drift.add("a", ANSWER, Difference(1, 1, 11, 6))
    assert drift.codes("a", 6, 11) == (ANSWER,)


def test_what_requests_have_wrong_needs_several_callers() -> None:
    """One client that tries things makes no drift, unless it goes on for long."""
    drift = Drift()
    drift.add("a", REQUEST, Difference(99, 1, 10, 99))
    assert drift.codes("a", 99, 10) == ()
    drift.add("b", REQUEST, Difference(3, 0b11, 10, 3))
    assert drift.codes("b", 3, 10) == (REQUEST,)
    drift.add("a", REQUEST, Difference(1, 1, 10, 100))
    assert drift.codes("a", 100, 10) == (REQUEST,)


def test_a_difference_that_is_put_right_is_over() -> None:
    """After many calls without it, or after a week."""
    drift = Drift()
    drift.add("a", ANSWER, Difference(3, 1, 10, 100))
    assert drift.codes("a", 100 + OVER_CALLS, 20) == (ANSWER,)
    assert drift.codes("a", 101 + OVER_CALLS, 20) == ()
    drift.add("a", ANSWER, Difference(3, 1, 10, 100))
    assert drift.codes("a", 100, 8 * DAY_US) == ()
    assert list(drift.endpoints()) == []


def test_differences_are_bounded_and_survive_a_restart() -> None:
    """No endpoint has more than an event may have; what is kept comes back."""
    drift = Drift()
    for number in range(100):
        drift.add("a", f"response:body/type:/{number:03d}", Difference(3, 1, 10, 3))
    assert len(drift.codes("a", 3, 10)) == MOST
    again = Drift()
    again.load(drift.kept())
    assert again.codes("a", 3, 10) == drift.codes("a", 3, 10)
    again.forget("a")
    assert again.kept() == {}
