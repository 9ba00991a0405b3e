"""Keeps the evidence of calls as the catalogue does, without a store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.discovery.traffic import Call
from starfort.catalogue.evidence import MAX_CALLERS, MAX_LOOKS, Calls
from starfort.catalogue.segments import shape_of

PROVEN: Final = frozenset({200, 201, 202, 204, 206, 304, 406, 409, 410, 412, 413, 415, 422, 428})
"""Statuses that show that something is there (`catalogue/queries/observed.sql`)."""


@dataclass(slots=True)
class Seen:
    """The calls of one method and shape so far."""

    calls: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    callers: set[int] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)
    operations: dict[tuple[str, str], int] = field(default_factory=dict)

    def frozen(self) -> Calls:
        """As the learner takes it."""
        return Calls(
            self.calls,
            min(len(self.callers), MAX_CALLERS),
            self.first_s,
            self.last_s,
            tuple(sorted(self.requests)),
            tuple(sorted(self.answers)),
        )


class Observed:
    """The evidence of one API.

    Args:
        looks: whether how requests and answers look is known.
    """

    def __init__(self, *, looks: bool = True) -> None:
        self._looks = looks
        self._shapes: dict[str, str | None] = {}
        self.seen: dict[tuple[str, str], Seen] = {}

    def add(self, calls: Iterable[Call]) -> None:
        """Take over calls, in the order of time."""
        for call in calls:
            if call.status not in PROVEN:
                continue
            if call.path not in self._shapes:
                self._shapes[call.path] = shape_of(call.path)
            shape = self._shapes[call.path]
            if shape is not None:
                self._take(self.seen.setdefault((shape, call.method), Seen(first_s=1 + call.time_s)), call)

    def _take(self, seen: Seen, call: Call) -> None:
        seen.calls += 1
        seen.last_s = 1 + call.time_s
        seen.callers.add(call.caller)
        if call.operation is None:
            return
        key = call.operation.method, call.operation.template
        seen.operations[key] = seen.operations.get(key, 0) + 1
        if self._looks and call.status < 300 and len(seen.requests) < MAX_LOOKS:  # noqa: PLR2004 (success)
            seen.requests.add(call.operation.request)
            seen.answers.add(call.operation.answer)

    def evidence(self) -> dict[str, dict[str, Calls]]:
        """What the learner is told."""
        found: dict[str, dict[str, Calls]] = {}
        for (shape, method), seen in self.seen.items():
            found.setdefault(shape, {})[method] = seen.frozen()
        return found
