"""Counts callers in 64 bits: each caller sets the bit of its hash.

Sets of callers are joined with `|`, in any order and as often as one likes, and a set has the same size
whoever calls.
Source: K.-Y. Whang and others, A linear-time probabilistic counting algorithm, ACM TODS 15(2), 1990.
"""

from __future__ import annotations

import math
from typing import Final

from starfort.catalogue.evidence import MAX_CALLERS

BITS: Final = 64
"""Bits of a set, as `queries/observed.sql` makes them. Up to eight callers, the count is exact in two of
three cases and off by one otherwise; from 64 on it says "many"."""


def count(bits: int) -> int:
    """How many different callers a set stands for, about; at most `MAX_CALLERS`."""
    ones = bits.bit_count()
    if ones >= BITS:
        return MAX_CALLERS
    return min(MAX_CALLERS, max(ones, round(-BITS * math.log(1 - ones / BITS))))
