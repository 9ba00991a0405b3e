"""What people decided about segments of paths: which are fixed words and which are values of a parameter.

A pattern is a path from the root whose last segment is `*`: the place that the decision is about. In other
segments, `*` and `{name}` stand for any one segment. `/api/*` as words splits an endpoint `/api/{id}` that
swallowed methods; as values, it joins endpoints that differ in this segment only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from starfort.catalogue.segments import SLUG


class Decisions:
    """The decisions about one API.

    Args:
        words: patterns of places whose segments are words.
        values: patterns of places whose segments are values.
    """

    def __init__(self, words: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        self._words = [_parts(pattern) for pattern in words]
        self._values = [_parts(pattern) for pattern in values]

    def with_values(self, shape: str) -> str:
        """A shape with `{slug}` at the places whose segments are values."""
        if not self._values:
            return shape
        parts = _parts(shape)
        for pattern in self._values:
            if _begins(parts, pattern) and not parts[len(pattern) - 1].startswith("{"):
                parts[len(pattern) - 1] = SLUG
        return "/" + "/".join(parts)

    def parts(self, template: str, shape: str) -> bool:
        """Whether a template has a parameter where people decided that a shape has a word."""
        places, segments = _parts(template), _parts(shape)
        return any(
            len(places) >= len(pattern) and "{" in places[len(pattern) - 1] and _begins(segments, pattern)
            for pattern in self._words
        )

    def fixed(self, shape: str) -> Iterator[str]:
        """Paths to the segments of a shape that are words; a document that has them keeps them fixed."""
        if not self._words:
            return
        parts = _parts(shape)
        for pattern in self._words:
            if _begins(parts, pattern):
                yield "/" + "/".join(parts[: len(pattern)])


def pattern_at(template: str, place: int) -> str:
    """The pattern of one place of a template.

    Args:
        template: `/shops/{shopId}/tags/{tagId}`.
        place: number of the segment, from 0.
    """
    return "/" + "/".join([*("*" if "{" in part else part for part in _parts(template)[:place]), "*"])


def _begins(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if len(parts) < len(pattern):
        return False
    return all(
        wanted == "*" or "{" in wanted or wanted == part
        for wanted, part in zip(pattern, parts[: len(pattern)], strict=True)
    )


def _parts(path: str) -> list[str]:
    inner = path.strip("/")
    return inner.split("/") if inner else []
