"""Media types, and things that a document has twice."""

from __future__ import annotations

import pytest

from starfort.contracts import Media, media


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Application/JSON; charset=utf-8", "application/json"), ("image/*", "image/*"), ("*/*", "*/*"),
        ("application/*+json", "application/*+json"), ("json", None), ("", None), ("a/b/c", None), ("a b/c", None),
    ],
)  # fmt: skip
def test_media_types_have_one_form(written: str, name: str | None) -> None:
    """Lower case without parameters; what is none is none."""
    assert media.name_of(written) == name


def test_types_that_come_twice_are_joined() -> None:
    """A body fits when it fits one of them; with very many, everything fits."""
    twice = media.joined([Media("a/b", {"type": "string"}), Media("c/d"), Media("a/b", {"type": "null"})])
    assert twice == (Media("a/b", {"anyOf": [{"type": "string"}, {"type": "null"}]}), Media("c/d"))
    many = [Media("a/b", {"minLength": n}) for n in range(media.MAX_ALTERNATIVES + 1)]
    assert media.joined(many) == (Media("a/b"),)
    assert media.joined(many[:1] * 3) == (many[0],)
    assert media.joined([Media("a/b", {}), Media("a/b")]) == (Media("a/b", True),)
