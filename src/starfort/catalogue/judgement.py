"""Judges the words side by side at one place: fixed segments, or values of a parameter.

A forest of small decision trees weighs what `places.describe` says of each word. Then the words of a place
are weighed together: a word among values is one more value unless much speaks against it. Trees and weights
were fitted on the traffic of many public documents (`benchmarks/discovery/fit.py`); ADR 34 says why.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from starfort.catalogue.places import FEATURES, Place, describe

_CLIP: Final = 4.0
"""No single word speaks louder for the others, as log odds."""

_MANY: Final = 150
"""More words than these say no more."""

SETTLED: Final = 3.0
"""How loud a word that was found to be a value before speaks for the others, as log odds."""

Tree = list[list[float]]
"""Nodes: [feature, threshold, left, right], or [value] for a leaf."""


@dataclass(frozen=True, slots=True)
class Forest:
    """What `learned/forest.json` holds.

    Attributes:
        base: log odds of a value before any evidence.
        trees: what each adds.
        together: weights of what `together` gives, and a constant.
    """

    base: float
    trees: tuple[Tree, ...]
    together: tuple[float, ...]

    def odds(self, row: Sequence[float]) -> float:
        """Log odds that a word is a value, from the evidence for it alone."""
        found = self.base
        for tree in self.trees:
            node = tree[0]
            while len(node) > 1:
                node = tree[int(node[2] if row[int(node[0])] <= node[1] else node[3])]
            found += node[0]
        return found


@cache
def forest() -> Forest:
    """The forest that comes with Starfort."""
    content = json.loads(files("starfort.catalogue").joinpath("learned/forest.json").read_text("ascii"))
    if tuple(content["features"]) != FEATURES:
        raise ValueError("learned/forest.json was fitted for other evidence; run benchmarks/discovery/fit.py")
    return Forest(content["base"], tuple(content["trees"]), tuple(content["together"]))


def together(odds: Sequence[float], beside_values: float, settled: int) -> list[tuple[float, ...]]:
    """What the other words of its place say of each word.

    Args:
        odds: of each word alone.
        beside_values: 1 when values stand there in any case, else 0.
        settled: number of words that were found to be values there before.

    Returns:
        For each word: its own odds, the mean of the others', the share of the others that are values, how
        far that is from a half weighted by how many there are, `beside_values`, and that weight.
    """
    clipped = [max(-_CLIP, min(_CLIP, one)) for one in odds]
    total = sum(clipped) + SETTLED * settled
    values = sum(one > 0 for one in odds) + settled
    number = len(odds) + settled
    others = max(number - 1, 1)
    weight = math.log(min(number, _MANY))
    rows: list[tuple[float, ...]] = []
    for one, limited in zip(odds, clipped, strict=True):
        share = (values - (one > 0)) / others
        rows.append((one, (total - limited) / others, share, weight * (share - 0.5), beside_values, weight))
    return rows


def judge(place: Place) -> dict[str, float]:
    """Log odds that each word of a place is a value.

    Returns:
        By word, sorted.
    """
    known = forest()
    odds = [known.odds(row) for row in describe(place)]
    settled = sum(node.words for node in place.values)
    *weights, constant = known.together
    beside = together(odds, float(bool(place.values)), settled)
    return {
        word: constant + sum(weight * value for weight, value in zip(weights, row, strict=True))
        for word, row in zip(sorted(place.words), beside, strict=True)
    }
