"""What shapes have shown of one place, and its merge.

An `Evidence` is a tree like the values that it describes. Each fact in it (a kind, a length, a class of
characters, a member that was missing ...) has the support of those who showed it (`support.py`). Merging is a
join: commutative, associative and idempotent, as long as no limit is met.

Limits keep what hostile traffic can add small: beyond them, facts of the fewest callers go first, so what is
trusted stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from starfort.catalogue.schemas.shape import ANY, Value
from starfort.catalogue.schemas.support import Joined, Support, Trust, join

MAX_MEMBERS: Final = 300
"""Members of one object. 99.9 % of the objects in public OpenAPI documents have fewer."""

MAX_UNTRUSTED: Final = 60
"""Members that are not trusted yet."""

MAX_HASHES: Final = 40
"""Different values that are kept; a field with more is no enumeration."""

MAX_DEPTH: Final = 26
"""Containers in each other; an engine tells two fewer."""

Facts: TypeAlias = dict[Any, Joined]
"""Facts of one aspect, and who showed each."""

ASPECTS: Final = ("kinds", "formats", "lengths", "sizes", "counts", "characters", "hashes", "lacking", "more")
"""The aspects of a value: kinds; formats of texts; lengths of texts; magnitudes of numbers; numbers of items;
classes of characters; hashes of values; members that objects lacked; and what was left out, by aspect."""


class Evidence:
    """What is known of the values of one name.

    Attributes:
        seen: messages that had it. A merge takes the greater number: two records of one source overlap.
        members: of objects.
        items: of lists.
    """

    __slots__ = (*ASPECTS, "items", "members", "seen")

    kinds: Facts
    formats: Facts
    lengths: Facts
    sizes: Facts
    counts: Facts
    characters: Facts
    hashes: Facts
    lacking: Facts
    more: Facts

    def __init__(self) -> None:
        for aspect in ASPECTS:
            setattr(self, aspect, {})
        self.seen = 0
        self.members: dict[str, Evidence] = {}
        self.items: Evidence | None = None

    # ------------------------------------------------------------------ what a shape adds

    def add(self, value: Value, support: Support, trust: Trust, depth: int = 0) -> bool:
        """Take over what one shape shows.

        Returns:
            Whether something was new, or gained support.
        """
        self.seen += 1
        grew = False
        for alternative in value:
            kind = alternative if isinstance(alternative, str) else alternative[0]
            if kind in _READERS:
                grew |= _READERS[kind](self, alternative, support, trust)
            elif kind == "o" and depth < MAX_DEPTH:
                grew |= self._add_object(alternative, support, trust, depth)
            elif kind == "a":
                grew |= note(self.counts, alternative[1], support, trust)
                grew |= note(self.counts, alternative[2], support, trust)
                if alternative[3] and depth < MAX_DEPTH:
                    self.items = self.items or Evidence()
                    grew |= self.items.add(alternative[3], support, trust, depth + 1)
            # Last, because an object asks whether there were objects before.
            grew |= note(self.kinds, kind, support, trust)
        return grew

    def _add_text(self, alternative: Value, support: Support, trust: Trust) -> bool:
        _, form, low, high, characters, *hashes = alternative
        if alternative[0] == "p":
            # Of a secret, only powers of two are told; see `docs/events.md`.
            low, high = low and 1 << (low - 1), (1 << high) - 1
        grew = note(self.formats, form if high else "empty", support, trust)
        grew |= note(self.lengths, low, support, trust)
        grew |= note(self.lengths, high, support, trust)
        for code in characters:
            grew |= note(self.characters, code, support, trust)
        return grew | self._add_hashes(hashes, support, trust)

    def _add_number(self, alternative: Value, support: Support, trust: Trust) -> bool:
        _, low, high, *hashes = alternative
        grew = note(self.sizes, low, support, trust) | note(self.sizes, high, support, trust)
        return grew | self._add_hashes(hashes, support, trust)

    def _add_repeated(self, alternative: Value, support: Support, trust: Trust) -> bool:
        return note(self.counts, alternative[1], support, trust)

    def _add_hashes(self, hashes: Value, support: Support, trust: Trust) -> bool:
        if not hashes:
            # Too long, secret, or too many for the engine: no enumeration if several callers do this.
            return note(self.more, "hashes", support, trust)
        grew = False
        for hashed in hashes[0]:
            grew |= note(self.hashes, hashed, support, trust)
        return grew | self._limit(self.hashes, MAX_HASHES, "hashes", trust)

    def _add_object(self, alternative: Value, support: Support, trust: Trust, depth: int) -> bool:
        _, members, optional = alternative
        grew = False
        before = self._objects()
        for name, value in members.items():
            known = self.members.get(name)
            if known is None:
                known = self.members[name] = Evidence()
                # Objects that came before lacked it.
                _note_all(self.lacking, name, before, trust)
            grew |= known.add(value, support, trust, depth + 1)
        for name in self.members.keys() - members.keys():
            grew |= note(self.lacking, name, support, trust)
        for name in optional:
            grew |= note(self.lacking, name, support, trust)
        return grew | self._limit_members(trust)

    # ------------------------------------------------------------------ merging

    def merge(self, other: Evidence, trust: Trust) -> None:
        """Take over all that another one knows."""
        own_objects, other_objects = self._objects(), other._objects()
        self.seen = max(self.seen, other.seen)
        for aspect in ASPECTS:
            facts: Facts = getattr(self, aspect)
            for fact, support in getattr(other, aspect).items():
                note(facts, fact, support, trust)
        for name in self.members.keys() - other.members.keys():
            _note_all(self.lacking, name, other_objects, trust)
        for name, found in other.members.items():
            known = self.members.get(name)
            if known is None:
                known = self.members[name] = Evidence()
                _note_all(self.lacking, name, own_objects, trust)
            known.merge(found, trust)
        if other.items is not None:
            self.items = self.items or Evidence()
            self.items.merge(other.items, trust)
        self._limit(self.hashes, MAX_HASHES, "hashes", trust)
        self._limit_members(trust)

    def _objects(self) -> list[Joined]:
        return [self.kinds["o"]] if "o" in self.kinds else []

    # ------------------------------------------------------------------ limits

    def _limit(self, facts: Facts, most: int, aspect: str, trust: Trust) -> bool:
        """Leave out the facts of the fewest callers, and remember that some were left out, and of whom."""
        grew = False
        while len(facts) > most:
            least = min(facts, key=lambda fact: _strength(facts[fact]))
            grew |= note(self.more, aspect, facts.pop(least), trust)
        return grew

    def _limit_members(self, trust: Trust) -> bool:
        if len(self.members) <= MAX_UNTRUSTED:
            return False
        supports: Facts = {name: found.support(trust) for name, found in self.members.items()}
        untrusted = {name: found for name, found in supports.items() if found is not None}
        grew = False
        while len(untrusted) > MAX_UNTRUSTED:
            least = min(untrusted, key=lambda name: _strength(untrusted[name]))
            grew |= note(self.more, "members", untrusted.pop(least), trust)
            del supports[least], self.members[least]
            self.lacking.pop(least, None)
        if len(supports) - len(untrusted) > MAX_MEMBERS:
            self._become_map(trust)
        return grew

    def _become_map(self, trust: Trust) -> None:
        """Hundreds of trusted names are keys of a map, whose values are alike."""
        values = self.members.pop(ANY, None) or Evidence()
        for found in self.members.values():
            values.merge(found, trust)
        self.members = {ANY: values}
        self.lacking = {}

    def prune(self, trust: Trust) -> None:
        """Leave out every member that is not trusted, however deep."""
        for found in self.walk():
            for name in [name for name, member in found.members.items() if member.support(trust) is not None]:
                note(found.more, "members", found.members.pop(name).support(trust), trust)
                found.lacking.pop(name, None)

    # ------------------------------------------------------------------ reading

    def support(self, trust: Trust) -> Joined:
        """Who showed that there is such a value at all."""
        return joined(self.kinds, trust)

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `from_json` reads them. Trusted facts are listed, the others have their support."""
        found: dict[str, Any] = {"n": self.seen}
        for index, aspect in enumerate(ASPECTS):
            facts: Facts = getattr(self, aspect)
            trusted = [fact for fact, support in facts.items() if support is None]
            others = [[fact, *support] for fact, support in facts.items() if support is not None]
            if facts:
                found[str(index)] = [trusted, others] if others else [trusted]
        if self.members:
            found["m"] = {name: member.to_json() for name, member in self.members.items()}
        if self.items is not None:
            found["i"] = self.items.to_json()
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Evidence:
        """The evidence of JSON values that `to_json` made."""
        evidence = cls()
        evidence.seen = found["n"]
        for index, aspect in enumerate(ASPECTS):
            trusted, *others = found.get(str(index), [[]])
            facts: Facts = dict.fromkeys(trusted)
            for fact, callers, first, last in others[0] if others else ():
                facts[fact] = Support(tuple(callers), first, last)
            setattr(evidence, aspect, facts)
        evidence.members = {name: cls.from_json(member) for name, member in found.get("m", {}).items()}
        evidence.items = cls.from_json(found["i"]) if "i" in found else None
        return evidence

    def walk(self) -> Iterator[Evidence]:
        """This one and all below it."""
        waiting = [self]
        while waiting:
            found = waiting.pop()
            yield found
            waiting += found.members.values()
            if found.items is not None:
                waiting.append(found.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and self.to_sorted() == other.to_sorted()

    __hash__ = None  # type: ignore[assignment]  # changes as it learns

    def to_sorted(self) -> object:
        """All of it in one order, to compare."""
        facts = [sorted(getattr(self, aspect).items(), key=repr) for aspect in ASPECTS]
        members = [(name, self.members[name].to_sorted()) for name in sorted(self.members)]
        return (self.seen, facts, members, self.items and self.items.to_sorted())


_READERS: Final = {
    "s": Evidence._add_text,  # noqa: SLF001 (of this module)
    "p": Evidence._add_text,  # noqa: SLF001
    "i": Evidence._add_number,  # noqa: SLF001
    "d": Evidence._add_number,  # noqa: SLF001
    "r": Evidence._add_repeated,  # noqa: SLF001
}


def note(facts: Facts, fact: object, support: Joined, trust: Trust) -> bool:
    """Add support to a fact; whether it grew."""
    if fact not in facts:
        facts[fact] = support
        return True
    known = facts[fact]
    # Most facts are trusted already, and then nothing has to be done.
    if known is None:
        return False
    facts[fact] = found = join(known, support, trust)
    return found != known


def _note_all(facts: Facts, fact: object, supports: list[Joined], trust: Trust) -> None:
    for support in supports:
        note(facts, fact, support, trust)


def joined(facts: Facts, trust: Trust) -> Joined:
    """The support of all facts together; of none: by nobody."""
    whole: Joined = Support((), 2**62, -(2**62))
    for support in facts.values():
        whole = join(whole, support, trust)
    return whole


def _strength(support: Joined) -> tuple[int, int]:
    """How much a fact is worth keeping: trusted ones most, then those of many callers, then recent ones."""
    return (2**62, 0) if support is None else (len(support.callers), support.last_s)
