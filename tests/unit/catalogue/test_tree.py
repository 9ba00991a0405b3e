"""Shapes as a tree."""

from __future__ import annotations

import pytest

from starfort.catalogue.evidence import Calls
from starfort.catalogue.tree import build, path_of, steps


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", []),
        ("/v1/topics/{integer}:publish", ["v1", "topics", "{integer}", " :publish"]),
        ("/feeds/videos.json", ["feeds", "videos", " .json"]),
        ("/feeds/videos.{format}", ["feeds", "videos", " .{format}"]),
        ("/static/app.js", ["static", "app.js"]),
        ("/compare/{text}...{text}", ["compare", "{text}...{text}"]),
        ("/odata/Products({integer})", ["odata", "Products({integer})"]),
    ],
)
def test_verbs_and_formats_are_steps(path: str, found: list[str]) -> None:
    """What stands before them is one place, and the steps give the path again."""
    assert steps(path) == found
    assert path_of(found) == path


def test_nodes_know_what_is_below() -> None:
    """Calls and callers, the first call, and what they were before."""
    evidence = {
        "/users/anna": {"GET": Calls(3, 2, 50.0), "PUT": Calls(1, 1, 60.0)},
        "/users/{slug}/keys": {"GET": Calls(9, 1, 40.0, words=4)},
    }
    root, facts = build(evidence, {"/users/anna": "/users/{userId}", "/users/{slug}/keys": "/users/x/keys"})
    users = root.children["users"]
    assert (users.calls, users.callers, users.first_seen, users.was) == (13, 2, 40.0, -1)
    assert (users.children["anna"].was, users.children["{slug}"].was) == (1, -1)
    assert users.children["{slug}"].words == 4
    assert users.signature() == {"/anna", "/{}", "/*/keys"}
    assert facts.parents == {"users": 1, "anna": 1, "keys": 1}


def test_answers_are_known_by_place() -> None:
    """How answers look here and right below, and how different they are in the whole API."""
    root, facts = build(
        {"/a": {"GET": Calls(answers=("x",))}, "/a/b": {"GET": Calls(answers=("x",)), "PUT": Calls()}}, {}
    )
    assert root.children["a"].answers() == {(" GET", "x"), ("b GET", "x")}
    assert facts.distinct == 0.5
    assert build({"/a": {"GET": Calls()}}, {})[1].distinct == -1
