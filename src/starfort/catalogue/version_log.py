"""Keeps which versions of an API are known, and when to compare a new one with those before it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from starfort.catalogue.callers import count
from starfort.catalogue.model import Endpoint, VersionPlaces
from starfort.catalogue.templates import skeleton
from starfort.catalogue.versions import Version, version_asked, version_of

SEVERAL: Final = 2
"""Callers that make a version that is only asked for certain: an API that ignores the header answers
anything."""

ALONE_A_DAY: Final = 3
"""Versions that a single caller may ask for and that are told, within a day. More come from somebody who
tries."""

_DAY_US: Final = timedelta(days=1) // timedelta(microseconds=1)


@dataclass(slots=True)
class Asked:
    """A version that calls ask for outside of their path.

    Attributes:
        first_us: when the first answered call did, microseconds since 1970.
        last_us: when the last one did.
        answered: how many did.
        callers: whose, as bits (`callers.py`).
        told: whether people were told of it, or it was there from the beginning.
    """

    first_us: int
    last_us: int
    answered: int = 0
    callers: int = 0
    told: bool = False


@dataclass(slots=True)
class Pending:
    """A version that is new, until its last comparison.

    Attributes:
        version: the version.
        others: versions of its family from before; None stands for calls without a version.
        began_us: when it was first called.
        stage: how many comparisons were made.
        told: what the last one said.
    """

    version: Version
    others: tuple[Version | None, ...]
    began_us: int
    stage: int = 0
    told: str = ""


class VersionLog:
    """The versions of one API.

    Args:
        most: versions that are asked for outside of the path and are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.asked: dict[str, Asked] = {}
        self.plain = False
        """Whether calls without any version were seen."""
        self.pending: list[Pending] = []
        # What paths have shown so far, so that a new endpoint is compared without looking at all the others.
        self._in_paths: dict[tuple[str, str], set[Version]] = {}
        self._plain_paths: set[str] = set()
        self.dropped = 0

    def ask(self, text: str, first_us: int, last_us: int, answered: int, callers: int) -> None:
        """Count answered calls that ask for a version.

        Args:
            text: `place:version`; "" when they ask for none.
            first_us: when the first was.
            last_us: when the last was.
            answered: how many there were.
            callers: whose, as bits.
        """
        if text == "":
            self.plain = True
            return
        known = self.asked.get(text)
        if known is None:
            if len(self.asked) >= self._most and not self._make_room(answered, callers):
                self.dropped += 1
                return
            known = self.asked[text] = Asked(first_us, last_us)
        known.first_us, known.last_us = min(known.first_us, first_us), max(known.last_us, last_us)
        known.answered += answered
        known.callers |= callers

    def _make_room(self, answered: int, callers: int) -> bool:
        """Forget the version with the least evidence if a new one has as much."""
        weakest = min(self.asked, key=lambda text: _strength(self.asked[text]))
        if _strength(self.asked[weakest])[:2] > (count(callers), answered):
            return False
        del self.asked[weakest]
        self.dropped += 1
        return True

    def know(self, endpoints: Iterable[Endpoint], places: VersionPlaces) -> None:
        """Take over the versions in paths of endpoints that are known, in place of all others.

        Args:
            endpoints: all of the API.
            places: where versions stand.
        """
        self._in_paths, self._plain_paths = {}, set()
        self._add(endpoints, places)

    def _add(self, endpoints: Iterable[Endpoint], places: VersionPlaces) -> None:
        for endpoint in endpoints:
            found = version_of(endpoint.template, places)
            if found is None:
                self._plain_paths.add(skeleton(endpoint.template))
            else:
                self._in_paths.setdefault(found[0].family, set()).add(found[0])

    def found(self, made: Sequence[Endpoint], places: VersionPlaces, now_us: int, *, first: bool) -> None:
        """Note the versions that are new.

        Args:
            made: endpoints that are new.
            places: where versions stand.
            now_us: microseconds since 1970.
            first: whether the API was not called before.
        """
        self._found_in_paths(made, places, now_us)
        self._add(made, places)
        self._found_asked(places, now_us, first=first)

    def _found_in_paths(self, made: Sequence[Endpoint], places: VersionPlaces, now_us: int) -> None:
        fresh: dict[Version, set[str]] = {}
        for endpoint in made:
            found = version_of(endpoint.template, places)
            if found is not None:
                fresh.setdefault(found[0], set()).add(found[1])
        for version, tails in sorted(fresh.items()):
            others: set[Version | None] = set(self._in_paths.get(version.family, ()))
            if version in others:
                continue
            if not self._plain_paths.isdisjoint(tails):
                others.add(None)
            self._begin(version, others, now_us)

    def _found_asked(self, places: VersionPlaces, now_us: int, *, first: bool) -> None:
        alone = sum(
            1
            for known in self.asked.values()
            if known.told and count(known.callers) < SEVERAL and now_us - known.first_us < _DAY_US
        )
        before = {text for text, known in self.asked.items() if known.told}
        for text, known in sorted(self.asked.items()):
            version = version_asked(text, places)
            if known.told or version is None or not known.answered:
                continue
            if count(known.callers) < SEVERAL:
                if alone >= ALONE_A_DAY:
                    continue
                alone += 1
            known.told = True
            family = [version_asked(other, places) for other in before]
            others: set[Version | None] = {one for one in family if one and one.family == version.family}
            if self.plain:
                others.add(None)
            # With the first calls of an API, whatever they ask for was there from the beginning.
            if not first:
                self._begin(version, others, now_us)

    def _begin(self, version: Version, others: set[Version | None], now_us: int) -> None:
        # The first version of an API is not new: there is nothing that it could differ from.
        if others:
            order = sorted(others, key=lambda one: one or Version("", "", ""))
            self.pending.append(Pending(version, tuple(order), now_us))

    def all(self, endpoints: Iterable[Endpoint], places: VersionPlaces) -> list[Version]:
        """Every version, those that replace each other together, oldest first."""
        found = {named[0] for row in endpoints if (named := version_of(row.template, places)) is not None}
        asked = (version_asked(text, places) for text, known in self.asked.items() if known.told)
        found.update(version for version in asked if version is not None)
        return sorted(found, key=lambda one: (*one.family, one.age, one.name))

    def names(self, endpoints: Iterable[Endpoint], places: VersionPlaces) -> dict[str, list[str]]:
        """Every version by the path before it, or by the place where calls ask for it."""
        found: dict[str, list[str]] = {}
        for version in self.all(endpoints, places):
            found.setdefault(version.base or version.place, []).append(version.name)
        return dict(sorted(found.items()))

    def kept(self) -> dict[str, Any]:
        """The same as JSON values; comparisons that are due are not among them."""
        return {"plain": self.plain, "asked": {text: asdict(known) for text, known in self.asked.items()}}

    def load(self, kept: dict[str, Any]) -> None:
        """Take over what `kept` gave in an earlier start."""
        self.plain = bool(kept.get("plain"))
        self.asked = {text: Asked(**known) for text, known in kept.get("asked", {}).items()}


def _strength(asked: Asked) -> tuple[int, int, int]:
    return count(asked.callers), asked.answered, asked.last_us
