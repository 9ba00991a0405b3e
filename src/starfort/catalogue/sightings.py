"""Keeps the shapes of one API's paths with what their calls showed, from which templates are learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from starfort.catalogue.callers import count
from starfort.catalogue.evidence import MAX_LOOKS, Calls
from starfort.catalogue.observe import Observation
from starfort.catalogue.segments import is_value, slugged, word_frame

MIN_WEAK_CALLS: Final = 10
MIN_WEAK_CALLERS: Final = 3
"""A path that was only refused (401, 403), redirected or failed is an endpoint after so many calls of so many
callers, if something was answered beside it, or a source of the API sees no answers. Gateways in front of
APIs give these answers for any path, so what scanners call proves nothing."""

WORDS: Final = 64
"""Words of one parameter that are kept by themselves, those with the most calls: routes that were taken for
values are among them, because routes are called again and again. The other words are counted together."""

EVICTED_SHARE: Final = 0.05
"""This share of the shapes goes at once when there is no place left, so that not every new one sorts them
all."""

MOST_NAMES: Final = 32
"""Names in one set: kinds of credential, classes."""

ShapeKey: TypeAlias = tuple[str, str]
"""Method and shape."""


@dataclass(slots=True)
class Sighting:
    """The calls of one method and shape.

    Attributes:
        first_us: time of the first call that was answered, microseconds since 1970.
        last_us: time of the last one.
        calls: number of calls.
        answered: number of those calls whose status shows that something is there.
        callers: who called, as bits (`callers.py`).
        requests: how requests looked, as hashes.
        answers: how answers with success looked.
        words: how many different words were counted into this shape; 0 for a shape as it was called.
        hosts: host names.
        auth: kinds of credential.
        sensitive: classes.
        logins: calls with the account name of a log-in.
        open_us: when a call without credentials was answered first; None when none was.
        endpoint_id: the endpoint that the shape belongs to; "" while there is too little evidence for one.
    """

    first_us: int
    last_us: int
    calls: int = 0
    answered: int = 0
    callers: int = 0
    requests: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    words: int = 0
    hosts: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    logins: int = 0
    open_us: int | None = None
    endpoint_id: str = ""

    def add(self, seen: Observation | Sighting, hosts: int) -> None:
        """Count further calls in.

        Args:
            seen: what was seen of them.
            hosts: host names that are kept at most.
        """
        self.first_us = min(self.first_us, seen.first_us)
        self.last_us = max(self.last_us, seen.last_us)
        self.calls += seen.calls
        self.answered += seen.answered
        self.callers |= seen.callers
        self.logins += seen.logins
        self.requests = union(self.requests, seen.requests, MAX_LOOKS)
        self.answers = union(self.answers, seen.answers, MAX_LOOKS)
        self.hosts = union(self.hosts, seen.hosts, hosts)
        self.auth = union(self.auth, seen.auth)
        self.sensitive = union(self.sensitive, seen.sensitive)
        self.open_us = earliest(self.open_us, seen.open_us)

    @property
    def is_often_called(self) -> bool:
        """Whether so many call it that something may be there, though it never answered."""
        return self.calls >= MIN_WEAK_CALLS and count(self.callers) >= MIN_WEAK_CALLERS

    @property
    def strength(self) -> tuple[int, int, int]:
        """What the evidence weighs: callers first, because one caller can call often."""
        return (count(self.callers) if self.answered else 0, self.answered, self.last_us)

    def evidence(self) -> Calls:
        """The same as the learner takes it."""
        return Calls(
            calls=max(1, self.answered),
            callers=count(self.callers),
            first_seen=self.first_us / 1e6,
            last_seen=self.last_us / 1e6,
            requests=self.requests,
            answers=self.answers,
            words=self.words,
        )


Seen: TypeAlias = Observation | Sighting
"""What calls of one shape or endpoint showed."""


class Sightings:
    """The shapes of one API, with limits.

    Args:
        most: shapes that are kept at most.
        hosts: host names of a shape.
        kept: shapes of an earlier start.
    """

    def __init__(self, most: int, hosts: int, kept: dict[ShapeKey, Sighting] | None = None) -> None:
        self._most, self._hosts = most, hosts
        self.kept = kept or {}
        self.changed: set[ShapeKey] = set()
        self.evicted = 0
        self._answered: set[str] | None = None
        self._is_blind = False

    def __len__(self) -> int:
        return len(self.kept)

    def get(self, key: ShapeKey) -> Sighting | None:
        """The sighting of a shape."""
        return self.kept.get(key)

    def items(self) -> Iterator[tuple[ShapeKey, Sighting]]:
        """Every shape with its sighting."""
        yield from self.kept.items()

    def is_evident(self, key: ShapeKey) -> bool:
        """Whether the calls of a shape prove that something is there."""
        found = self.kept[key]
        if found.answered:
            return True
        # Where a mirror shows no answers, nothing is answered beside anything.
        return found.is_often_called and (
            self._is_blind or key[1].rpartition("/")[0] in self._answered_below()
        )

    def _answered_below(self) -> set[str]:
        """Paths below which something answered, and those that answered themselves."""
        if self._answered is None:
            shapes = [shape for (_, shape), found in self.kept.items() if found.answered]
            self._answered = {*shapes, *(shape.rpartition("/")[0] for shape in shapes)}
        return self._answered

    def evident(self) -> dict[ShapeKey, Sighting]:
        """The shapes whose calls prove that something is there."""
        self._answered = None
        return {key: found for key, found in self.kept.items() if self.is_evident(key)}

    def changed_items(self) -> Iterator[tuple[ShapeKey, Sighting]]:
        """Shapes that changed and are still there."""
        for key in self.changed:
            found = self.kept.get(key)
            if found is not None:
                yield key, found

    def add(self, key: ShapeKey, seen: Seen, endpoint_id: str = "") -> Sighting:
        """Count calls of a shape in. When there is no place for a new shape, the weakest make way for it.

        Args:
            key: method and shape.
            seen: what was seen.
            endpoint_id: the endpoint that a new shape belongs to until it is learned.
        """
        known = self.kept.get(key)
        if known is None:
            if len(self.kept) >= self._most:
                self._evict()
            known = self.kept[key] = Sighting(seen.first_us, seen.last_us, endpoint_id=endpoint_id)
        known.add(seen, self._hosts)
        self._is_blind = self._is_blind or (isinstance(seen, Observation) and seen.blind > 0)
        self.changed.add(key)
        return known

    def _evict(self) -> None:
        """Forget the shapes with the least evidence, of equal ones those that were called longest ago."""
        order = sorted(self.kept, key=lambda key: (*self.kept[key].strength, key))
        for key in order[: max(1, int(self._most * EVICTED_SHARE))]:
            del self.kept[key]
            self.changed.add(key)
            self.evicted += 1

    def remove(self, keys: Iterable[ShapeKey]) -> None:
        """Forget shapes."""
        for key in keys:
            if self.kept.pop(key, None) is not None:
                self.changed.add(key)

    def fold(self, places: dict[ShapeKey, ShapeKey]) -> None:
        """Count words that are values together, beyond the `WORDS` of each place that have the most calls.

        Args:
            places: for shapes with words that were found to be values: the shape with `{slug}` in their
                place.
        """
        together: dict[ShapeKey, list[ShapeKey]] = {}
        for key, place in places.items():
            together.setdefault(place, []).append(key)
        for place, keys in together.items():
            if len(keys) <= WORDS:
                continue
            keys.sort(key=lambda key: (*self.kept[key].strength, key))
            for key in keys[: len(keys) - WORDS]:
                self.count_into(place, self.kept.pop(key))
                self.changed.add(key)

    def count_into(self, place: ShapeKey, seen: Seen, words: int = 1) -> None:
        """Count calls of words that are values into the shape that stands for all of them."""
        known = self.kept.get(place)
        if known is None:
            # Not through `add`: what makes room must not make others give way.
            known = self.kept[place] = Sighting(seen.first_us, seen.last_us)
            known.endpoint_id = seen.endpoint_id if isinstance(seen, Sighting) else ""
        known.add(seen, self._hosts)
        known.words += words
        self.changed.add(place)


def folded_shape(template: str, shape: str) -> str:
    """A shape in which words stand as `{slug}` where a template has parameters; "" when they do not fit.

    Args:
        template: path template, `/tags/{tagId}.json`.
        shape: `/tags/red.json`; the result is `/tags/{slug}.json`.
    """
    places, parts = template.split("/"), shape.split("/")
    if len(places) != len(parts):
        return ""
    return "/".join(
        slugged(word_frame(part)) if is_value(place) and not is_value(part) else part
        for place, part in zip(places, parts, strict=True)
    )


def union(first: tuple[str, ...], second: tuple[str, ...], most: int = MOST_NAMES) -> tuple[str, ...]:
    """The names of both. Old ones come first: the limit must not push out what people know."""
    if not second or second == first or len(first) >= most:
        return first
    fresh = set(second).difference(first)
    return (first + tuple(sorted(fresh)))[:most] if fresh else first


def earliest(first: int | None, second: int | None) -> int | None:
    """The earlier of two times, where there is one."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)
