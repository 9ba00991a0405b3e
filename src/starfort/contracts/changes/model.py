"""A change between two contracts, and how its level follows from its effect.

Codes and levels are those of oasdiff 1.37 (https://github.com/oasdiff/oasdiff), which many teams know from
their builds. It derives a level from one law: what narrows requests or widens answers breaks a caller that
kept to the old contract; what widens requests or narrows answers does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["error", "warning", "info"]
"""`error` breaks callers, `warning` may, and `info` does not."""

Effect = Literal["narrows", "widens", "incomparable", "unknown", "none"]
"""What a change does to the set of values that fit."""

Side = Literal["request", "response"]

_LAW: Final[dict[tuple[Effect, Side], Level]] = {
    ("narrows", "request"): "error",
    ("narrows", "response"): "info",
    ("widens", "request"): "info",
    ("widens", "response"): "error",
    ("incomparable", "request"): "error",
    ("incomparable", "response"): "error",
    ("unknown", "request"): "warning",
    ("unknown", "response"): "warning",
    ("none", "request"): "info",
    ("none", "response"): "info",
}


def level_of(effect: Effect, side: Side) -> Level:
    """The level of a change with an effect on one side."""
    return _LAW[effect, side]


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        code: what changed, as oasdiff calls it: `request-parameter-became-required`.
        level: what it does to callers.
        method: of the operation; "" when the change is about none.
        path: of the operation, as the newer contract has it, or the older one if the newer has none.
        where: the part: `query parameter limit`, `request body application/json #/items/*/price`.
        text: a sentence about it.
    """

    code: str
    level: Level
    method: str
    path: str
    where: str
    text: str
