"""Learning templates: a pure function of a set of shapes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starfort.catalogue.evidence import Calls
from starfort.catalogue.segments import camel, kind_of, shape_of, singular
from starfort.catalogue.templates import learn, skeleton


def templates(*paths: str, declared: tuple[str, ...] = (), calls: int = 1) -> list[str]:
    """Templates of paths that are called with GET, so often each."""
    shapes = {shape: {"GET": Calls(calls)} for shape in map(shape_of, paths) if shape is not None}
    return sorted({learned.template for learned in learn(shapes, declared).values()})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("81723", "integer"),
        ("-3", "integer"),
        ("1,2,3", "integer"),
        ("48.85,2.35", "number"),
        ("2d0e8c2e-97b5-4a0c-8f0e-6d9c5a0f6a11", "uuid"),
        ("507f1f77bcf86cd799439011", "hex"),
        ("e3b0c44298fc1c149afbf4c8996fb924", "hex"),
        ("9fceb02d0ae5", "token"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "ulid"),
        ("cus_9s6XKzkNRiz8i3", "id"),
        ("acct-1032842", "id"),
        ("dQw4w9WgXcQ", "token"),
        ("F_byrfMJF24YWYxuZduIrG", "token"),
        ("2026-11-25", "date"),
        ("2026-11-25T10:00:00Z", "date"),
        ("anna.smith@example.com", "email"),
        ("{masked}", "masked"),
        ("%F0%9F%92%A9", "text"),
        ("{id}", "text"),
        ("orders", ""),
        ("line-items", ""),
        ("getUserByEmail", ""),
        ("OAuth2AuthorizationServer", ""),
        ("facade", ""),
        ("deadbeef", ""),
        ("sha256", ""),
        ("x86-64", ""),
        ("iso27001", ""),
        ("arrivals-and-departures-for-stop", ""),
    ],
)
def test_kinds_of_segments(text: str, kind: str) -> None:
    """Values are told from words by their form."""
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/", "/"),
        ("/v1/orders/7/", "/v1/orders/{integer}"),
        ("/api/2024-01-01/orders", "/api/2024-01-01/orders"),
        ("/orders/2024-01-01", "/orders/{date}"),
        ("/1/lists", "/1/lists"),
        ("/api/v2.1/x", "/api/v2.1/x"),
        ("/files/2f7a9c81d0e4b35a.js", "/files/{hex}.js"),
        ("/reports/1234.json", "/reports/{integer}.json"),
        ("/topics/1234:publish", "/topics/{integer}:publish"),
        ("//a", None),
        ("/a//b", None),
        ("relative", None),
        ("/" + "a/" * 30, None),
        ("/" + "a" * 1023, None),
    ],
)
def test_shapes_of_paths(path: str, shape: str | None) -> None:
    """Versions and words stay, suffixes stay outside, what can't be learned has no shape."""
    assert shape_of(path) == shape


def test_names_come_from_the_parent_and_are_unique() -> None:
    """Singular of the segment before, what a document says, numbers where they would clash."""
    assert templates("/companies/1/line-items/2", "/boxes/3", "/7f000001-0000-4000-8000-000000000000") == [
        "/boxes/{boxId}",
        "/companies/{companyId}/line-items/{lineItemId}",
        "/{uuid}",
    ]
    assert templates("/orders/1/2/3") == ["/orders/{orderId}/{id}/{id2}"]
    assert templates("/reports/2026-01-02/to/2026-01-03") == ["/reports/{date}/to/{date2}"]
    assert templates("/users/7/x", declared=("/users/{name}",)) == ["/users/{name}/x"]


@pytest.mark.parametrize(("noun", "one"), [("companies", "company"), ("boxes", "box"), ("status", "status"), ("news", "new"), ("orders", "order"), ("addresses", "address"), ("analysis", "analysis"), ("series", "sery")])  # fmt: skip
def test_singular(noun: str, one: str) -> None:
    """By the ending; irregular nouns give odd names, not wrong templates."""
    assert singular(noun) == one


def test_names_are_plain_identifiers() -> None:
    """Whatever stands before a parameter."""
    assert camel("Line Items!") == "lineItems"
    assert camel("USERS") == "users"
    assert camel("123") == ""
    assert camel("§") == ""


NAMES = ("caroline", "sveta", "hjordis", "travis", "lukasz", "yuki", "oskar", "bettina", "amara", "joaquin")


def test_few_names_are_values() -> None:
    """A small API has ten users and not forty; each was seen a few times."""
    assert templates(*(f"/users/{name}" for name in NAMES), calls=3) == ["/users/{userId}"]


def test_many_commands_stay_words() -> None:
    """As many as there are, also when each was called once."""
    verbs = ("get", "set", "list", "create", "delete", "rename", "export", "import", "cancel", "preview")
    nouns = ("preference", "project", "rows", "columns", "history", "languages", "token")
    commands = [f"/command/core/{verb}-{noun}" for verb in verbs for noun in nouns]
    assert templates(*commands) == sorted(commands)
    methods = [f"/api/{noun}.{verb}" for verb in verbs for noun in ("chat", "files", "users", "team")]
    assert templates(*methods) == sorted(methods)


def test_values_before_verbs_are_one_place() -> None:
    """Each topic was seen with one of three verbs only."""
    verbs = ("publish", "pull", "getPolicy")
    paths = [f"/v1/topics/{name}:{verbs[number % 3]}" for number, name in enumerate(NAMES)]
    assert templates(*paths, calls=2) == [f"/v1/topics/{{topicId}}:{verb}" for verb in sorted(verbs)]


def test_formats_are_one_parameter() -> None:
    """Where there are several; one alone stays."""
    assert templates("/feeds/videos.json", "/feeds/videos.atom", "/feeds/comments.json") == [
        "/feeds/comments.json",
        "/feeds/videos.{format}",
    ]


def test_what_was_decided_is_held() -> None:
    """A few more words change nothing, whichever way the decision was."""
    words = {f"/teams/{name}": {"GET": Calls(2)} for name in NAMES[:4]}
    as_words = {shape: shape for shape in words}
    as_values = dict.fromkeys(words, "/teams/{teamId}")
    first = {row.template for row in learn(words, (), as_words).values()}
    second = {row.template for row in learn(words, (), as_values).values()}
    assert (first, second) == (set(words), {"/teams/{teamId}"})


def test_a_word_before_its_siblings_joins_them() -> None:
    """What came first and was a word then is no endpoint of its own beside the values that followed."""
    shapes = {f"/users/{name}": {"GET": Calls(3, 2)} for name in NAMES}
    previous = dict.fromkeys(shapes, "/users/{userId}") | {"/users/caroline": "/users/caroline"}
    assert {row.template for row in learn(shapes, (), previous).values()} == {"/users/{userId}"}


def test_values_are_formed_as_those_beside_them() -> None:
    """A token with one digit and a numbered name are no words beside others of their form."""
    assert templates("/lists/dQw4w9WgXcQ", "/lists/VswzjlgI2XW", "/lists/getUserByName") == [
        "/lists/getUserByName",
        "/lists/{listId}",
    ]
    assert templates("/boxes/user-512", "/boxes/user-50") == ["/boxes/{boxId}"]


def test_a_merge_can_be_undone() -> None:
    """A word that was taken for a value is one no more when its calls and what is below say otherwise."""
    shapes = {f"/users/{name}": {"GET": Calls(2, 1)} for name in NAMES}
    shapes["/users/search"] = {"POST": Calls(900, 60), "GET": Calls(40, 30)}
    shapes["/users/search/suggestions"] = {"GET": Calls(500, 60)}
    found = learn(shapes, (), {shape: shape.replace(shape.split("/")[2], "{userId}") for shape in shapes})
    assert found["/users/search"].template == "/users/search"
    assert found["/users/caroline"].template == "/users/{userId}"


def test_confidence_is_the_least_of_the_segments() -> None:
    """Values by form are certain; words are more or less."""
    found = learn({"/v1/{integer}": {"GET": Calls()}, "/users/caroline": {"GET": Calls()}})
    assert found["/v1/{integer}"].confidence == 1
    assert 0.5 <= found["/users/caroline"].confidence < 1


def test_resources_among_values_stay() -> None:
    """`/users/me`, and one that is called often and has things of its own below, beside user names."""
    shapes = {
        f"/users/{first}{second}": {"GET": Calls(2, 1)}
        for first in "bcdfghjklm"
        for second in ("andy", "otto")
    }
    shapes |= {"/users/me": {"GET": Calls(60, 40)}}
    shapes |= {f"/users/reports/{name}": {"GET": Calls(40, 30)} for name in ("daily/open", "export")}
    assert sorted({row.template for row in learn(shapes).values()}) == [
        "/users/me",
        "/users/reports/daily/open",
        "/users/reports/export",
        "/users/{userId}",
    ]


def test_values_with_parts_below_are_one_parameter() -> None:
    """Each user was seen with one of three things below only."""
    people = [f"{first}{second}" for first in "bcdfghjklm" for second in ("andy", "otto")]
    below = ["feeds", "groups", "dashboards"]
    paths = [f"/users/{name}/{below[number % 3]}" for number, name in enumerate(people)]
    assert templates(*paths) == [f"/users/{{userId}}/{name}" for name in sorted(below)]


def test_files_of_a_folder_are_one() -> None:
    """From three on, by extension."""
    assert templates("/static/app.js", "/static/main.js", "/static/site.css", "/static/vendor.js") == [
        "/static/site.css",
        "/static/{file}.js",
    ]


SEGMENTS = st.one_of(
    st.sampled_from(
        ["v1", "v2", "api", "users", "orders", "me", "search", "items", "{id}", "a.json", "$count"]
    ),
    st.integers(0, 10**7).map(str),
    st.uuids().map(str),
    st.text(alphabet="abcdefgh", min_size=1, max_size=4),
    st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text),
)
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(st.lists(PATHS, max_size=80), st.randoms())
@settings(max_examples=60, deadline=None)
def test_order_does_not_matter(paths: list[str], chance: object) -> None:
    """The same shapes in any order give the same templates."""
    shapes = {shape: {"GET": Calls()} for shape in map(shape_of, paths) if shape is not None}
    mixed = list(shapes.items())
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert learn(dict(mixed)) == learn(shapes)


@given(st.lists(PATHS, max_size=80))
@settings(max_examples=60, deadline=None)
def test_templates_are_well_formed_and_stand_for_their_shapes(paths: list[str]) -> None:
    """As many segments, parameters of different names, literals that are the path's own, no stray braces."""
    shapes = {shape: {"GET": Calls()} for shape in map(shape_of, paths) if shape is not None}
    found = learn(shapes)
    assert found.keys() == shapes.keys()
    for shape, learned in found.items():
        parts, places = shape.split("/"), learned.template.split("/")
        assert len(parts) == len(places)
        names = re.findall(r"\{([^{}]*)\}", learned.template)
        assert len(names) == len(set(names))
        for part, place in zip(parts, places, strict=True):
            assert place == part or re.fullmatch(r"[^{}]*(\{[A-Za-z0-9]+\}[^{}]*)+", place)
            assert part == place or "{" not in part or "{" in place
        assert shape_of(learned.shape) is not None


@given(st.lists(PATHS, max_size=80))
@settings(max_examples=60, deadline=None)
def test_learning_again_changes_nothing(paths: list[str]) -> None:
    """Shapes as they are kept give the same templates."""
    shapes = {shape: {"GET": Calls()} for shape in map(shape_of, paths) if shape is not None}
    first = learn(shapes)
    kept = {learned.shape: {"GET": Calls()} for learned in first.values()}
    again = learn(kept)
    assert {skeleton(row.template) for row in again.values()} == {
        skeleton(row.template) for row in first.values()
    }


@given(st.text(max_size=1200))
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_shape_or_none(text: str) -> None:
    """Nothing that clients send raises, and shapes are their own shape."""
    for path in (text, f"/{text}"):
        shape = shape_of(path)
        if shape is not None:
            assert shape.startswith("/")
            assert learn({shape: {"GET": Calls()}})
