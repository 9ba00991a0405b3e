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

ANY: Final = "*"
"""The name that stands for all names that look like values."""


def read(text: str) -> Shape | None:
    """Read a text; `None` when it is none, or of a version that is not known."""
    if not text or len(text) > MAX_BYTES:
        return None
    try:
        shape = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return shape if isinstance(shape, dict) and shape.get("v") == 1 else None


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
