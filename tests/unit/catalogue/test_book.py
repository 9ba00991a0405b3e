"""One API of the catalogue: merging, parting, limits and what hostile traffic does to them."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from starfort.catalogue import book as module
from starfort.catalogue.book import Book
from starfort.catalogue.evidence import Evidence, Learned
from starfort.catalogue.limits import CatalogueLimits
from starfort.catalogue.model import ApiFacts, Declared, Endpoint
from starfort.catalogue.observe import Observation
from starfort.catalogue.segments import SLUG


def _seen(path: str, **fields: Any) -> Observation:
    given: dict[str, Any] = {
        "api": "shop", "endpoint_id": "", "method": "GET", "path": path, "shape": path, "asked": "", "calls": 1,
        "answered": 1, "open_calls": 0, "logins": 0, "first_us": 1_000_000, "last_us": 1_000_000, "hosts": (),
        "auth": (), "sensitive": (), "callers": 1, "requests": (), "answers": (),
    }  # fmt: skip
    return Observation(**{**given, **fields})


def _call(book: Book, *seen: Observation) -> None:
    """A refresh: calls are sighted and counted, then what is due is learned."""
    for one in seen:
        matched = book.match(one)
        if one.shape:
            book.sight(one, matched)
        key = book.endpoint_of(one, matched)
        if key:
            book.see(key, one)
    if book.is_due():
        book.learn()


def _templates(book: Book) -> list[str]:
    return [row.template for row in book.snapshot()]


class Rule:
    """A learner whose answer a test chooses: whether the words below `/tags` are values."""

    def __init__(self) -> None:
        self.values = False
        self.runs = 0

    def __call__(self, evidence: Evidence, declared: Any = (), previous: Any = None) -> dict[str, Learned]:
        """Templates as `templates.learn` gives them."""
        del declared, previous
        self.runs += 1
        found = {}
        for shape in evidence:
            word = shape.removeprefix("/tags/")
            if word == shape or "/" in word:
                found[shape] = Learned(shape, shape)
            elif self.values or word == SLUG:
                found[shape] = Learned("/tags/{tagId}", f"/tags/{SLUG}")
            else:
                found[shape] = Learned(shape, shape)
        return found


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> Rule:
    """The learner of the books of a test."""
    made = Rule()
    monkeypatch.setattr(module, "learn", made)
    return made


def _book(**limits: int) -> Book:
    return Book("shop", CatalogueLimits(**limits))


def test_a_merge_is_undone_and_ids_follow_both_ways(rule: Rule) -> None:
    """Words become one endpoint and part again: each has its own calls back, and no id leads nowhere."""
    book = _book()
    _call(
        book, _seen("/tags/red", calls=3, auth=("bearer",)), _seen("/tags/blue", calls=2, sensitive=("iban",))
    )
    red, blue = (
        next(row for row in book.snapshot() if row.template.endswith(word)) for word in ("red", "blue")
    )
    rule.values = True
    _call(book, _seen("/tags/green", calls=1, first_us=500_000))
    (merged,) = book.snapshot()
    assert (merged.template, merged.calls, merged.auth_seen) == ("/tags/{tagId}", 6, ("bearer",))
    assert merged.first_seen is not None
    assert merged.first_seen.microsecond == 500_000
    assert book.find(red.id) == book.find(blue.id) == merged
    assert {old for old, new, _ in book.take_led() if new == merged.id} == {red.id, blue.id}
    _call(book, _seen("/tags/red", endpoint_id=merged.id, calls=4), _seen("", endpoint_id=merged.id, calls=5))
    rule.values = False
    _call(book, _seen("/tags/red", endpoint_id=merged.id, answered=100))
    parted = {row.template: row for row in book.snapshot()}
    assert sorted(parted) == ["/tags/blue", "/tags/green", "/tags/red"]
    assert sum(row.calls for row in parted.values()) == 6 + 4 + 5 + 1
    assert (parted["/tags/blue"].calls, parted["/tags/blue"].sensitive) == (2, ("iban",))
    assert parted["/tags/red"].sensitive == (), "what one word carried is not said of another"
    assert book.find(red.id) == parted["/tags/red"]
    assert book.find(blue.id) == parted["/tags/blue"]
    assert book.find(merged.id) == parted["/tags/red"], "to the one that was called most"
    assert (red.id, "", "") in book.take_led(), "it is an endpoint of its own again"


def test_parting_is_no_news(rule: Rule) -> None:
    """Only what was never called before is new; what became one or part is not."""
    book = _book()
    _call(book, _seen("/tags/red"), _seen("/tags/blue"))
    assert len(book.take_made()) == 2
    rule.values = True
    _call(book, _seen("/tags/green"))
    assert book.take_made() == []
    rule.values = False
    _call(book, _seen("/tags/green", answered=100))
    assert len(book.snapshot()) == 3
    assert book.take_made() == []
    _call(book, _seen("/tags/new"))
    assert [row.template for row in book.take_made()] == ["/tags/new"]


def test_words_are_parted_by_hand(rule: Rule) -> None:
    """A place that people call words has an endpoint a word, for known words at once and for others when called."""
    rule.values = True
    book = _book()
    _call(book, _seen("/tags/red"), _seen("/tags/blue"))
    (merged,) = book.snapshot()
    book.declare(ApiFacts("shop", words=("/tags/*",)), {})

    def parts(evidence: Evidence, declared: Any = (), previous: Any = None) -> dict[str, Learned]:
        fixed = set(declared)
        found = rule(evidence, declared, previous)
        return {shape: Learned(shape, shape) if shape in fixed else found[shape] for shape in evidence}

    module.learn = parts  # put back by the fixture's monkeypatch
    _call(book)
    assert _templates(book) == ["/tags/blue", "/tags/red"]
    assert book.find(merged.id) is not None
    _call(book, _seen("/tags/green", endpoint_id=merged.id))
    assert _templates(book) == ["/tags/blue", "/tags/green", "/tags/red"]


def test_words_are_joined_by_hand_and_a_decision_is_taken_back() -> None:
    """With the learner as it is: three words are one endpoint because somebody said so, and three again."""
    book = _book()
    _call(book, *(_seen(f"/boards/{word}", calls=2) for word in ("one", "two", "three")))
    before = {row.template: row.id for row in book.snapshot()}
    assert len(before) == 3
    book.decide({"/boards/*": "values"})
    _call(book)
    (joined,) = book.snapshot()
    assert joined.calls == 6
    assert all(book.find(key) == joined for key in before.values())
    _call(book, _seen("/boards/four", endpoint_id=joined.id))
    assert len(book.snapshot()) == 1
    book.decide({})
    _call(book)
    assert {"/boards/one", "/boards/two", "/boards/three"} <= set(_templates(book))
    assert book.find(before["/boards/one"]) == next(
        row for row in book.snapshot() if row.template.endswith("one")
    )


def test_documents_win_over_decisions_and_words() -> None:
    """A value of a documented parameter makes no endpoint, whatever it looks like."""
    book = _book()
    declared = Declared("shop", "GET", "/users/{name}")
    book.declare(ApiFacts("shop", documented=True), {declared.id: declared})
    _call(book, *(_seen(f"/users/{word}", endpoint_id=declared.id) for word in ("export", "search", "me")))
    assert _templates(book) == ["/users/{name}"]
    assert book.snapshot()[0].calls == 3
    assert len(book.shapes) == 0


@pytest.mark.usefixtures("rule")
def test_a_flood_from_one_caller_pushes_out_nothing_that_others_call() -> None:
    """Ten thousand paths that a wildcard server answers leave the endpoints of real callers where they are."""
    book = _book(shapes=600, endpoints=300)
    real = [
        f"/v1/{first}{second}" for first in ("order", "cart", "shop", "user") for second in ("Open", "Done")
    ]
    _call(book, *(_seen(path, calls=40, answered=40, callers=0b10111) for path in real))
    chance = random.Random(3)  # noqa: S311 (the same each time)
    for _ in range(40):
        words = ("".join(chance.choices("bcdfghklmnprst", k=9)) for _ in range(250))
        _call(book, *(_seen(f"/{word}/{word[::-1]}/x{word[3:]}") for word in words))
    assert set(real) <= set(_templates(book))
    assert len(book.shapes) <= 600
    assert len(book.snapshot()) <= 300
    usage = book.usage()
    assert usage["shapes_evicted"] > 0
    assert usage["endpoints_refused"] + usage["endpoints_evicted"] > 0


@pytest.mark.usefixtures("rule")
def test_what_several_call_finds_a_place_in_a_full_catalogue() -> None:
    """An endpoint with more evidence than the weakest takes its place."""
    book = _book(shapes=400, endpoints=50)
    letters = ["".join(word) for word in itertools.product("bcd", "fgh", "klm", "npr")]
    _call(book, *(_seen(f"/{word}/z{word}/{word}q") for word in letters))
    assert len(book.snapshot()) == 50
    _call(book, _seen("/checkout/pay", calls=9, answered=9, callers=0b1111))
    assert "/checkout/pay" in _templates(book)
    assert len(book.snapshot()) == 50
    assert book.usage()["endpoints_evicted"] == 1


def test_words_of_one_parameter_take_little_place(rule: Rule) -> None:
    """However many words are values of it, a few are kept, and no call is lost."""
    rule.values = True
    book = _book()
    words = ["".join(word) for word in itertools.product("bcdfg", "aeiou", "lmnpr", "aeiou")]
    for start in range(0, len(words), 125):
        _call(book, *(_seen(f"/tags/{word}") for word in words[start : start + 125]))
    (tags,) = book.snapshot()
    for start in range(0, len(words), 125):
        _call(book, *(_seen(f"/tags/x{word}", endpoint_id=tags.id) for word in words[start : start + 125]))
    assert book.snapshot()[0].calls == 2 * len(words)
    assert len(book.shapes) <= 2 * 64 + 1


def test_learning_waits_until_there_is_something_to_learn(rule: Rule) -> None:
    """More of the same calls cost nothing until they have grown by a quarter."""
    book = _book()
    _call(book, _seen("/tags/red", calls=100, answered=100))
    assert rule.runs == 1
    for _ in range(20):
        _call(book, _seen("/tags/red", calls=1, answered=1))
    assert rule.runs == 1
    _call(book, _seen("/tags/red", calls=200, answered=200))
    assert rule.runs == 2


def test_learning_takes_a_fifth_of_the_time_at_most(rule: Rule) -> None:
    """After learning that took a second, four pass before the next."""
    now = 0.0
    steps = iter((0.0, 1.0))

    def clock() -> float:
        return next(steps, now)

    book = Book("shop", CatalogueLimits(), clock=clock)
    book.sight(_seen("/tags/red"), None)
    book.learn()
    book.sight(_seen("/tags/blue"), None)
    now = 4.9
    assert not book.is_due()
    now = 5.0
    assert book.is_due()
    assert rule.runs == 1


def test_endpoints_of_a_name_are_log_ins() -> None:
    """By the last word of a POST, not of a GET."""
    assert module.looks_like_login("POST", "/v1/login")
    assert not module.looks_like_login("GET", "/v1/login")
    assert not module.looks_like_login("POST", "/v1/orders")


def test_an_old_id_leads_to_the_newest() -> None:
    """Over two merges, and nowhere when the endpoint is its own again."""
    book = _book(merged=2)
    for key in ("a", "b", "c"):
        book._put(Endpoint(key, "shop", "*", "GET", f"/{key}", "learned"))
    book._lead("x", "a")
    book._lead("a", "b")
    assert book.merged == {"x": "b", "a": "b"}
    book._lead("y", "c")
    assert book.merged == {"a": "b", "y": "c"}, "the oldest is forgotten first"
    assert book.ids("b") == ["b", "a"]
