"""Callers counted in 64 bits."""

from __future__ import annotations

import hashlib

from starfort.catalogue.callers import BITS, count


def _bits(names: int) -> int:
    bits = 0
    for number in range(names):
        bits |= 1 << (int(hashlib.sha256(f"{number}".encode()).hexdigest(), 16) % BITS)
    return bits


def test_few_callers_are_counted_almost_exactly() -> None:
    """Nobody, one, and up to eight within one."""
    assert count(0) == 0
    assert count(1) == count(1 << 63) == 1
    assert all(abs(count(_bits(names)) - names) <= 1 for names in range(9))


def test_many_callers_are_many() -> None:
    """The count grows with the callers and ends at its limit, whatever comes."""
    assert count(_bits(20)) < count(_bits(40)) <= count(_bits(1_000)) == count((1 << 64) - 1) == 64
