"""Folding evidence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from starfort.catalogue.evidence import MAX_LOOKS, Calls, folded

LOOKS = st.lists(st.text("abcdef", min_size=1, max_size=3), max_size=MAX_LOOKS).map(
    lambda found: tuple(sorted(set(found)))
)
CALLS = st.builds(
    Calls,
    st.integers(1, 10**6),
    st.integers(0, 64),
    st.integers(1, 10**9).map(float),
    st.integers(1, 10**9).map(float),
    LOOKS,
    LOOKS,
    st.integers(0, 99),
)


@given(st.lists(CALLS, min_size=1, max_size=6), st.randoms())
def test_folding_does_not_depend_on_the_order(many: list[Calls], chance: object) -> None:
    """Neither of what is folded, nor of how it was folded before."""
    mixed = list(many)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert folded(mixed) == folded(many)
    assert folded([folded(many[:1]), *many[1:]]) == folded(many)


def test_what_is_folded_is_counted() -> None:
    """Calls and words add up; callers may be the same ones."""
    found = folded([Calls(3, 2, 10, 20), Calls(4, 1, 5, 6, words=7)])
    assert found == Calls(7, 2, 5, 20, words=8)
    assert folded([Calls(1), Calls(1, first_seen=9)]).first_seen == 9
