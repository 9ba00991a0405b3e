"""The text of a shape, as events carry it, and what its figures mean (`docs/events.md`, "Shapes")."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

Value: TypeAlias = list[Any]
"""What one name had: its alternatives, each a word or a list that begins with a letter."""

Shape: TypeAlias = dict[str, Any]
"""A message: values by place (`p` path, `q` query, `h` header, `c` cookie, `b` body), and `f`, the format."""

MAX_BYTES: Final = 64 * 1024
"""The longest text that is read. Engines write half of it at most; a longer one is not from an engine."""

EXACT_BELOW: Final = 16
"""Lengths below are exact; of larger ones, the four highest binary digits are told."""

PLACES: Final = ("p", "q", "h", "c", "b")

_WORDS: Final = frozenset({"n", "b", "f"})

_PARTS: Final[dict[str, tuple[type, ...]]] = {
    "i": (int, int),
    "d": (int, int),
    "s": (str, int, int, str),
    "p": (str, int, int, str),
    "r": (int,),
    "a": (int, int, list),
    "o": (dict, list),
}
"""What stands behind the letter of an alternative; hashes may follow."""

ANY: Final = "*"
"""The name that stands for all names that look like values."""


def read(text: str) -> Shape:
    """Read a text.

    Raises:
        ValueError: it is no shape, or of a version that is not known.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"a shape of {len(text)} characters")
    try:
        shape = json.loads(text)
    except RecursionError:
        raise ValueError("a shape that is nested too deeply") from None
    if not isinstance(shape, dict) or shape.get("v") != 1:
        raise ValueError("a shape of an unknown version")
    for place in PLACES:
        if place in shape:
            _check(shape[place])
    return shape


def _check(value: Any) -> None:
    """Raise `ValueError` for what is no value, as deep as it goes."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, list):
            raise ValueError("a shape with a value that is no list")  # noqa: TRY004 (of a text, not of a program)
        for one in found:
            if isinstance(one, str) and one in _WORDS:
                continue
            if not isinstance(one, list) or not one or not _is_alternative(one):
                raise ValueError("a shape with an unknown alternative")
            if one[0] == "o":
                waiting += one[1].values()
            elif one[0] == "a":
                waiting.append(one[3])


def _is_alternative(one: list[Any]) -> bool:
    kind, *parts = one
    wanted = _PARTS.get(kind) if isinstance(kind, str) else None
    hashes = parts[len(wanted) :] if wanted else []
    return (
        wanted is not None
        and len(parts) >= len(wanted)
        and all(type(part) is of for part, of in zip(parts, wanted, strict=False))
        and all(isinstance(part, list) and all(isinstance(word, str) for word in part) for part in hashes)
        and (kind != "o" or all(isinstance(name, str) for name in parts[1]))
    )


def longest(length: int) -> int:
    """The greatest length that is told as this one."""
    if length < EXACT_BELOW:
        return length
    return length + (1 << (length.bit_length() - 4)) - 1


def least_number(size: int) -> int:
    """The least number of a magnitude. Magnitude k >= 0: below 2^k; k < 0: above -2^(-1 - k)."""
    if size <= 0:
        return 0 if size == 0 else -(1 << (-1 - size))
    return 1 << (size - 1)


def greatest_number(size: int) -> int:
    """A number that none of a magnitude is above: 2^k for k >= 0."""
    if size >= 0:
        return 1 << size
    # Of a negative number, the magnitude says how large it is without its sign at least.
    return 0 if size == -1 else -(1 << (-2 - size))
