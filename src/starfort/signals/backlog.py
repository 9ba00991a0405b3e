"""Windows that could not be judged in time and are judged later, the newest first.

A window is known by its end. After a pause, or when events arrive late, whole spans of ends are owed. Walking
through a span in steps of half a window finds every burst that runs on time would have found, because a burst
of up to half a window lies completely inside one of these windows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

MAX_AGE: Final = timedelta(hours=6)
"""Windows that are older are given up and counted. People find on the pages what happened then; a verdict
about it would come too late for any filter."""

MAX_WINDOWS: Final = 1000
"""Windows that one detector owes at most; of more, the oldest are given up. With a window of a minute these
are eight hours."""

MAX_SPANS: Final = 64
"""Separate spans at most. Of more, the two oldest become one, which only adds the windows between them."""


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
        """Owe the windows that end after `since` and up to `until`; none when `until` is not later."""
        if since >= until:
            return
        kept: list[tuple[datetime, datetime]] = []
        # Spans that touch become one, so that no window is owed twice.
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
        """The end of the newest owed window, which is owed no longer; `None` when no window is owed.

        Args:
            now: the time, UTC.
            length: length of the window that will be judged, where it is shorter than usual.
        """
        self._give_up(now)
        if not self._spans:
            return None
        since, until = self._spans.pop()
        # A shorter window steps on by its own length at most, else the time between two would go unseen.
        rest = until - min(self.step, length or self.step)
        if rest > since:
            self._spans.append((since, rest))
        return until

    def _give_up(self, now: datetime) -> None:
        """Give up windows that are too old, and the oldest ones of too many."""
        oldest = now - MAX_AGE
        left = MAX_WINDOWS
        kept: list[tuple[datetime, datetime]] = []
        # The newest spans come first, so that they get the room that is left.
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
        # Rounded up, because the rest of a span that is shorter than a step needs a window too.
        return -((since - until) // self.step)
