"""Finds the templates of paths: which positions hold values, and what the parameters are called.

`learn` is a pure function of the evidence: the same evidence in any order gives the same templates. Positions
whose parts are values by their form (numbers, ids, dates …) are parameters at once. Whether words are fixed
segments or values is judged by evidence, place by place (`judgement.judge`).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from starfort.catalogue.evidence import Evidence, Learned
from starfort.catalogue.judgement import differing, judge, resembling
from starfort.catalogue.places import Place
from starfort.catalogue.segments import (
    ACTION_WORDS,
    ALIASES,
    ASSET_SUFFIXES,
    ROOT_WORDS,
    camel,
    fill,
    frame_of,
    holes,
    is_value,
    is_version,
    may_be_token,
    singular,
    slugged,
    split_suffix,
    word_frame,
)
from starfort.catalogue.tree import STEP, Facts, Node, build, insert, is_step, path_of
from starfort.catalogue.words import covered

MIN_FILES: Final = 3
"""This many static files of one extension in one folder become one endpoint; two may belong to pages."""

FORMAT_FRAME: Final = STEP + ".{}"
"""The frame of formats: where there are several behind one name, they are a parameter."""

NEEDED: Final = -0.7
"""Log odds from which on a word is a value. Below 0, because values that are left behind are an endpoint
each, and a fixed segment that is lost is one endpoint."""

NEEDED_ONCE: Final = 2.7
"""The same where each shape was called once, so that nothing is known but how the words look. Above 0,
because a fixed segment that is lost (a policy for it no longer applies) is worse than a value that stays a
word until there is more evidence."""

HELD: Final = 3.0
"""Log odds by which evidence must outweigh an earlier decision."""

LEAST_VALUES: Final = 5
"""So many more values than words make a place a parameter, where an earlier word is not held."""

ALIKE: Final = 1.0
"""Log odds of a word that has the same below it as values have, and against one that has other things."""

ONCE: Final = 1.2
"""Calls for each shape up to which it counts as called once."""

MOSTLY: Final = 0.8
"""The share of a place's words that must be values before the others are taken for values more easily."""

FLOOD: Final = 100
"""From so many words on, one call of each is enough: no client names a hundred resources once each."""

FLOOD_CALLS: Final = 2.0
"""Calls for each word up to which the words of a place may be invented."""

SURE: Final = 1.0
"""Log odds of those values."""

NAMED: Final = 4.0
"""Log odds against words that stand for the caller's own resource (`me`); an earlier decision does not
outweigh it."""

DECLARED: Final = 2.0
"""Log odds that a parameter of a document or the configuration adds for undeclared words beside it."""

UNREADABLE: Final = 0.5
"""The share of letters in known words, below which a text beside tokens is a token itself."""

_MIXED: Final = re.compile(r"(?=.*[A-Z\d])(?=.*[a-z])[A-Za-z\d_-]{10,}", re.ASCII)
_PREFIXED: Final = re.compile(r"[A-Za-z]+[-_]\d+", re.ASCII)
_OPERATION: Final = re.compile(r"\$[a-z]+", re.ASCII | re.IGNORECASE)
"""Operations as OData and others write them: `$count`."""


def learn(
    evidence: Evidence, declared: Iterable[str] = (), previous: Mapping[str, str] | None = None
) -> dict[str, Learned]:
    """Find the templates of an API's shapes.

    Args:
        evidence: the calls of the API by shape and method.
        declared: path templates of its documented and configured endpoints. Their fixed segments stay fixed,
            and names of parameters are taken from them.
        previous: the template that each shape was given the last time, for those shapes that had one. What
            was decided stays decided unless the evidence against it is strong, so that nothing flaps.

    Returns:
        A template for each shape. The order of shapes or calls does not matter.
    """
    root, facts = build(evidence, previous or {})
    known = Node()
    for path in sorted(set(declared)):
        insert(known, path)
    walk = _Walk(facts)
    walk.down(_Here([(root, ())], [known], (), 1.0))
    return walk.found


def is_fixed(part: str) -> bool:
    """Whether a word is a fixed segment whatever is called beside it."""
    return part in ROOT_WORDS or is_version(part) or is_step(part) or _OPERATION.fullmatch(part) is not None


Places = list[tuple[Node, tuple[str, ...]]]
"""Nodes that are the same place of a template, each with the shape that leads there."""


@dataclass(frozen=True, slots=True)
class _Here:
    """One place on the way down.

    Attributes:
        places: its nodes.
        known: the same place in declared templates.
        template: the segments so far.
        confidence: the least of their confidences.
    """

    places: Places
    known: list[Node]
    template: tuple[str, ...]
    confidence: float


class _Walk:
    """Goes down the tree. Nodes that became one place, because a parameter joins them, go down together."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.found: dict[str, Learned] = {}

    def down(self, here: _Here) -> None:
        """Give the shapes that end here their template, and go on with what is below."""
        for node, shape in here.places:
            if node.shape:
                self.found[node.shape] = Learned(path_of(here.template), path_of(shape), here.confidence)
        children: dict[str, Places] = defaultdict(list)
        for node, shape in here.places:
            for part, child in node.children.items():
                children[part].append((child, (*shape, part)))
        declared: dict[str, list[Node]] = defaultdict(list)
        for node in here.known:
            for part, child in node.children.items():
                declared[part].append(child)
        values, words = self._decide(here, children, declared)
        for part in sorted(words):
            self.down(
                _Here(
                    children[part],
                    declared.get(part, []),
                    (*here.template, part),
                    min(here.confidence, words[part]),
                )
            )
        for frame in sorted(values):
            self._below(here, frame, values[frame], children, declared)

    def _below(
        self,
        here: _Here,
        frame: str,
        parts: Mapping[str, float],
        children: Mapping[str, Places],
        declared: Mapping[str, list[Node]],
    ) -> None:
        """Values of one frame are one place, with everything below any of them."""
        name = _name(sorted(parts), declared, here.template, frame)
        places = [place for part in sorted(parts) for place in _kept(part, frame, children[part])]
        known = [
            node for part, nodes in sorted(declared.items()) if _has_frame(part, frame) for node in nodes
        ]
        confidence = min(here.confidence, *parts.values())
        self.down(_Here(places, known, (*here.template, name), confidence))

    def _decide(
        self, here: _Here, children: Mapping[str, Places], declared: Mapping[str, list[Node]]
    ) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
        """Divide children into values of a parameter, by frame, and words; each with its confidence."""
        values: dict[str, dict[str, float]] = defaultdict(dict)
        words: dict[str, float] = {}
        candidates: dict[str, dict[str, list[Node]]] = defaultdict(dict)
        formats = [part for part in children if part.startswith(STEP + ".")]
        for part in sorted(children):
            if is_value(part) or (part in formats and len(formats) > 1 and part not in declared):
                values[frame_of(part) if is_value(part) else FORMAT_FRAME][part] = 1.0
            elif part in declared or is_fixed(part):
                words[part] = 1.0
            else:
                candidates[word_frame(part)][part] = [node for node, _ in children[part]]
        for frame, found in candidates.items():
            beside = [node for part in values.get(frame, ()) for node, _ in children[part]]
            left = {part: nodes for part, nodes in found.items() if not _random(part, frame, values)}
            values[frame].update({part: 1.0 for part in found if part not in left})
            if left:
                place = Place(left, beside, len(here.places), here.template, self._facts)
                parameter = any(_has_frame(part, frame) for part in declared)
                for part, odds in _odds(place, frame, declared=parameter).items():
                    (values[frame] if odds > 0 else words)[part] = 1 / (1 + math.exp(-min(abs(odds), 50)))
        return {frame: parts for frame, parts in values.items() if parts}, words


def _odds(place: Place, frame: str, *, declared: bool) -> dict[str, float]:
    """How far each word is above (a value) or below (a word) what is needed, as log odds."""
    if split_suffix(frame)[1] in ASSET_SUFFIXES:
        enough = len(place.words) >= MIN_FILES or bool(place.values) or declared
        return dict.fromkeys(place.words, HELD if enough else -HELD)
    judged = judge(place)
    nodes = [node for found in place.words.values() for node in found]
    once = sum(node.calls for node in nodes) <= ONCE * sum(node.shapes for node in nodes)
    flood = len(judged) >= FLOOD and sum(one > SURE for one in judged.values()) >= MOSTLY * len(judged)
    needed = (NEEDED_ONCE if once and not flood else NEEDED) - (DECLARED if declared else 0.0)
    odds = {word: one - needed for word, one in judged.items()}
    odds |= {word: min(odds[word], -NAMED) for word in odds if word in ALIASES}
    found, settled = _held(place, odds)
    values = [word for word, one in found.items() if one > 0]
    # Resources have the same operations below them, too: a few odd ones must not make values of the others.
    if settled or len(values) >= MOSTLY * len(odds):
        found |= dict.fromkeys(resembling(place, values), ALIKE)
    return found | dict.fromkeys(differing(place, values), -ALIKE)


def _held(place: Place, odds: Mapping[str, float]) -> tuple[dict[str, float], bool]:
    """The odds with what was decided before, and whether the place is a parameter already."""
    was = {word: _was(nodes) for word, nodes in place.words.items()}
    words = [word for word in odds if was[word] < 0]
    values = sum(one > 0 for one in was.values()) + sum(node.words for node in place.values)
    settled = values > 0
    # Beside a parameter with many values, a word that came before them is held no more than they are.
    held = HELD if values < len(words) + LEAST_VALUES else 0.0
    if not settled and words:
        # Words become a parameter together, so what is held is the decision for the place and not each word.
        likely = sorted(odds[word] for word in words if odds[word] > 0)
        fresh = sum(one > 0 for word, one in odds.items() if not was[word])
        settled = fresh > len(words) or (bool(likely) and likely[len(likely) // 2] > HELD)
        held = 0.0 if settled else HELD
    change = {1: HELD, 0: 0.0, -1: -held}
    found = {word: one + change[was[word]] for word, one in odds.items()}
    # A flood of words that nobody repeats must not swallow `/login`.
    nodes = [*place.values, *(node for many in place.words.values() for node in many)]
    if sum(node.calls for node in nodes) <= FLOOD_CALLS * sum(max(node.words, 1) for node in nodes):
        found |= {word: min(found[word], -ALIKE) for word in words if word in ACTION_WORDS}
    return found, settled


def _was(nodes: Iterable[Node]) -> int:
    """What a word was the last time: 1 a value, -1 a word, 0 not there."""
    found = {node.was for node in nodes}
    return 1 if 1 in found else -1 if -1 in found else 0


def _random(part: str, frame: str, values: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether a word is formed as the values beside it: a token with few digits by chance, or `user-5`."""
    beside, text = values.get(frame, ()), split_suffix(part)[0]
    if frame.replace("{}", "{token}") in beside:
        return may_be_token(text) or (_MIXED.fullmatch(text) is not None and covered(text) < UNREADABLE)
    numbered = any(frame.replace("{}", kind) in beside for kind in ("{id}", "{code}"))
    return numbered and _PREFIXED.fullmatch(text) is not None


def _kept(part: str, frame: str, places: Places) -> Places:
    """In a shape, a word that is a value becomes `{slug}`; a value stays what it is."""
    if is_value(part):
        return places
    return [(node, (*shape[:-1], slugged(frame))) for node, shape in places]


def _has_frame(part: str, frame: str) -> bool:
    return is_value(part) and frame_of(part) == frame


def _name(parts: list[str], declared: Mapping[str, list[Node]], template: tuple[str, ...], frame: str) -> str:
    """`{orderId}` after `orders`, or the name in a document; unique within the template.

    The name does not say what kind of id it is. Otherwise it would change as soon as another kind is seen,
    and the endpoint's id would change with it.
    """
    taken = {name for part in template for name in _names(part)}
    for part in sorted(declared):
        if _has_frame(part, frame) and not taken & set(_names(part)):
            return part
    noun = camel(singular(split_suffix(template[-1])[0])) if template and _is_noun(template[-1]) else ""
    names = []
    for _ in range(holes(frame)):
        names.append(_unique(_first_name(parts, noun, frame), taken))
        taken.add(names[-1])
    return fill(frame, names)


def _names(part: str) -> list[str]:
    return re.findall(r"\{([^{}]*)\}", part)


def _first_name(parts: list[str], noun: str, frame: str) -> str:
    kinds = {kind for part in parts for kind in _names(part)}
    only = kinds.pop() if len(kinds) == 1 and all(map(is_value, parts)) else ""
    if split_suffix(frame)[1] in ASSET_SUFFIXES:
        return "file"
    if frame == FORMAT_FRAME:
        return "format"
    if only in ("date", "email"):
        return only
    if noun:
        return f"{noun}Id"
    return "uuid" if only == "uuid" else "id"


def _unique(name: str, taken: set[str]) -> str:
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}{number}", number + 1
    return unique


def _is_noun(part: str) -> bool:
    return not is_value(part) and not is_version(part) and part not in ROOT_WORDS


def skeleton(template: str) -> str:
    """A template without the names of its parameters; templates with the same skeleton are the same place."""
    return re.sub(r"\{[^}]*\}", "{}", template)
