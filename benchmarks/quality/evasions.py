"""Attacks that are found in plain form, sent in every other form: which forms let them pass."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from benchmarks.quality import attacks
from benchmarks.quality.attacks import Payload
from benchmarks.quality.clients import sent
from benchmarks.quality.judge import Judge, Verdict
from benchmarks.quality.mutations import ALL, Mutation
from benchmarks.quality.sample import Sample, chance

HEAVY_EACH: Final = 1
"""Payloads of a class that are put into large forms: each costs up to a second where no limit holds."""

CRS_SHARE: Final = 60
LEFT_OUT: Final = frozenset({"crlf"})
"""Classes that live by characters which many forms cannot carry."""

HARMLESS: Final = (
    "hello", "Blue shoes, size 42", "anna@example.com", "Follow-up to ticket #4711", "2024-11-27T10:15:30Z", "A-1029/7",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "Größe 42 & mehr", "100 % cotton", "https://www.example.com/a?b=c", "O'Brien", "Tom & Jerry (2021)",
)  # fmt: skip

FOREIGN: Final = ("日本語のテキスト", "Привет", "שלום", "안녕하세요")
"""What JSON writers that keep to ASCII escape whole."""


@functools.cache
def payloads(*, heavy: bool, quick: bool) -> tuple[Payload, ...]:
    """The payloads that are tried: our own, and some of CRS'. Few of them when the form is large."""
    own = [each for each in attacks.own() if each.kind not in LEFT_OUT]
    each_class = HEAVY_EACH if heavy else 4 if quick else len(own)
    chosen: list[Payload] = []
    for kind in dict.fromkeys(each.kind for each in own):
        chosen += [each for each in own if each.kind == kind][:each_class]
    theirs = attacks.of_crs()
    if heavy:
        return tuple(chosen[:5] if quick else chosen)
    count = min(len(theirs), CRS_SHARE // (6 if quick else 1))
    return (*chosen, *chance("evasions").sample(theirs, count))


def mutated(mutation: Mutation, payload: Payload, client: str = "curl") -> Sample:
    """A payload in a form, from a client that sends little else."""
    kind = f"{mutation.group}: {mutation.name}"
    rng = chance(kind, payload.text)
    return sent(kind, f"{payload.kind}: {payload.text[:100]}", mutation.make(payload.text), rng, client)


class Trial:
    """The payloads that are found in plain form, and what a form raises when it carries a harmless text."""

    def __init__(self, judge: Judge, *, quick: bool) -> None:
        self.judge = judge
        self.quick = quick
        self._plain: dict[tuple[str, Payload], bool] = {}
        self.usual = functools.cache(self._usual_of)

    def plain(self, place: str, payload: Payload) -> bool:
        """Whether a payload is found in plain form."""
        key = (place, payload)
        if key not in self._plain:
            self._plain[key] = found(self.judge.one(attacks.placed(payload, place)), self.usual(place))
        return self._plain[key]

    def _usual_of(self, place: str) -> frozenset[int]:
        texts = (attacks.placed(Payload("harmless", text), place) for text in HARMLESS[:4])
        return frozenset(rule for each in texts for rule in self.judge.one(each).rules)

    def twins(self, mutation: Mutation) -> list[Verdict]:
        """Harmless texts in a form."""
        texts: tuple[str, ...] = FOREIGN if mutation.escaped else HARMLESS
        texts = texts[:2] if mutation.heavy else texts
        return list(self.judge.all(mutated(mutation, Payload("harmless", text)) for text in texts))

    def tried(self, mutation: Mutation) -> Iterator[tuple[Verdict, bool]]:
        """Each payload that is found in plain form, sent in this form, and whether it is found there."""
        known = [
            each
            for each in payloads(heavy=mutation.heavy, quick=self.quick)
            if (each.kind == "xss" or not mutation.markup) and self.plain(mutation.plain, each)
        ]
        usual = (
            frozenset(rule for each in self.twins(replace(mutation, heavy=True)) for rule in each.rules)
            if mutation.ordinary
            else frozenset()
        )
        for verdict in self.judge.all(mutated(mutation, each) for each in known):
            yield verdict, found(verdict, usual)


def found(verdict: Verdict, usual: frozenset[int]) -> bool:
    """Whether a request is refused for a reason that does not also refuse a harmless request of its form."""
    return verdict.refused and (verdict.policy != "rules" or bool(set(verdict.rules) - usual))


ASIDE: Final = frozenset({"headers of browsers"})
"""Groups that are shown and not in the share: headers that hold odd texts of browsers by nature."""


def groups() -> dict[str, list[Mutation]]:
    """The mutations by group."""
    made: dict[str, list[Mutation]] = {}
    for mutation in ALL:
        made.setdefault(mutation.group, []).append(mutation)
    return made
