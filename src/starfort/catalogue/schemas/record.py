"""What is known of one endpoint: the evidence of each part of its requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starfort.catalogue.schemas.evidence import Evidence, Facts, joined, note
from starfort.catalogue.schemas.shape import Shape, Value
from starfort.catalogue.schemas.support import KEPT, Joined, Support, Trust

REQUEST: Final = "request"
"""The side of requests; the side of answers is their status (`200`)."""

PLACES: Final = {"p": "path", "q": "query", "h": "header", "c": "cookie"}

MAX_SIDES: Final = 24
"""Statuses of one endpoint; and of one side, `MAX_TYPES` media types."""

MAX_TYPES: Final = 12

CUT: Final = "cut"
"""Of a side's `more`: bodies too large for their shape to be whole."""


@dataclass(slots=True)
class Side:
    """Requests, or the answers of one status.

    Attributes:
        places: path, query, header and cookie, each an object of its parameters.
        bodies: by media type, lower case; "" is none declared.
        types: the media types, and "-" for no body.
        more: what was left out.
    """

    places: dict[str, Evidence] = field(default_factory=dict)
    bodies: dict[str, Evidence] = field(default_factory=dict)
    types: Facts = field(default_factory=dict)
    more: Facts = field(default_factory=dict)
    seen: int = 0

    def add(self, shape: Shape, media_type: str, support: Support, trust: Trust) -> bool:
        """Take over one shape; whether something was new or gained support."""
        self.seen += 1
        grew = False
        for letter, place in PLACES.items():
            value = shape.get(letter)
            if value:
                grew |= self.places.setdefault(place, Evidence()).add(value, support, trust)
        body: Value = shape.get("b") or []
        has_body = bool(body) or shape.get("f") not in (None, "empty")
        grew |= note(self.types, media_type if has_body else "-", support, trust)
        if shape.get("cut"):
            grew |= note(self.more, CUT, support, trust)
        elif body:
            grew |= self.bodies.setdefault(media_type, Evidence()).add(body, support, trust)
        self._limit(trust)
        return grew

    def merge(self, other: Side, trust: Trust) -> None:
        """Take over all that another one knows."""
        self.seen = max(self.seen, other.seen)
        for own, others in ((self.places, other.places), (self.bodies, other.bodies)):
            for name, found in others.items():
                own.setdefault(name, Evidence()).merge(found, trust)
        for facts, more in ((self.types, other.types), (self.more, other.more)):
            for fact, support in more.items():
                note(facts, fact, support, trust)
        self._limit(trust)

    def _limit(self, trust: Trust) -> None:
        while len(self.types) > MAX_TYPES:
            least = min(self.types, key=lambda name: _callers(self.types[name]))
            self.bodies.pop(least, None)
            note(self.more, "types", self.types.pop(least), trust)

    def support(self, trust: Trust) -> Joined:
        """Who sent or got such messages."""
        return joined(self.types, trust)


@dataclass(slots=True)
class Record:
    """What is known of one endpoint.

    Attributes:
        sides: `request`, and a status each.
    """

    sides: dict[str, Side] = field(default_factory=dict)

    def add(self, side: str, shape: Shape, media_type: str, support: Support, trust: Trust) -> bool:
        """Take over one shape of a side; whether something was new or gained support."""
        if side not in self.sides and len(self.sides) >= MAX_SIDES:
            return False
        return self.sides.setdefault(side, Side()).add(shape, media_type, support, trust)

    def merge(self, other: Record, trust: Trust) -> None:
        """Take over all that another one knows."""
        for name, side in other.sides.items():
            self.sides.setdefault(name, Side()).merge(side, trust)

    def prune(self, trust: Trust) -> None:
        """Leave out what is not trusted: the record has become too large."""
        for side in self.sides.values():
            for found in (*side.places.values(), *side.bodies.values()):
                found.prune(trust)

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads them."""
        return {
            name: {
                "n": side.seen,
                "p": {key: found.to_json() for key, found in side.places.items()},
                "b": {key: found.to_json() for key, found in side.bodies.items()},
                "t": _facts_to_json(side.types),
                "m": _facts_to_json(side.more),
            }
            for name, side in self.sides.items()
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Record:
        """The record of JSON values that `to_json` made."""
        sides = {
            name: Side(
                {key: Evidence.from_json(one) for key, one in side["p"].items()},
                {key: Evidence.from_json(one) for key, one in side["b"].items()},
                _facts_from_json(side["t"]),
                _facts_from_json(side["m"]),
                side["n"],
            )
            for name, side in found.items()
        }
        return cls(sides)


def _callers(support: Joined) -> int:
    return KEPT + 1 if support is None else len(support.callers)


def _facts_to_json(facts: Facts) -> dict[str, Any]:
    return {fact: support and list(support) for fact, support in facts.items()}


def _facts_from_json(found: Mapping[str, Any]) -> Facts:
    return {
        fact: None if support is None else Support(tuple(support[0]), support[1], support[2])
        for fact, support in found.items()
    }
