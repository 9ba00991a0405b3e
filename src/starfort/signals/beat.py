"""Whether a detector keeps its beat, and if not, why."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

OLDEST: Final = timedelta(seconds=15)
"""How far the newest judged window may lie back; five beats where that is more. A verdict is promised within
3 s, and a busy start of some seconds is no reason to call somebody."""

BEATS: Final = 5

LOOK_BACK: Final = timedelta(seconds=60)
"""Over which time missed beats are counted."""

MOST_MISSED: Final = 0.5
"""Share of beats that may be missed within it, when there were `LEAST` of them."""

LEAST: Final = 6

FAILURES: Final = 3
"""Failures in a row after which a detector counts as broken."""


class Beat:
    """The last minute of one detector.

    Args:
        every: its beat.
        started: when it began, UTC.
    """

    def __init__(self, every: timedelta, started: datetime) -> None:
        self._every = every
        self._started = started
        self._beats: deque[tuple[datetime, bool]] = deque(maxlen=4096)
        self._failures = 0

    def kept(self, now: datetime) -> None:
        """It judged what was due."""
        self._failures = 0
        self._note(now, kept=True)

    def missed(self, now: datetime) -> None:
        """The run before was still under way."""
        self._note(now, kept=False)

    def failed(self, now: datetime) -> None:
        """A run failed."""
        self._failures += 1
        self._note(now, kept=False)

    def _note(self, now: datetime, *, kept: bool) -> None:
        self._beats.append((now, kept))
        while self._beats and now - self._beats[0][0] > LOOK_BACK:
            self._beats.popleft()

    def behind(self, seen: datetime, judged_until: datetime | None) -> timedelta:
        """How much of what can be seen it has not judged; what was before its start does not count.

        Args:
            seen: event time up to which events can be seen, UTC.
            judged_until: end of the newest window that it judged; `None`: none so far.
        """
        return max(timedelta(), seen - max(judged_until or self._started, self._started))

    def problem(self, now: datetime, behind: timedelta, last_error: str) -> str:
        """Why it does not keep its beat, "" when it does.

        Args:
            now: the time, UTC.
            behind: how much of what can be seen it has not judged.
            last_error: why its last run failed, "" when it did not.
        """
        why = f": {last_error}" if last_error else ""
        if self._failures >= FAILURES:
            return f"its last {self._failures} runs failed{why}"
        if behind > max(OLDEST, BEATS * self._every):
            return f"it has not judged the last {behind.total_seconds():.0f} s{why}"
        recent = [kept for at, kept in self._beats if now - at <= LOOK_BACK]
        missed = recent.count(False)
        if len(recent) >= LEAST and missed > MOST_MISSED * len(recent):
            return (
                f"it missed {missed} of its last {len(recent)} beats{why or ', as its queries take too long'}"
            )
        return ""
