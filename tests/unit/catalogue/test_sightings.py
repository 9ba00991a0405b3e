"""Shapes with their evidence, and their limits."""

from __future__ import annotations

from starfort.catalogue.observe import Observation
from starfort.catalogue.sightings import WORDS, Sighting, Sightings, folded_shape, union


def _seen(answered: int = 1, callers: int = 1, last: int = 1) -> Sighting:
    return Sighting(1, last, answered, answered, callers)


def test_what_is_better_proved_stays() -> None:
    """A flood of shapes from one caller pushes out shapes of its own kind, and none that several call."""
    kept = Sightings(100, 20)
    for number in range(50):
        kept.add(("GET", f"/known/{number}"), _seen(answered=5, callers=0b111))
    for number in range(5_000):
        kept.add(("GET", f"/scan/{number}"), _seen(last=number))
    assert len(kept) <= 100
    assert all(kept.get(("GET", f"/known/{number}")) for number in range(50))
    assert kept.get(("GET", "/scan/4999")) is not None, "a new one always gets its chance"
    assert kept.evicted > 4_000


def test_an_answer_weighs_more_than_refusals() -> None:
    """Many callers of what is only refused are no evidence."""
    assert _seen().strength > Sighting(1, 9, 50, 0, (1 << 64) - 1).strength


def test_refusals_need_callers_and_a_neighbour() -> None:
    """What never answered may be there if many call it and something beside it answers."""
    kept = Sightings(100, 20)
    for path, seen in {
        "/a/one": _seen(), "/a/two": Sighting(1, 1, 10, 0, 0b111), "/a/three": Sighting(1, 1, 10, 0, 0b11),
        "/a/four": Sighting(1, 1, 9, 0, 0b111), "/b/two": Sighting(1, 1, 10, 0, 0b111),
    }.items():  # fmt: skip
        kept.add(("GET", path), seen)
    assert sorted(shape for _, shape in kept.evident()) == ["/a/one", "/a/two"]


def test_a_mirror_needs_callers_only() -> None:
    """Where a source sees no answers, many calls of several callers are what proves that something is there."""
    kept = Sightings(100, 20)
    for path, calls, callers in (("/a", 10, 0b111), ("/b", 9, 0b111), ("/c", 50, 0b11)):
        blind = Observation(
            "shop", "", "GET", path, path, "", calls, 0, 0, 0, 1, 1, (), (), (), callers, (), (), blind=calls
        )
        kept.add(("GET", path), blind)
    assert [shape for _, shape in kept.evident()] == ["/a"]


def test_words_beyond_some_are_counted_together() -> None:
    """The words with the most calls stay by themselves; no call is lost."""
    kept = Sightings(10_000, 20)
    places = {}
    for number in range(300):
        key = ("GET", f"/tags/t{number}")
        kept.add(key, _seen(answered=50 if number < 5 else 1), "endpoint")
        places[key] = ("GET", "/tags/{slug}")
    kept.fold(places)
    assert len(kept) == WORDS + 1
    together = kept.get(("GET", "/tags/{slug}"))
    assert together is not None
    assert together.words == 300 - WORDS
    assert together.endpoint_id == "endpoint"
    assert all(kept.get(("GET", f"/tags/t{number}")) for number in range(5))
    assert sum(found.calls for _, found in kept.items()) == 5 * 50 + 295


def test_sets_keep_what_was_seen_first() -> None:
    """A full set takes nothing more, and order does not depend on what comes later."""
    assert union(("b",), ("a", "b")) == ("b", "a")
    assert union(("b", "c"), ("a",), most=2) == ("b", "c")
    assert union((), ("z", "y"), most=1) == ("y",)


def test_the_shape_of_words_in_a_template() -> None:
    """Words stand as `{slug}` where the template has parameters; values and suffixes stay."""
    assert folded_shape("/tags/{tagId}.json", "/tags/red.json") == "/tags/{slug}.json"
    assert folded_shape("/a/{id}/{b}", "/a/{integer}/x") == "/a/{integer}/{slug}"
    assert folded_shape("/a/{id}", "/a/b/c") == ""
