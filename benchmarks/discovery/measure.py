"""Compares what was learned with the documents that the traffic was made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from benchmarks.discovery.documents import Document
from benchmarks.discovery.observe import Observed
from benchmarks.discovery.traffic import DURATION_S, Call, Traffic
from starfort.catalogue.segments import is_value
from starfort.catalogue.templates import learn, skeleton
from starfort.catalogue.tree import steps

REFRESH_S: Final = 15.0
"""How often templates are learned. The catalogue does so more often; this is enough to see what vanishes."""

SETTLED_S: Final = 60.0
"""From here on nothing should vanish."""

Endpoint = tuple[str, str]
"""Method and skeleton."""


@dataclass
class Score:
    """What was found; scores of several documents can be added.

    Attributes:
        right: endpoints that were found and exist.
        found: endpoints that were found.
        wanted: endpoints that were called and answered.
        vanished: endpoints that were there after the first minute, or came later, and vanished.
        noise: endpoints of calls that belong to no operation.
        wrong: examples, found and missed.
    """

    right: int = 0
    found: int = 0
    wanted: int = 0
    vanished: int = 0
    noise: int = 0
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Score) -> Score:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Score(*(one + two for one, two in pairs))

    @property
    def precision(self) -> float:
        """Share of the found ones that exist."""
        return self.right / max(1, self.found)

    @property
    def recall(self) -> float:
        """Share of the called ones that were found."""
        return self.right / max(1, self.wanted)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.right / max(1, self.found + self.wanted)


def score(document: Document, calls: int, *, looks: bool = True, seed: int = 1) -> Score:
    """Learn from the traffic of a document as time goes by.

    Args:
        document: the truth.
        calls: of the traffic.
        looks: whether how requests and answers look is known.
        seed: of the traffic.
    """
    observed, result = Observed(looks=looks), Score()
    previous: dict[str, str] = {}
    before: set[Endpoint] = set()
    settled: set[Endpoint] = set()
    for now, part in _refreshes(Traffic(document, seed).calls(calls), REFRESH_S):
        observed.add(part)
        previous = {shape: row.template for shape, row in learn(observed.evidence(), (), previous).items()}
        before = {(method, skeleton(previous[shape])) for shape, method in observed.seen}
        if now >= SETTLED_S:
            result.vanished += len(settled - before)
            settled = before
    wanted = {
        (method, skeleton(template))
        for seen in observed.seen.values()
        for method, template in seen.operations
    }
    result.right, result.found, result.wanted = len(before & wanted), len(before), len(wanted)
    result.noise = sum(not seen.operations for seen in observed.seen.values())
    result.wrong = [f"+ {document.name} {' '.join(one)}" for one in sorted(before - wanted)]
    result.wrong += [f"- {document.name} {' '.join(one)}" for one in sorted(wanted - before)]
    return result


def _refreshes(calls: Iterable[Call], every_s: float) -> Iterator[tuple[float, list[Call]]]:
    waiting: list[Call] = []
    due = every_s
    for call in calls:
        while call.time_s >= due:
            yield due, waiting
            waiting, due = [], due + every_s
        waiting.append(call)
    yield max(due, DURATION_S), waiting


@dataclass
class Merged:
    """Paths whose fixed segments became parameters when each operation is called once.

    Attributes:
        paths: all paths.
        lost: those that lost a fixed segment.
        documents: in how many documents.
        wrong: examples.
    """

    paths: int = 0
    lost: int = 0
    documents: int = 0
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Merged) -> Merged:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Merged(*(one + two for one, two in pairs))


def merged(document: Document, *, looks: bool = True, seed: int = 1) -> Merged:
    """Call each operation once, all of them answered with success."""
    observed = Observed(looks=looks)
    observed.add(dataclasses.replace(call, status=200) for call in Traffic(document, seed).once())
    learned = learn(observed.evidence())
    paths, lost = set(), set()
    for (shape, _), seen in observed.seen.items():
        for _, template in seen.operations:
            paths.add(skeleton(template))
            found = zip(steps(template), steps(learned[shape].template), strict=False)
            if any(not is_value(fixed) and is_value(place) for fixed, place in found):
                lost.add(skeleton(template))
    return Merged(len(paths), len(lost), bool(lost), [f"{document.name} {path}" for path in sorted(lost)])
