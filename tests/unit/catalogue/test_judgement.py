"""Judging words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.catalogue.evidence import Calls
from starfort.catalogue.judgement import BESIDE, SETTLED, among, differing, forests, judge, resembling
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


def test_a_word_with_the_parts_of_values_is_one() -> None:
    """`public` has the keys, roles and teams that users have; `export` has others; `me` is never a value."""
    evidence = {
        f"{person}/{part}": {"GET": Calls()} for person in PEOPLE for part in ("keys", "roles", "teams")
    }
    for word, parts in {
        "public": ("keys", "roles", "teams"),
        "export": ("csv", "keys", "xml"),
        "me": ("keys", "roles", "teams"),
    }.items():
        evidence |= {f"/users/{word}/{part}": {"GET": Calls()} for part in parts}
    root, facts = build(evidence, {})
    place = Place(
        {part: [node] for part, node in root.children["users"].children.items()}, [], 1, ("users",), facts
    )
    assert resembling(place, [person.removeprefix("/users/") for person in PEOPLE]) == ["public"]


def test_a_word_with_other_parts_than_leaves_is_none() -> None:
    """Among many words with nothing below, one that has something is a resource."""
    evidence = {
        f"/users/{first}{second}": {"GET": Calls()} for first in "bcdfghjklm" for second in ("andy", "otto")
    }
    evidence["/users/reports/daily"] = {"GET": Calls()}
    root, facts = build(evidence, {})
    place = Place(
        {part: [node] for part, node in root.children["users"].children.items()}, [], 1, ("users",), facts
    )
    assert differing(place, list(place.words)) == ["reports"]
    assert differing(place, list(place.words)[:5]) == []


def test_the_forests_are_fitted_for_what_is_described() -> None:
    """Every tree asks for a number that there is, and ends."""
    for forest, numbers in zip(forests(), (len(FEATURES), len(BESIDE) + 4), strict=True):
        for tree in forest.trees:
            for number, node in enumerate(tree):
                assert len(node) in {1, 4}
                if len(node) > 1:
                    assert 0 <= node[0] < numbers
                    assert number < min(node[2], node[3])
                    assert max(node[2], node[3]) < len(tree)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40), st.integers(0, 1_000))
def test_others_count_without_oneself(odds: list[float], settled: int) -> None:
    """The mean of the others, limited, and the share of values among them."""
    rows = among(odds, [[0.0] * len(FEATURES)] * len(odds), settled)
    others = [max(-4.0, min(4.0, one)) for one in odds[1:]] + [SETTLED] * settled
    assert rows[0][0] == odds[0]
    if others:
        assert rows[0][1] == pytest.approx(sum(others) / len(others), abs=1e-6)
        assert rows[0][2] == pytest.approx(sum(one > 0 for one in others) / len(others))
    assert all(math.isfinite(number) for row in rows for number in row)
