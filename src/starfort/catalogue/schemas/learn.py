"""Evidence becomes a JSON Schema 2020-12.

Two readings of the same evidence:

- `Reading.SEEN`: everything seen validates. For exports and pages.
- `Reading.TRUSTED`: only what is trusted (`support.py`) widens it, and it leaves room around figures, because
  traffic never shows the longest value that is right. For the contract.

Beyond JSON Schema, it says what traffic can tell without values: `x-starfort-characters` (classes of
characters) and `x-starfort-hashes` (an enumeration, by keyed hashes). `docs/events.md`, "Shapes", defines
both.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from starfort.catalogue.schemas.evidence import Evidence, Facts, joined
from starfort.catalogue.schemas.shape import ANY, greatest_number, least_number, longest
from starfort.catalogue.schemas.support import Trust

CHARACTERS: Final = "x-starfort-characters"
HASHES: Final = "x-starfort-hashes"

CODES: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aA0stnclu"
"""The classes of characters in the order of the engine (`crates/engine/src/shape/characters.rs`)."""

MAX_ENUMERATION: Final = 24
"""Values of an enumeration. The engine tells a field with more from one without end no more."""

MIN_SEEN: Final = 20
"""Messages after which a format holds and a missing member is missed."""

MIN_ENUMERATED: Final = 50
"""Messages after which an enumeration is believed, and `MIN_PER_VALUE` for each of its values."""

MIN_PER_VALUE: Final = 10

MAX_SIZE: Final = 62
"""Magnitudes up to which bounds are told. Beyond the integers of 64 bits, a bound says nothing that helps."""

ROOM: Final = 0.25
"""Room beside the lengths that were seen, as a share of their span. It was set on the forms of
`benchmarks/learned`: below it, more benign values fall out; above it, little changes."""

MAX_UNSEEN: Final = 0.01
"""The share of messages that may show something new of an aspect before it is asserted."""

PROSE: Final = 8
"""So many classes of punctuation make a text prose, where any ordinary mark may come next."""

_PROSE_MARKS: Final = frozenset(".,;:!?'\"-()/&%+@#*_l")

_TYPES: Final = {"n": "null", "b": "boolean", "i": "integer", "d": "number", "o": "object", "a": "array"}

_FORMATS: Final = frozenset({"uuid", "date", "date-time", "email", "uri", "ipv4"})


class Reading(Enum):
    """Which facts count."""

    SEEN = "seen"
    TRUSTED = "trusted"


class Learner:
    """Makes schemas.

    Args:
        reading: which facts count.
        trust: when a fact is trusted.
    """

    def __init__(self, reading: Reading, trust: Trust) -> None:
        self._is_strict = reading is Reading.TRUSTED
        self._trust = trust

    def schema(self, found: Evidence) -> dict[str, Any]:
        """The schema of a JSON value; `{}` where nothing is known."""
        kinds = self.accepted(found.kinds)
        types = [
            word for kind, word in _TYPES.items() if kind in kinds and not (kind == "i" and "d" in kinds)
        ]
        schema: dict[str, Any] = {}
        if kinds & {"s", "p"}:
            types.append("string")
            schema |= self._text(found, set(self.accepted(found.formats)))
        if kinds & {"i", "d"}:
            schema |= self._number(found)
        if kinds & {"s", "p", "i"} and "d" not in kinds:
            schema |= self._enumeration(found)
        if "o" in kinds:
            schema |= self.object(found, self.schema)
        if "a" in kinds:
            schema |= self._list(found)
        if types:
            schema = {"type": types[0] if len(types) == 1 else types} | schema
        return schema

    def field(self, found: Evidence) -> dict[str, Any]:
        """The schema of a text without a type: a parameter, or a field of a form."""
        kinds = self.accepted(found.kinds)
        if "f" in kinds:
            # A file: any bytes, as OpenAPI 3.1.0 ("Considerations for File Uploads") writes it.
            return {}
        formats = set(self.accepted(found.formats))
        schema = self._typed(found, formats) or {"type": "string"} | self._text(found, formats)
        schema |= self._enumeration(found)
        if "r" in kinds:
            most = self._bounds(found.counts)
            schema = {"type": "array", "items": schema}
            if self._is_strict and most:
                schema["maxItems"] = longest(most[1]) * 2
        return schema

    def object(self, found: Evidence, of: Any) -> dict[str, Any]:
        """Properties, and which of them are required; `of` makes the schema of one."""
        named = {name: member for name, member in found.members.items() if self.has(member) and name != ANY}
        lacking = self.accepted(found.lacking)
        required = sorted(name for name in named if name not in lacking and self._is_missed(named[name]))
        schema: dict[str, Any] = {}
        if named:
            schema["properties"] = {name: of(named[name]) for name in sorted(named)}
        if required:
            schema["required"] = required
        if ANY in found.members and self.has(found.members[ANY]):
            schema["additionalProperties"] = of(found.members[ANY])
        elif self._is_strict and not self.is_open(found):
            schema["additionalProperties"] = False
        return schema

    # ------------------------------------------------------------------ what counts

    def accepted(self, facts: Facts) -> set[Any]:
        """The facts that count."""
        return {fact for fact, support in facts.items() if support is None or not self._is_strict}

    def has(self, found: Evidence) -> bool:
        """Whether the value itself counts."""
        return bool(found.kinds) and (not self._is_strict or found.support(self._trust) is None)

    def _is_missed(self, member: Evidence) -> bool:
        return not self._is_strict or member.seen >= MIN_SEEN

    def is_open(self, found: Evidence) -> bool:
        """Whether several callers have sent members of which none is trusted: names without end."""
        supports: Facts = {name: member.support(self._trust) for name, member in found.members.items()}
        strange: Facts = {name: support for name, support in supports.items() if support is not None}
        if "members" in found.more:
            strange[""] = found.more["members"]
        return joined(strange, self._trust) is None

    def _is_settled(self, found: Evidence, facts: Facts) -> bool:
        """Whether little of an aspect is unseen (Good and Turing): few facts wait for trust."""
        waiting = sum(support is not None for support in facts.values())
        return not self._is_strict or (waiting + 1) / (found.seen + 1) <= MAX_UNSEEN

    def _bounds(self, facts: Facts) -> tuple[int, int] | None:
        """The least and the greatest figure that count: all beyond together have too little support."""
        low, high = self._least(facts, sorted(facts)), self._least(facts, sorted(facts, reverse=True))
        return None if low is None or high is None else (low, high)

    def _least(self, facts: Facts, order: list[int]) -> int | None:
        for index, figure in enumerate(order):
            passed = {one: facts[one] for one in order[: index + 1]}
            if not self._is_strict or joined(passed, self._trust) is None:
                return figure
        return None

    # ------------------------------------------------------------------ kinds of values

    def _typed(self, found: Evidence, formats: set[str]) -> dict[str, Any] | None:
        """The schema of a text that is always a number or a boolean."""
        if self._is_strict and found.seen < MIN_SEEN:
            return None
        if formats == {"boolean"}:
            return {"type": "boolean"}
        if not formats or not formats <= {"integer", "number"}:
            return None
        schema: dict[str, Any] = {"type": "number" if "number" in formats else "integer"}
        bounds = self._bounds(found.lengths)
        if bounds:
            greatest: int = 10 ** min(longest(bounds[1]), 30)
            is_signed = "-" in self.accepted(found.characters)
            schema |= {"minimum": -greatest if is_signed else 0, "maximum": greatest - 1}
        return schema

    def _text(self, found: Evidence, formats: set[str]) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        bounds = self._bounds(found.lengths)
        if bounds:
            low, high = self._with_room(found, bounds)
            schema |= ({"minLength": low} if low else {}) | {"maxLength": high}
        form = next(iter(formats)) if len(formats) == 1 else ""
        if form in _FORMATS and (not self._is_strict or found.seen >= MIN_SEEN):
            # The format says which characters may come, also those that did not come yet.
            return schema | {"format": form}
        characters = self._characters(found) if self._is_settled(found, found.characters) else ""
        if characters or (bounds and not bounds[1]):
            schema[CHARACTERS] = characters
        return schema

    def _with_room(self, found: Evidence, bounds: tuple[int, int]) -> tuple[int, int]:
        low, high = bounds[0], longest(bounds[1])
        if not self._is_strict or (bounds[0] == bounds[1] and found.seen >= MIN_ENUMERATED):
            return low, high
        room = max(1, round((high - low) * (ROOM if self._is_settled(found, found.lengths) else 1)))
        # An empty text is a fact of its own, so room never makes one right.
        return (max(1, low - room) if low else 0), high + room

    def _characters(self, found: Evidence) -> str:
        codes = self.accepted(found.characters)
        if self._is_strict:
            letters = codes & {"a", "A", "l"}
            if len(letters) >= 2 and "s" in codes:  # noqa: PLR2004 (words: small letters and capitals)
                codes |= {"a", "A", "l"}
            if "s" in codes and len(codes - set("aA0stnclu")) >= PROSE:
                codes |= _PROSE_MARKS
        return "".join(code for code in CODES if code in codes)

    def _number(self, found: Evidence) -> dict[str, Any]:
        bounds = self._bounds(found.sizes)
        if bounds is None:
            return {}
        low, high = bounds
        if self._is_strict:
            # One magnitude of room on both sides, but no negative number where there was none.
            low, high = (low - 1 if low < 0 else max(0, low - 1)), high + 1
        limits = {"minimum": (low, least_number(low)), "maximum": (high, greatest_number(high))}
        return {word: limit for word, (size, limit) in limits.items() if abs(size) <= MAX_SIZE}

    def _enumeration(self, found: Evidence) -> dict[str, Any]:
        hashes = self.accepted(found.hashes)
        rare: Facts = {value: support for value, support in found.hashes.items() if support is not None}
        enough = found.seen >= max(MIN_ENUMERATED, MIN_PER_VALUE * len(hashes))
        is_many = bool(self.accepted(found.more) & {"hashes"}) or (
            bool(rare) and joined(rare, self._trust) is None
        )
        if not hashes or len(hashes) > MAX_ENUMERATION or not enough or is_many:
            return {}
        return {HASHES: sorted(hashes)}

    def _list(self, found: Evidence) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        if found.items is not None and self.has(found.items):
            schema["items"] = self.schema(found.items)
        bounds = self._bounds(found.counts)
        if bounds and (self._is_strict or not bounds[1]):
            schema["maxItems"] = max(1, longest(bounds[1]) * 2)
        return schema
