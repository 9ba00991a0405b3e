"""Where a shape leaves a schema."""

from __future__ import annotations

from typing import Any

import pytest

from starfort.catalogue.schemas.deviations import MOST, first, of_field, of_object, of_value
from tests.support.records import members_of, text

SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 0, "maximum": 100},
        "s": {"type": ["string", "null"], "minLength": 2, "maxLength": 9, "x-starfort-characters": "a0"},
        "d": {"type": "string", "format": "date"},
        "l": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
        "e": {"type": "string", "x-starfort-hashes": ["0" * 16]},
    },
    "required": ["n"],
    "additionalProperties": False,
}
N = [["i", 3, 3]]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"n": N, "s": text(4), "l": [["a", 0, 3, ["b"]]], "e": text(1, "a", "", "0" * 16)}, []),
        ({"n": N, "s": ["n"]}, []),
        ({}, [("required", "/n")]),
        ({"n": text()}, [("type", "/n")]),
        ({"n": [["i", 9, 9]]}, [("maximum", "/n")]),
        ({"n": [["i", -3, -3]]}, [("minimum", "/n")]),
        ({"n": N, "s": text(1)}, [("minLength", "/s")]),
        ({"n": N, "s": text(200)}, [("maxLength", "/s")]),
        ({"n": N, "s": text(4, "a'")}, [("characters", "/s")]),
        ({"n": N, "d": text(10, "a-0")}, [("format", "/d")]),
        ({"n": N, "d": text(10, "-0", "date")}, []),
        ({"n": N, "l": [["a", 9, 9, ["b"]]]}, [("maxItems", "/l")]),
        ({"n": N, "l": [["a", 1, 1, ["n"]]]}, [("type", "/l/*")]),
        ({"n": N, "e": text(1, "a", "", "f" * 16)}, [("enum", "/e")]),
        ({"n": N, "e": text(1)}, [("enum", "/e")]),
        ({"n": N, "x": ["n"]}, [("unknown", "/x")]),
    ],
)
def test_each_deviation_has_its_code(members: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """What leaves the schema is told with its code and pointer, and what fits is not."""
    assert list(of_value(members_of(**members), SCHEMA, "")) == expected


def test_lengths_in_doubt_are_no_deviation() -> None:
    """A length stands for a span; only when all of it is outside, the text is too long."""
    schema = {"type": "string", "maxLength": 37}
    assert list(of_value(text(36), schema, "")) == []
    assert list(of_value(text(40), schema, "")) == [("maxLength", "")]


def test_fields_of_forms_have_types_in_their_text() -> None:
    """A text that is no number deviates where numbers are wanted; a repeated field does where one is."""
    number = {"type": "integer", "minimum": 0, "maximum": 99}
    assert list(of_field(text(2, "0", "integer"), number, "")) == []
    assert list(of_field(text(9, "0", "integer"), number, "")) == [("maximum", "")]
    assert list(of_field(text(2), number, "")) == [("type", "")]
    assert list(of_field([["r", 2], *text(2, "0", "integer")], number, "")) == [("type", "")]
    assert list(of_field([["r", 2], *text(2, "0", "integer")], {"type": "array", "items": number}, "")) == []


def test_members_that_are_missing_sometimes_are_missing() -> None:
    """An optional member of the shape is missing in some object."""
    assert list(of_object(["o", {"n": N}, ["n"]], SCHEMA, "")) == [("required", "/n")]


def test_what_is_told_is_bounded() -> None:
    """However much deviates, a few deviations are told, each once."""
    assert len(first((f"code{number}", "") for number in range(100))) == MOST
    assert first([("type", ""), ("type", "")]) == [("type", "")]
