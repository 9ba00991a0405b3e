"""Who showed a fact, and when: what makes it trusted.

A fact is trusted when several callers showed it, at times that lie apart; what one caller sends is kept and
widens nothing. Supports are joined like sets: in any order, in any grouping, twice or once, with one result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

KEPT: Final = 6
"""Callers that are kept of a fact that is not trusted yet: more than `Trust.callers` may ask for at most."""


@dataclass(frozen=True, slots=True)
class Trust:
    """When a fact is trusted.

    Attributes:
        callers: so many callers must have shown it, at most `KEPT`. A caller is a verified subject, or else
            an address: credentials that nobody verified can be made up by the thousand.
        apart_s: seconds between the first and the last time.
    """

    callers: int = 3
    apart_s: int = 600


class Support(NamedTuple):
    """Who showed a fact, as far as it matters.

    Attributes:
        callers: hashes, sorted, at most `KEPT`; of more, the least ones.
        first_s: the first time, Unix seconds.
        last_s: the last time.
    """

    callers: tuple[int, ...]
    first_s: int
    last_s: int


Joined: TypeAlias = Support | None
"""A support, or `None` for a fact that is trusted: nothing more has to be known of it, and most facts are."""

TRUSTED: Final[Joined] = None


def join(one: Joined, two: Joined, trust: Trust) -> Joined:
    """The support of what both support."""
    if one is None or two is None:
        return TRUSTED
    if one == two:
        return one
    callers = (
        one.callers if one.callers == two.callers else tuple(sorted({*one.callers, *two.callers})[:KEPT])
    )
    first, last = min(one.first_s, two.first_s), max(one.last_s, two.last_s)
    if len(callers) >= trust.callers and last - first >= trust.apart_s:
        return TRUSTED
    return Support(callers, first, last)
