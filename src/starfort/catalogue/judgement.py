"""Judges the words side by side at one place: fixed segments, or values of a parameter.

A forest of small decision trees weighs what `places.describe` says of each word. Then the words of a place
are weighed together: a word among values is one more value unless much speaks against it. Trees and weights
were fitted on the traffic of many public documents (`benchmarks/discovery/fit.py`); ADR 34 says why.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from starfort.catalogue.places import FEATURES, Place, describe
from starfort.catalogue.segments import ALIASES

_CLIP: Final = 4.0
"""No single word speaks louder for the others, as log odds."""

ALIKE_PARTS: Final = 3
ALIKE_SHARE: Final = 0.8
"""So many named parts, and this share of all, must be the same below two words to make them alike."""

LEAVES: Final = 10
LEAVES_SHARE: Final = 0.9
"""Where so many words have nothing below them, and this share of all, one that has is something else."""

_MANY: Final = 150
"""More words than these say no more."""

SETTLED: Final = 3.0
"""How loud a word that was found to be a value before speaks for the others, as log odds."""

Tree = list[list[float]]
"""Nodes: [feature, threshold, left, right], or [value] for a leaf."""

BESIDE: Final = (
    "words", "seen_once", "all_known", "named_in_common", "beside_values", "rarest_token", "to_median",
    "common_parts", "common_names", "support", "own_parts", "answer_alike", "method_alike",
    "calls", "own_calls", "coming", "core", "core_share", "action", "came_late", "to_top",
)  # fmt: skip
"""What is looked at again when the words of a place are weighed together."""

_BESIDE: Final = tuple(FEATURES.index(name) for name in BESIDE)


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees that are added up.

    Attributes:
        base: log odds before any evidence.
        trees: what each adds.
    """

    base: float
    trees: Sequence[Tree]

    def odds(self, row: Sequence[float]) -> float:
        """Log odds of a value."""
        found = self.base
        for tree in self.trees:
            node = tree[0]
            while len(node) > 1:
                node = tree[int(node[2] if row[int(node[0])] <= node[1] else node[3])]
            found += node[0]
        return found


@cache
def forests() -> tuple[Forest, Forest]:
    """The forests that come with Starfort: for each word alone, and for a word among the others."""
    content = json.loads(files("starfort.catalogue").joinpath("learned/forest.json").read_text("ascii"))
    if tuple(content["features"]) != FEATURES or tuple(content["beside"]) != BESIDE:
        raise ValueError("learned/forest.json was fitted for other evidence; run benchmarks/discovery/fit.py")
    alone, together = (Forest(one["base"], one["trees"]) for one in content["forests"])
    return alone, together


def among(odds: Sequence[float], rows: Sequence[Sequence[float]], settled: int) -> list[tuple[float, ...]]:
    """What the other words of its place say of each word.

    Args:
        odds: of each word alone.
        rows: what is known of each word.
        settled: number of words that were found to be values there before.

    Returns:
        For each word: its own odds, the mean of the others', the share of the others that are values, how
        many others there are, and the numbers that `BESIDE` names.
    """
    clipped = [max(-_CLIP, min(_CLIP, one)) for one in odds]
    total = sum(clipped) + SETTLED * settled
    values = sum(one > 0 for one in odds) + settled
    others = len(odds) + settled - 1
    found = []
    for one, limited, row in zip(odds, clipped, rows, strict=True):
        mean = (total - limited) / others if others else 0.0
        share = (values - (one > 0)) / others if others else 0.5
        found.append((one, mean, share, float(min(others, _MANY)), *(row[place] for place in _BESIDE)))
    return found


def resembling(place: Place, values: Collection[str]) -> list[str]:
    """The words that have the same below them as values have, so that they are values themselves.

    A few words of many look like fixed segments (a user called `public`), but one who has the keys, roles and
    teams that all users have is a user. `me` and its like have them too, and are no values.

    Args:
        place: the words.
        values: those of them that are values.
    """
    nodes = [node for word in values for node in place.words[word]] + list(place.values)
    counts = Counter(item for node in nodes for item in node.signature())
    known = {item for item, count in counts.items() if count > 1 or len(place.values) == 1}
    found = []
    for word in sorted(place.words.keys() - set(values) - ALIASES):
        signature = {item for node in place.words[word] for item in node.signature()}
        named = {item for item in signature if item.startswith("/") and "{" not in item}
        methods = {item for item in signature if item.startswith("=")}
        alike = len(named & known) >= ALIKE_SHARE * len(named) and methods <= known
        if len(named) >= ALIKE_PARTS and alike:
            found.append(word)
    return found


def differing(place: Place, values: Collection[str]) -> list[str]:
    """The words among leaves that have parts of their own below them, so that they are resources.

    Args:
        place: the words.
        values: those of them that seem to be values.
    """
    parts = {
        word: {item for node in place.words[word] for item in node.signature() if item.startswith("/")}
        for word in values
    }
    leaves = sum(not found for found in parts.values())
    if len(parts) < LEAVES or leaves < LEAVES_SHARE * len(parts):
        return []
    counts = Counter(item for found in parts.values() for item in found)
    known = {item for node in place.values for item in node.signature()}
    return [
        word
        for word, found in sorted(parts.items())
        if found and all(counts[item] == 1 and item not in known for item in found)
    ]


def judge(place: Place) -> dict[str, float]:
    """Log odds that each word of a place is a value.

    Returns:
        By word, sorted.
    """
    alone, together = forests()
    rows = describe(place)
    settled = sum(node.words for node in place.values)
    beside = among([alone.odds(row) for row in rows], rows, settled)
    return {word: together.odds(row) for word, row in zip(sorted(place.words), beside, strict=True)}
