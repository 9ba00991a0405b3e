"""What is known of the words side by side at one place of an API, as numbers.

A *place* is a position of a template. The words there are its fixed segments, or values of a parameter, or
both. `describe` gives, for each word, what is known of all of them together, of its form (`words.form`), and
of itself beside the others.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from starfort.catalogue import words
from starfort.catalogue.segments import ACTION_WORDS, FORMATS, ROOT_WORDS, is_collection, is_value, is_version
from starfort.catalogue.tree import Facts, Node

OF_PLACE: Final = (
    "words", "seen_once", "new_rate", "calls", "shared_parts", "shared_names", "leaves", "mean_rarest",
    "all_known", "codes", "joined_alike", "top_token", "named_in_common", "beside_values", "share_of_values",
    "at_root", "after_collection", "after_parameter", "late", "top_share", "evenness", "same_methods",
    "answers_alike", "answers_distinct", "places", "coming", "core",
)  # fmt: skip
OF_WORD: Final = (
    "own_calls", "in_places", "to_median", "common_parts", "common_names", "support", "own_parts",
    "same_signature", "parents", "answer_alike", "method_alike", "tokens_again", "callers",
    "callers_a_call", "action", "format", "came_late", "to_all", "to_top", "core_share",
)  # fmt: skip
FEATURES: Final = (*OF_PLACE, *words.FEATURES, *OF_WORD)

CORE_SHARE: Final = 0.8
"""The share of a place's words that have a part below them, from which on it belongs to the core."""

_MAX_OWN: Final = 10.0
_MAX_AGAIN: Final = 5.0
_Item = TypeVar("_Item")
UNKNOWN: Final = 0.5
"""What stands for the likeness of answers of which none is known: neither alike nor different."""


@dataclass(frozen=True, slots=True)
class Place:
    """The words of one frame at one place.

    Attributes:
        words: nodes by word; several nodes where a parameter above joins them.
        values: nodes that are values there in any case, by their form or by what was folded.
        nodes: how many nodes are right above.
        template: the template so far.
        facts: of the API.
    """

    words: Mapping[str, Sequence[Node]]
    values: Sequence[Node]
    nodes: int
    template: tuple[str, ...]
    facts: Facts


@dataclass(slots=True)
class _Counts:
    """What is counted once for the whole place."""

    calls: dict[str, int]
    signatures: dict[str, frozenset[str]]
    answers: dict[str, frozenset[tuple[str, str]]]
    common: set[str]
    items: Counter[str]
    token_counts: Counter[str]
    alike: set[tuple[str, str]]
    methods: Counter[frozenset[str]]
    of_signature: Counter[frozenset[str]]
    again: dict[str, int]
    folded_words: int
    folded_calls: int
    core: frozenset[str]
    all_calls: int
    top: tuple[int, int]
    median: float = 1.0


def context(template: Sequence[str]) -> str:
    """What stands before a place: `root`, `collection`, `parameter` or `else`."""
    if all(part in ROOT_WORDS or is_version(part) for part in template):
        return "root"
    if is_value(template[-1]):
        return "parameter"
    return "collection" if is_collection(template[-1]) else "else"


def describe(place: Place, known: Mapping[str, float] | None = None) -> list[tuple[float, ...]]:
    """For each word of a place, in sorted order, its numbers in the order of `FEATURES`.

    Args:
        place: the words.
        known: another dictionary than `words.dictionary`, to measure with.
    """
    names = sorted(place.words)
    forms = {name: words.form(name) if known is None else words.form_with(name, known) for name in names}
    counts = _count(place, names)
    of_place = _of_place(place, names, forms, counts)
    return [(*of_place, *forms[name], *_of_word(place, name, counts)) for name in names]


def _count(place: Place, names: list[str]) -> _Counts:
    signatures = {name: _union([node.signature() for node in place.words[name]]) for name in names}
    answers = {name: _union([node.answers() for node in place.words[name]]) for name in names}
    items = Counter(item for found in signatures.values() for item in found)
    looks = Counter(item for found in answers.values() for item in found)
    token_sets = {name: set(words.tokens(name)) for name in names}
    token_counts = Counter(token for found in token_sets.values() for token in found)
    calls = {name: sum(node.calls for node in place.words[name]) for name in names}
    settled = [node for node in place.values if node.words]
    folded_calls = sum(node.calls for node in settled)
    most = sorted(calls.values(), reverse=True)
    return _Counts(
        calls=calls,
        signatures=signatures,
        answers=answers,
        items=items,
        token_counts=token_counts,
        common={item for item, count in items.items() if count > 1}.union(
            *(node.signature() for node in place.values)
        ),
        alike={item for item, count in looks.items() if count > 1}.union(
            *(node.answers() for node in place.values)
        ),
        methods=Counter(_methods(found) for found in signatures.values()),
        of_signature=Counter(signatures.values()),
        again={
            name: max((token_counts[token] - 1 for token in found), default=0)
            for name, found in token_sets.items()
        },
        folded_words=sum(node.words for node in settled),
        folded_calls=folded_calls,
        core=_core(items, len(names)),
        all_calls=sum(most) + folded_calls,
        top=(most[0], most[1] if len(most) > 1 else most[0]),
        median=statistics.median(calls.values()),
    )


def _core(items: Counter[str], number: int) -> frozenset[str]:
    """The named parts that nearly all words have below them; none where there is one word only."""
    enough = max(2.0, CORE_SHARE * number)
    return frozenset(
        item for item, count in items.items() if count >= enough and item[0] == "/" and "{" not in item
    )


def _union(many: Sequence[frozenset[_Item]]) -> frozenset[_Item]:
    return many[0] if len(many) == 1 else frozenset().union(*many)


def _methods(signature: frozenset[str]) -> frozenset[str]:
    return frozenset(item for item in signature if item.startswith("="))


def _parts(signature: frozenset[str]) -> frozenset[str]:
    return frozenset(item for item in signature if item.startswith("/"))


def _named(parts: frozenset[str]) -> float:
    """How many of these parts are words, as a logarithm."""
    return math.log1p(sum("{" not in part for part in parts))


def _of_place(
    place: Place, names: list[str], forms: Mapping[str, tuple[float, ...]], counts: _Counts
) -> tuple[float, ...]:
    number, calls = len(names), sum(counts.calls.values())
    every, all_calls = number + counts.folded_words, counts.all_calls
    once = sum(count == 1 for count in counts.calls.values())
    parts = [_parts(counts.signatures[name]) for name in names]
    shares = [count / calls for count in counts.calls.values()]
    of_values = sum(node.calls for node in place.values)
    first = (min(node.first_seen for node in place.words[name]) for name in names)
    likeness = [_likeness(counts.answers[name], counts.alike) for name in names if counts.answers[name]]
    before = context(place.template)
    return (
        math.log(every),
        once / number,
        every / all_calls,
        math.log(all_calls),
        sum(bool(found & counts.common) for found in parts) / number,
        sum(any("{" not in item for item in found & counts.common) for found in parts) / number,
        sum(not found for found in parts) / number,
        sum(found[0] for found in forms.values()) / number,
        sum(found[3] == 0.0 for found in forms.values()) / number,
        sum(found[-1] for found in forms.values()) / number,
        sum(count > 0 for count in counts.again.values()) / number,
        max(counts.token_counts.values(), default=0) / number,
        sum(_named(found & counts.common) for found in parts) / number,
        float(bool(place.values)),
        of_values / (of_values + calls),
        float(before == "root"),
        float(before == "collection"),
        float(before == "parameter"),
        sum(seen > place.facts.middle for seen in first) / number,
        max(counts.calls.values()) / all_calls,
        -sum(share * math.log(share) for share in shares) / math.log(number) if number > 1 else 1.0,
        max(counts.methods.values()) / number,
        sum(likeness) / len(likeness) if likeness else UNKNOWN,
        place.facts.distinct,
        math.log(place.nodes),
        once / all_calls,
        math.log1p(len(counts.core)),
    )


def _likeness(answers: frozenset[tuple[str, str]], alike: set[tuple[str, str]]) -> float:
    return len(answers & alike) / len(answers) if answers else UNKNOWN


def _of_word(place: Place, name: str, counts: _Counts) -> tuple[float, ...]:
    calls, signature = counts.calls[name], counts.signatures[name]
    parts = _parts(signature)
    common = parts & counts.common
    named = [item for item in parts if "{" not in item]
    callers = max(node.callers for node in place.words[name])
    return (
        math.log(calls),
        len(place.words[name]) / place.nodes,
        math.log(calls / counts.median),
        len(common) / len(parts) if parts else -1.0,
        _named(common),
        sum(counts.items[item] for item in named) / len(named) / len(counts.calls) if named else 0.0,
        min(float(len(parts - counts.common)), _MAX_OWN),
        float(counts.of_signature[signature] > 1),
        math.log(place.facts.parents.get(name, 1)),
        _likeness(counts.answers[name], counts.alike),
        float(_methods(signature) == counts.methods.most_common(1)[0][0]),
        min(float(counts.again[name]), _MAX_AGAIN),
        math.log1p(callers),
        callers / calls,
        float(name in ACTION_WORDS),
        float(name in FORMATS),
        float(min(node.first_seen for node in place.words[name]) > place.facts.middle),
        math.log(calls / counts.all_calls),
        math.log(calls / counts.top[calls == counts.top[0]]),
        len(counts.core.intersection(named)) / len(named) if named else -1.0,
    )
