"""Decides whether periodic work has anything new to look at: without events it should cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

LOOKS_ON_S: Final = 15.0
"""How long to go on looking after a change: the catalogue reads the last 10 s of arrivals twice."""

CERTAIN_EVERY_S: Final = 60.0
"""How often to look even when nothing is new: some findings appear only because time passes."""


class ChangeWatch:
    """Says whether periodic work should look now.

    Args:
        state: a value that changes when there is something new, such as how many rows were stored.
    """

    def __init__(self, state: Callable[[], Hashable]) -> None:
        self._state = state
        # Equal to no state, so that the first question finds a change.
        self._known: Hashable = object()
        self._changed_at = 0.0
        self._looked_at = float("-inf")

    def due(self, now: float) -> bool:
        """Whether to look. After the answer "yes", the caller counts as having looked.

        Args:
            now: monotonic seconds.
        """
        state = self._state()
        if state != self._known:
            self._known, self._changed_at = state, now
        due = now - self._changed_at < LOOKS_ON_S or now - self._looked_at >= CERTAIN_EVERY_S
        if due:
            self._looked_at = now
        return due
