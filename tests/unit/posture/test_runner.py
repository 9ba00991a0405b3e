"""Running checks: when they are due, over which windows, and what a failure does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from starfort.posture.check import Check
from starfort.posture.configured import Configured
from starfort.posture.runner import EVENTS_OF_A_RUN, CheckRunner
from starfort.store import QueryError, QueryLimitError
from tests.support.checks import CHECKS

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
OPEN, PLAIN = CHECKS["open_endpoint"], CHECKS["credential_over_http"]


class Asked:
    """A store with so many events in every window, which fails for some queries."""

    def __init__(self, events: int = 10) -> None:
        self.events = events
        self.windows: list[dt.timedelta] = []
        self.error: Exception | None = None

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """No finding."""
        if "AS n FROM traffic_1m" in sql:
            return [{"n": self.events}]
        given = parameters or {}
        if self.error is not None and "scheme" in sql:
            raise self.error
        self.windows.append(given["until"] - given["since"])
        return []


def _runner(store: Asked, *checks: Check) -> CheckRunner:
    runner = CheckRunner(store)
    runner.replace(checks)
    return runner


def test_each_check_runs_when_it_is_due() -> None:
    """A check runs at once, and then as often as its file says."""
    store = Asked()
    runner = _runner(store, OPEN)
    for seconds in (0, 10, 29, 30, 31):
        runner.run(Configured(), NOW + seconds * SECOND)
    assert len(store.windows) == 2
    assert runner.states[0].pace.runs == 2


def test_many_events_make_the_window_shorter() -> None:
    """A window holds two million events at most, and is not cut below two minutes."""
    for events, minutes in ((10, 60), (EVENTS_OF_A_RUN * 2, 30), (EVENTS_OF_A_RUN * 1000, 2)):
        store = Asked(events)
        _runner(store, OPEN).run(Configured(), NOW)
        assert store.windows == [dt.timedelta(minutes=minutes)]


def test_a_check_that_fails_stops_no_other() -> None:
    """A failure is counted with its reason, and is over when a run succeeds."""
    store = Asked()
    store.error = QueryError("Code: 47. no such column", 47)
    runner = _runner(store, PLAIN, OPEN)
    runner.run(Configured(), NOW)
    failed, fine = runner.states
    assert (failed.pace.failures, failed.pace.last_error) == (1, "Code: 47. no such column")
    assert (fine.pace.failures, len(store.windows)) == (0, 1)
    store.error = None
    runner.run(Configured(), NOW + 30 * SECOND)
    assert failed.pace.last_error == ""


def test_a_check_that_fails_in_an_unknown_way_stops_no_other() -> None:
    """What nobody foresaw is counted like a refused query."""
    store = Asked()
    store.error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    runner = _runner(store, PLAIN, OPEN)
    runner.run(Configured(), NOW)
    failed, fine = runner.states
    assert failed.pace.failures == 1
    assert "invalid start byte" in failed.pace.last_error
    assert (fine.pace.failures, len(store.windows)) == (0, 1)


def test_after_a_limit_the_next_run_asks_for_less() -> None:
    """A check that is too slow gets half of its window on its next run: others wait for the same session."""
    store = Asked()
    store.error = QueryLimitError("Code: 159. too slow", 159)
    runner = _runner(store, PLAIN)
    runner.run(Configured(), NOW)
    store.error = None
    runner.run(Configured(), NOW + 30 * SECOND)
    assert store.windows == [dt.timedelta(minutes=30)]


def test_figures_of_a_check_that_stays_are_kept() -> None:
    """A new configuration forgets the checks that it no longer has, and nothing else."""
    runner = _runner(Asked(), OPEN, PLAIN)
    runner.run(Configured(), NOW)
    runner.replace([OPEN.with_settings({"min_guarded": 5})])
    (state,) = runner.states
    assert (state.pace.runs, state.check.settings["min_guarded"]) == (1, 5)
