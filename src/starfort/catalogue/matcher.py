"""Finds the endpoint that a shape belongs to, as the engine finds the endpoint of a path.

The engine learns of a template seconds after the catalogue. Calls of that time carry no endpoint, and this
says which one is theirs without learning again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from starfort.catalogue.segments import frame_of

MOST_PLACES: Final = 32
"""Places of the tree that are followed at once; templates that need more differ in nothing that a path
shows."""


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    # By what the text around the parameters says, `{}.json`; those that say most come first.
    parameters: dict[str, tuple[re.Pattern[str], _Node]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)


class Matcher:
    """The templates of one API.

    Args:
        endpoints: method, template and id of each.
    """

    def __init__(self, endpoints: Iterable[tuple[str, str, str]] = ()) -> None:
        self._root = _Node()
        for method, template, key in endpoints:
            self.add(method, template, key)

    def add(self, method: str, template: str, key: str) -> None:
        """Add an endpoint."""
        node = self._root
        for part in _parts(template):
            node = _parameter(node, part) if "{" in part else node.fixed.setdefault(part, _Node())
        node.ids[method] = key

    def find(self, method: str, shape: str) -> str:
        """The id of the most specific endpoint of a method and shape; "" when there is none."""
        # All that fit so far, the most specific first: fixed words come before parameters, segment by
        # segment.
        nodes = [self._root]
        for part in _parts(shape):
            below: list[_Node] = []
            for node in nodes:
                fixed = node.fixed.get(part)
                if fixed is not None:
                    below.append(fixed)
                below += [child for pattern, child in node.parameters.values() if pattern.fullmatch(part)]
            nodes = below[:MOST_PLACES]
        for node in nodes:
            found = node.ids.get(method) or node.ids.get("*")
            if found:
                return found
        return ""


def _parameter(node: _Node, part: str) -> _Node:
    frame = frame_of(part)
    known = node.parameters.get(frame)
    if known is None:
        pattern = re.compile("(.+?)".join(map(re.escape, frame.split("{}"))))
        known = node.parameters[frame] = (pattern, _Node())
        node.parameters = dict(sorted(node.parameters.items(), key=lambda item: _rank(item[0])))
    return known[1]


def _rank(frame: str) -> tuple[int, int, str]:
    """Where the engine looks first: at the longest text before the parameter, then at the longest in all."""
    return -frame.index("{}"), -len(frame), frame


def _parts(path: str) -> list[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else []
