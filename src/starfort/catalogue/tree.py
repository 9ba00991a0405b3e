"""The shapes of an API as a tree, with what the learner asks of each node."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starfort.catalogue.evidence import Calls, Evidence
from starfort.catalogue.segments import FORMATS, SLUG, frame_of, is_value, split_suffix

MAX_SIGNATURE: Final = 200
"""Parts below one place that are compared at most."""

MAX_GRANDCHILDREN: Final = 20
"""Parts below each of them that are compared at most."""

MAX_ANSWERS: Final = 50
"""Answers at and below one place that are compared at most."""


@dataclass(slots=True)
class Node:
    """One part of the shapes, at one place below another.

    Attributes:
        children: by part.
        methods: the calls that end here, by method.
        shape: the shape that ends here; "" when none does.
        calls: calls at and below the node.
        shapes: different methods and shapes at and below it.
        callers: the most callers of one shape at or below it.
        first_seen: the first of these calls.
        words: words that were folded into this part.
        was: 1 when the part was a value in the last templates, -1 when it was a word, 0 when it is new.
    """

    children: dict[str, Node] = field(default_factory=dict)
    methods: Mapping[str, Calls] = field(default_factory=dict)
    shape: str = ""
    calls: int = 0
    shapes: int = 0
    callers: int = 0
    first_seen: float = float("inf")
    words: int = 0
    was: int = 0
    _signature: frozenset[str] | None = None
    _answers: frozenset[tuple[str, str]] | None = None

    def signature(self) -> frozenset[str]:
        """Methods here (`=GET`), and the frames of parts below (`/members`, `/{}`, `/*/members`)."""
        if self._signature is None:
            found = {f"={method}" for method in self.methods}
            for part, child in _some(self.children, MAX_SIGNATURE):
                found.add(f"/{frame_of(part)}")
                found.update(f"/*/{frame_of(below)}" for below, _ in _some(child.children, MAX_GRANDCHILDREN))
            self._signature = frozenset(found)
        return self._signature

    def answers(self) -> frozenset[tuple[str, str]]:
        """How answers look, here and right below: where and to which method, and the look."""
        if self._answers is None:
            found = _looks("", self.methods)
            for part, child in _some(self.children, MAX_ANSWERS):
                found |= _looks(frame_of(part), child.methods)
            self._answers = frozenset(found)
        return self._answers


def _some(children: Mapping[str, Node], most: int) -> Iterable[tuple[str, Node]]:
    # Nodes are made in sorted order, so the first ones are the same whatever came first.
    return ((part, child) for (part, child), _ in zip(children.items(), range(most), strict=False))


def _looks(where: str, methods: Mapping[str, Calls]) -> set[tuple[str, str]]:
    return {(f"{where} {method}", look) for method, calls in methods.items() for look in calls.answers}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an API as a whole.

    Attributes:
        parents: for each word, the number of nodes right above it.
        distinct: how different the answers of its shapes are: the number of different looks for each shape;
            where all look alike, that two look alike proves nothing. -1 when no look is known.
        middle: the middle of the time in which it was watched.
    """

    parents: Mapping[str, int]
    distinct: float
    middle: float


STEP: Final = " "
"""What a `:verb` or a format begins with in the tree; no shape has a blank."""

_DECLARED_FORMAT: Final = re.compile(r"(.*[^.])(\.\{[^{}]*\})")
"""`videos.{format}` in a document."""


def steps(path: str) -> list[str]:
    """The steps that lead to a path in the tree: its segments, and `:verb` and formats as steps of their own.

    What stands before them is then one place, whatever follows: `/topics/a:publish` → `topics`, `a`,
    `:publish`.
    """
    found: list[str] = []
    for segment in path.strip("/").split("/"):
        declared = _DECLARED_FORMAT.fullmatch(segment)
        text, suffix = (declared[1], declared[2]) if declared else split_suffix(segment)
        if suffix.startswith(":") or suffix[1:] in FORMATS or (declared and suffix):
            found += (text, STEP + suffix)
        elif segment:
            found.append(segment)
    return found


def is_step(part: str) -> bool:
    """Whether a part is a `:verb` or a format, which stand behind the step before without a slash."""
    return part.startswith(STEP)


def path_of(parts: Iterable[str]) -> str:
    """The path of steps."""
    return "".join(part[1:] if is_step(part) else f"/{part}" for part in parts) or "/"


def insert(root: Node, path: str) -> Node:
    """The node of a path, which is made where it is missing."""
    node = root
    for part in steps(path):
        node = node.children.setdefault(part, Node())
    return node


def build(evidence: Evidence, previous: Mapping[str, str]) -> tuple[Node, Facts]:
    """The tree of an API's shapes.

    Args:
        evidence: calls by shape and method.
        previous: the last template of each shape.
    """
    root = Node()
    # Sorted, since the order in which nodes are made must not show in the templates.
    for shape in sorted(evidence):
        methods = evidence[shape]
        calls = sum(max(one.calls, 1) for one in methods.values())
        callers = max(one.callers for one in methods.values())
        first = min(one.first_seen for one in methods.values())
        folded = max(one.words for one in methods.values())
        last = steps(previous.get(shape, ""))
        node = root
        for depth, part in enumerate(("", *steps(shape))):
            node = node.children.setdefault(part, Node()) if depth else root
            node.calls += calls
            node.shapes += len(methods)
            node.callers = max(node.callers, callers)
            node.first_seen = min(node.first_seen, first)
            if depth and SLUG in part:
                node.words = max(node.words, folded)
            if depth and len(last) >= depth:
                node.was = max(node.was, 1) if is_value(last[depth - 1]) else (node.was or -1)
        node.shape, node.methods = shape, methods
    return root, _facts(root, evidence)


def _facts(root: Node, evidence: Evidence) -> Facts:
    parents: Counter[str] = Counter()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        parents.update(part for part in node.children if not is_value(part))
        waiting += node.children.values()
    every = [calls for methods in evidence.values() for calls in methods.values()]
    known = [calls.answers for calls in every if calls.answers]
    distinct = len({look for looks in known for look in looks}) / len(known) if known else -1.0
    first = min((calls.first_seen for calls in every), default=0.0)
    last = max((calls.last_seen for calls in every), default=0.0)
    return Facts(parents, distinct, (first + last) / 2)
