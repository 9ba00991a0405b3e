"""Whether there is anything new to look at: periodic work costs nothing while no events come."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

LOOKS_ON_S: Final = 15.0
"""How long after a change it is still worth looking: the catalogue reads the last 10 s of arrivals twice."""

CERTAIN_EVERY_S: Final = 60.0
"""How often to look although nothing is new: some findings come from the passing of time alone."""


class ChangeWatch:
    """Tells periodic work whether to look now.

    Args:
        state: a value that changes when there is something new, such as how many rows were stored.
    """

    def __init__(self, state: Callable[[], Hashable]) -> None:
        self._state = state
        self._known: Hashable = object()
        self._changed_at = 0.0
        self._looked_at = float("-inf")

    def due(self, now: float) -> bool:
        """Whether to look. A caller that is told to look counts as having looked.

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
