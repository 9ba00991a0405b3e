"""Compares path templates: it finds those that are the same, and those that cover others."""

from __future__ import annotations

import re
from typing import Final

_PARAMETER: Final = "{}"
_NAMED: Final = re.compile(r"\{[^}]*\}")
_ADJACENT: Final = re.compile(r"(\{\}){2,}")
MAX_VISITS: Final = 512
"""Nodes that one search visits, as in `crates/engine/src/endpoint/mod.rs`. With many templates of one length,
going back from concrete to templated segments would otherwise take exponential time."""


def shape(path: str) -> str:
    """A template without the names of its parameters; two of one shape match the same paths.

    A segment may have text around its parameters and between them, as in the engine
    (`crates/engine/src/endpoint/segment.rs`): `/report-{year}-{month}.csv` has the shape `/report-{}-{}.csv`.
    Parameters without text between them are one.
    """
    return "/".join(_segment(part) for part in path.rstrip("/").split("/")) or "/"


def _segment(part: str) -> str:
    return _ADJACENT.sub(_PARAMETER, _NAMED.sub(_PARAMETER, part))


def fits(template: str, segment: str) -> bool:
    """Whether a segment of a path fits a segment of a template.

    Args:
        template: as `shape` gives it, with `{}` for each parameter, which needs at least one character.
        segment: without slashes.
    """
    before, *texts = template.split(_PARAMETER)
    if not texts:
        return template == segment
    if not segment.startswith(before):
        return False
    begin = len(before)
    for text in texts[:-1]:
        at = segment.find(text, begin + 1)
        if at < 0:
            return False
        begin = at + len(text)
    return segment.endswith(texts[-1]) and len(segment) - len(texts[-1]) > begin


class TemplateSet:
    """The templates of one API; it finds the one that matches a path or a narrower template."""

    def __init__(self) -> None:
        self._root: _Node = _Node()

    def add(self, path: str, method: str, index: int) -> None:
        """Add a template. For each shape and method, the first one counts."""
        node = self._root
        for part in shape(path).split("/")[1:]:
            child = node.children.setdefault(part, _Node())
            if _PARAMETER in part:
                # Kept apart as well, so that a search tries only these few against a concrete segment.
                node.templated[part] = child
            node = child
        node.methods.setdefault(method, index)

    def covering(self, path: str, method: str) -> int | None:
        """The index of a template with this method that matches whatever `path` matches.

        Args:
            path: concrete or a template itself.
            method: upper case; `*` is covered by `*` only, others by themselves and by `*`.
        """
        return _Search(method).walk(self._root, shape(path).split("/")[1:])


class _Node:
    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.templated: dict[str, _Node] = {}
        self.methods: dict[str, int] = {}


class _Search:
    def __init__(self, method: str) -> None:
        self._method = method
        self._visits = 0

    def walk(self, node: _Node, parts: list[str]) -> int | None:
        self._visits += 1
        if self._visits > MAX_VISITS:
            return None
        if not parts:
            return node.methods.get(self._method, node.methods.get("*"))
        # A concrete segment counts before a templated one (OpenAPI 3.1.0, Paths Object).
        part, rest = parts[0], parts[1:]
        if part in node.children and (found := self.walk(node.children[part], rest)) is not None:
            return found
        for wider, child in node.templated.items():
            if _is_wider(wider, part) and (found := self.walk(child, rest)) is not None:
                return found
        return None


def _is_wider(wider: str, part: str) -> bool:
    # A parameter of the narrower one is a character that no text has, so that only a parameter can hold it.
    return wider != part and fits(wider, part.replace(_PARAMETER, "\0"))
