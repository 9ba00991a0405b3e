"""Judging words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.catalogue.evidence import Calls
from starfort.catalogue.judgement import SETTLED, forest, judge, together
from starfort.catalogue.places import FEATURES, Place
from starfort.catalogue.tree import build


def judged(*paths: str, calls: int = 1, words: int = 0) -> dict[str, float]:
    """Log odds of the words right below `/users`."""
    evidence = {path: {"GET": Calls(calls, min(calls, 5))} for path in paths}
    if words:
        evidence["/users/{slug}"] = {"GET": Calls(words, words=words)}
    root, facts = build(evidence, {})
    users = root.children["users"]
    values = [node for part, node in users.children.items() if part.startswith("{")]
    found = {part: [node] for part, node in users.children.items() if not part.startswith("{")}
    return judge(Place(found, values, 1, ("users",), facts))


PEOPLE = [
    f"/users/{name}"
    for name in ("caroline", "sveta", "hjordis", "travis", "lukasz", "yuki", "oskar", "bettina")
]


def test_names_are_values_and_routes_are_words() -> None:
    """Eight names after a plural; three things that APIs have there."""
    assert min(judged(*PEOPLE).values()) > 0
    assert max(judged("/users/export", "/users/search", "/users/settings", calls=40).values()) < 0


def test_words_that_were_values_speak_for_others() -> None:
    """One more name beside names that were folded, against the same name alone."""
    assert judged(PEOPLE[0], words=30)["caroline"] > judged(PEOPLE[0])["caroline"]


def test_the_same_below_makes_values() -> None:
    """Words with the same named parts below them are values, whatever words they are."""
    below = ("keys", "roles", "teams", "avatar", "sessions")
    words = ("export", "market", "window", "report", "search", "north", "river", "public")
    same = judged(*(f"/users/{word}/{part}" for word in words for part in below), calls=3)
    apart = judged(*(f"/users/{word}/{word}-{part}" for word in words for part in below), calls=3)
    assert min(same.values()) > max(apart.values())


def test_the_forest_is_fitted_for_what_is_described() -> None:
    """Every tree asks for a number that there is, and ends."""
    for tree in forest().trees:
        for number, node in enumerate(tree):
            assert len(node) in {1, 4}
            if len(node) > 1:
                assert 0 <= node[0] < len(FEATURES)
                assert number < min(node[2], node[3])
                assert max(node[2], node[3]) < len(tree)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40), st.booleans(), st.integers(0, 1_000))
def test_others_count_without_oneself(odds: list[float], beside: bool, settled: int) -> None:
    """The mean of the others, limited, and their share."""
    rows = together(odds, float(beside), settled)
    limited = [max(-4.0, min(4.0, one)) for one in odds]
    others = limited[1:] + [SETTLED] * settled
    assert rows[0][0] == odds[0]
    assert rows[0][1] == pytest.approx(sum(others) / max(1, len(others)), abs=1e-6)
    assert rows[0][2] == pytest.approx(sum(one > 0 for one in others) / max(1, len(others)))
    assert all(math.isfinite(number) for row in rows for number in row)
