"""Windows that could not be judged in time, and are judged when there is room: the newest first.

A window is known by its end. After a pause, or when events arrive late, whole spans of ends are owed;
walking them in steps of half a window shows every burst that the runs on time would have seen (a burst of
half a window lies in one of the windows as a whole).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

MAX_AGE: Final = timedelta(hours=6)
"""Older windows are given up (counted): what happened then is for the pages, and time is better spent on
now."""

MAX_WINDOWS: Final = 1000
"""Windows that one detector owes at most; of more, the oldest are given up."""

MAX_SPANS: Final = 64
"""Separate spans; of more, the two oldest become one, which only adds windows between them."""


class Backlog:
    """Spans of window ends that are owed.

    Args:
        window: the detector's window.
    """

    def __init__(self, window: timedelta) -> None:
        self.step = window / 2
        self.given_up = 0
        self._spans: list[tuple[datetime, datetime]] = []

    def __len__(self) -> int:
        """How many windows are owed."""
        return sum(self._count(since, until) for since, until in self._spans)

    def owe(self, since: datetime, until: datetime) -> None:
        """Owe the windows that end after `since` and up to `until`; nothing when that is no span."""
        if since >= until:
            return
        kept: list[tuple[datetime, datetime]] = []
        for begin, end in self._spans:
            if end < since or begin > until:
                kept.append((begin, end))
            else:
                since, until = min(begin, since), max(end, until)
        kept.append((since, until))
        kept.sort()
        while len(kept) > MAX_SPANS:
            (begin, _), (_, end) = kept[:2]
            kept[:2] = [(begin, end)]
        self._spans = kept

    def take(self, now: datetime, length: timedelta | None = None) -> datetime | None:
        """The end of the newest window that is owed, which then no longer is; `None` when none is.

        Args:
            now: the time, UTC.
            length: length of the window that will be judged, where it is shorter than usual.
        """
        self._give_up(now)
        if not self._spans:
            return None
        since, until = self._spans.pop()
        rest = until - min(self.step, length or self.step)
        if rest > since:
            self._spans.append((since, rest))
        return until

    def _give_up(self, now: datetime) -> None:
        """Forget what is too old, and the oldest of what is too much."""
        oldest = now - MAX_AGE
        left = MAX_WINDOWS
        kept: list[tuple[datetime, datetime]] = []
        for since, until in reversed(self._spans):
            begin = max(since, oldest, until - self.step * left)
            if left <= 0 or begin >= until:
                self.given_up += self._count(since, until)
                continue
            if begin > since:
                self.given_up += self._count(since, begin)
            kept.append((begin, until))
            left -= self._count(begin, until)
        self._spans = kept[::-1]

    def _count(self, since: datetime, until: datetime) -> int:
        return -((since - until) // self.step)
