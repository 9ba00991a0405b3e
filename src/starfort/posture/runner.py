"""Runs the checks that are queries, each when it is due, one after the other.

A check has no beat to keep and owes no windows, unlike a detector: what is wrong with an API as it stands is
as wrong a minute later, and the next run sees it again. So checks run in turn on one session of the store,
and a window is as long as the front matter says, or shorter where that would be too many events.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from starfort.posture.check import MAX_FINDINGS, Check
from starfort.posture.closing import put_right
from starfort.posture.configured import Configured
from starfort.posture.finding import Key, PostureFinding
from starfort.questions.ask import Effort, Queryable, ask
from starfort.questions.pace import Pace, one_line
from starfort.store import QueryLimitError
from starfort.store.parameters import Value

SHORTEST_WINDOW: Final = timedelta(minutes=2)
"""A window is not cut below this for the sake of cost: a check may run only every 5 minutes, and of shorter
windows too little would be seen."""

EVENTS_OF_A_RUN: Final = 2_000_000
"""The approximate number of events that a check reads. A run over so many events takes 50 to 200 ms."""

COMPARED_EVENTS: Final = 10_000_000
"""The approximate number of past events that a comparison reads. Of more events, it reads one of several
minutes."""

COMPARED: Final = timedelta(days=1)
"""How far back checks compare: a working day and its night."""

MAX_STRIDE: Final = 60
"""Of every hour at least one minute is read, so that no hour of the day is unknown."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CheckState:
    """A check that runs, with figures about its runs.

    Attributes:
        check: what runs.
        pace: its queries since the start, and how much each asks at once.
        ran_at: when it ran last; `None` before the first run.
        findings: findings of its last run.
    """

    check: Check
    pace: Pace = field(default_factory=Pace)
    ran_at: datetime | None = None
    findings: int = 0

    def is_due(self, now: datetime) -> bool:
        """Whether the check has to run now."""
        return self.ran_at is None or now - self.ran_at >= self.check.spec.every


class CheckRunner:
    """Runs checks over what the store holds. Blocking; one caller at a time.

    Args:
        store: where events are; the store as background work reads it.
    """

    def __init__(self, store: Queryable) -> None:
        self._store = store
        self._states: dict[str, CheckState] = {}

    @property
    def states(self) -> list[CheckState]:
        """Each check, with figures about its runs."""
        return list(self._states.values())

    def replace(self, checks: Sequence[Check]) -> None:
        """Run these checks from now on. Checks that stay keep their figures."""
        states: dict[str, CheckState] = {}
        for check in checks:
            state = states[check.name] = self._states.get(check.name) or CheckState(check)
            state.check = check
        self._states = states

    def is_due(self, now: datetime) -> bool:
        """Whether any check has to run now."""
        return any(state.is_due(now) for state in self._states.values())

    def run(self, configured: Configured, now: datetime) -> list[PostureFinding]:
        """Run the checks that are due.

        A check that fails is counted and logged, and stops no other.

        Args:
            configured: what is configured.
            now: the end of every window, UTC.
        """
        due = [state for state in self._states.values() if state.is_due(now)]
        if not due:
            return []
        found: list[PostureFinding] = []
        scope = Scope(self._store, configured, now)
        for state in due:
            # The time is set after a failure too, so that a failing check is not asked again at every turn.
            state.ran_at = now
            try:
                findings = self._run(state, scope)
            except Exception as error:  # noqa: BLE001 (a broken check must not stop the others; counted and shown)
                reason = one_line(error)
                if state.pace.failed(reason):
                    log.warning("check_failed", check=state.check.name, reason=reason)
                continue
            state.pace.last_error = ""
            state.findings = len(findings)
            found += findings
        return found

    def closed(self, configured: Configured, known: Sequence[PostureFinding], now: datetime) -> set[Key]:
        """Keys of the findings that later calls show to be put right.

        A check finds a mistake again while its window holds calls that show it, also when it is mended since.
        So the findings of this moment are asked about as well as those that hold.

        Args:
            configured: what is configured.
            known: findings that hold so far, and those of the runs of this moment.
            now: the time of these runs.
        """
        latest: dict[Key, PostureFinding] = {}
        for row in sorted(known, key=lambda row: row.last_seen):
            latest[row.key] = row
        gone: set[Key] = set()
        given = configured.parameters(stride=1, limit=MAX_FINDINGS)
        for state in self._states.values():
            # A check that did not run now is not asked: what it would find by now is not known.
            if state.ran_at != now or state.pace.last_error:
                continue
            own = [row for row in latest.values() if row.code == state.check.name]
            try:
                gone |= put_right(self._store, state.check, own, now, given)
            # A broken query must not stop the others, here as in a run.
            except Exception as error:  # noqa: BLE001 (counted and shown)
                if state.pace.failed(reason := one_line(error)):
                    log.warning("check_failed", check=state.check.name, reason=reason)
        return gone

    def _run(self, state: CheckState, scope: Scope) -> list[PostureFinding]:
        """One run. After a limit the next run asks for less: the catalogue waits for the same session."""
        started = time.perf_counter()
        try:
            findings, _ = run_check(self._store, state.check, scope, state.pace.effort)
        except QueryLimitError:
            # It is not asked again at once, as a detector is: another 5 s would hold up the catalogue.
            state.pace.slower(state.check)
            raise
        finally:
            state.pace.took(time.perf_counter() - started)
        state.pace.answered()
        return findings


class Scope:
    """What the runs of one moment look at: the end of their windows, and how many events there are.

    Args:
        store: where events are.
        configured: what is configured.
        now: the end of every window, UTC.
    """

    def __init__(self, store: Queryable, configured: Configured, now: datetime) -> None:
        # One end for all checks of a moment, so that what they find about an endpoint fits together.
        self.now = now
        self._store = store
        stride = min(MAX_STRIDE, 1 + self._events(COMPARED) // COMPARED_EVENTS)
        self.given = configured.parameters(stride=stride, limit=MAX_FINDINGS)
        self._windows: dict[timedelta, timedelta] = {}

    def window(self, wanted: timedelta) -> timedelta:
        """A window, or as much of it as holds `EVENTS_OF_A_RUN`.

        Checks of one moment have the same few windows, so how many events are in one is asked once.
        """
        known = self._windows.get(wanted)
        if known is None:
            share = min(1.0, EVENTS_OF_A_RUN / max(1, self._events(wanted)))
            known = self._windows[wanted] = max(min(wanted, SHORTEST_WINDOW), wanted * share)
        return known

    def _events(self, length: timedelta) -> int:
        # The rollup by minute is counted, because counting events would cost as much as the check itself.
        rows = self._store.query(
            "SELECT sum(requests) AS n FROM traffic_1m"
            " WHERE time >= toDateTime({since:DateTime64(6, 'UTC')})",
            {"since": self.now - length},
        )
        return int(rows[0]["n"] or 0)


def run_check(
    store: Queryable, check: Check, scope: Scope, effort: Effort
) -> tuple[list[PostureFinding], int]:
    """Run one check once.

    Args:
        store: where events are.
        check: what to run.
        scope: which moment, and what is configured.
        effort: how much of its window it is given.

    Returns:
        Its findings, and how many rows beyond `MAX_FINDINGS` were left out (at least).

    Raises:
        RowError: its rows are no findings.
        StoreError: the query was refused or ran into its limits.
    """
    window = scope.window(check.spec.window) / effort.parts
    # The share counts both reasons for a shorter window: too many events, and a limit that was hit.
    shrunk = check.within(window / check.spec.window)
    parameters: dict[str, Value] = shrunk.parameters(scope.now, scope.now - window, scope.given)
    answer = ask(store, check, parameters, MAX_FINDINGS)
    return check.findings_of(answer.rows), answer.left_out
