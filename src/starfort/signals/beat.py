"""Whether a detector keeps its beat, and if not, why."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

OLDEST: Final = timedelta(seconds=15)
"""How far back the newest judged window may lie; five beats where that is longer. A verdict is promised
within 3 s, but a busy start of a few seconds is no reason to call anybody."""

BEATS: Final = 5
"""How many beats the newest judged window may lie back, for detectors with a slow beat."""

LOOK_BACK: Final = timedelta(seconds=60)
"""The time over which missed beats are counted."""

MOST_MISSED: Final = 0.5
"""Share of beats that may be missed within `LOOK_BACK`."""

LEAST: Final = 6
"""Beats below which the share of missed ones says nothing."""

FAILURES: Final = 3
"""Failures in a row after which a detector counts as broken."""


class Beat:
    """The last minute of one detector.

    Args:
        every: time from one beat to the next.
        started: when the detector began to run, UTC.
    """

    def __init__(self, every: timedelta, started: datetime) -> None:
        self._every = every
        self._started = started
        # Bounded although `_note` forgets old beats: after the clock was set back, nothing would be old.
        self._beats: deque[tuple[datetime, bool]] = deque(maxlen=4096)
        self._failures = 0

    def kept(self, now: datetime) -> None:
        """Note that the window that was due was judged."""
        self._failures = 0
        self._note(now, kept=True)

    def missed(self, now: datetime) -> None:
        """Note that the run before was still under way."""
        self._note(now, kept=False)

    def failed(self, now: datetime) -> None:
        """Note that a run failed."""
        self._failures += 1
        self._note(now, kept=False)

    def _note(self, now: datetime, *, kept: bool) -> None:
        self._beats.append((now, kept))
        while self._beats and now - self._beats[0][0] > LOOK_BACK:
            self._beats.popleft()

    def behind(self, seen: datetime, judged_until: datetime | None) -> timedelta:
        """How much of the visible time it has not judged. The time before its start does not count.

        Args:
            seen: event time up to which events can be seen, UTC.
            judged_until: end of the newest window that it judged; `None`: none so far.
        """
        return max(timedelta(), seen - max(judged_until or self._started, self._started))

    def problem(self, now: datetime, behind: timedelta, last_error: str) -> str:
        """Why it does not keep its beat, "" when it does.

        Args:
            now: the time, UTC.
            behind: how much of the visible time it has not judged.
            last_error: why its last run failed, "" when it did not.
        """
        why = f": {last_error}" if last_error else ""
        if self._failures >= FAILURES:
            return f"its last {self._failures} runs failed{why}"
        # Failures are tested first: when failing runs are why a detector is behind, the failure is the reason
        # to name.
        if behind > max(OLDEST, BEATS * self._every):
            return f"it has not judged the last {behind.total_seconds():.0f} s{why}"
        # old beats are left out here too: `_note` forgets them only when there is another beat
        recent = [kept for at, kept in self._beats if now - at <= LOOK_BACK]
        missed = recent.count(False)
        if len(recent) >= LEAST and missed > MOST_MISSED * len(recent):
            return (
                f"it missed {missed} of its last {len(recent)} beats{why or ', as its queries take too long'}"
            )
        return ""
