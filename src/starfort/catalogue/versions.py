"""Finds the version of an API that calls ask for: in path, host, header, query or media type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starfort.catalogue.model import VersionPlaces
from starfort.catalogue.segments import ROOT_WORDS, is_version
from starfort.catalogue.templates import skeleton

SHALLOW: Final = 3
"""Among so many first segments a version may be the last one: `/v1`, `/api/v1`, `/shop/api/v1`. Deeper ones
have something below them, since `/files/{name}/v1` is more likely a version of a file."""

VERSION: Final = "{version}"
"""The segment of a configured template where the version stands."""

_NUMBERS: Final = re.compile(r"\d+|[a-z]+", re.IGNORECASE)
_PLACES: Final = frozenset({"host", "header", "query", "media"})


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One version of an API.

    Attributes:
        place: where calls name it: `path`, `host`, `header`, `query` or `media`.
        base: for `path`, the path before it: `/`, `/api`; otherwise "".
        name: `v2`, `2024-01`.
    """

    place: str
    base: str
    name: str

    @property
    def title(self) -> str:
        """`/api/v2`, or `2024-01 (header)`."""
        if self.place == "path":
            return f"{self.base.rstrip('/')}/{self.name}"
        return f"{self.name} ({self.place})"

    @property
    def family(self) -> tuple[str, str]:
        """What the versions that replace each other have in common."""
        return self.place, self.base

    @property
    def age(self) -> tuple[tuple[int, str], ...]:
        """Sorts versions from the oldest to the newest: v2 before v10, 2023-12 before 2024-01."""
        return tuple(
            (int(part), "") if part.isdigit() else (-1, part.lower()) for part in _NUMBERS.findall(self.name)
        )


def version_of(template: str, places: VersionPlaces) -> tuple[Version, str] | None:
    """The version in a template, and the template without it and without names of parameters.

    Args:
        template: path template, `/api/v2/orders/{orderId}`.
        places: where the API's versions stand.

    Returns:
        `(Version("path", "/api", "v2"), "/api/orders/{}")`; None when there is none.
    """
    if "path" not in places.places:
        return None
    parts = template.strip("/").split("/")
    for index in _configured(parts, places.paths) if places.paths else _found(parts):
        version = Version("path", "/" + "/".join(parts[:index]), parts[index])
        return version, skeleton("/" + "/".join([*parts[:index], *parts[index + 1 :]]))
    return None


def _found(parts: list[str]) -> list[int]:
    return [
        index
        for index, part in enumerate(parts)
        if (is_version(part) or _is_dated(parts, index)) and (index < SHALLOW or index + 1 < len(parts))
    ]


def _is_dated(parts: list[str], index: int) -> bool:
    """Whether a date or small number stands where an API begins."""
    return parts[index][:1].isdigit() and (index == 0 or parts[index - 1] in ROOT_WORDS)


def _configured(parts: list[str], paths: tuple[str, ...]) -> list[int]:
    for path in paths:
        wanted = path.strip("/").split("/")
        index = wanted.index(VERSION) if VERSION in wanted else len(parts)
        if index < len(parts) and "{" not in parts[index] and _fits(wanted[:index], parts):
            return [index]
    return []


def _fits(wanted: list[str], parts: list[str]) -> bool:
    return all("{" in want or want == part for want, part in zip(wanted, parts, strict=False))


def version_asked(asked: str, places: VersionPlaces) -> Version | None:
    """The version that a call asks for outside of its path.

    Args:
        asked: `place:version`, as events have it; "" without one.
        places: where the API's versions stand.
    """
    place, _, name = asked.partition(":")
    if not name or place not in _PLACES or place not in places.places:
        return None
    return Version(place, "", name)
