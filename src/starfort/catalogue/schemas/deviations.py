"""Where a shape leaves what was learned: told without values, and before any enforcement.

The engine checks values against the same schemas (`crates/engine/src/contract`). This says the same of a
shape, so that pages can show which endpoints drift, and measurements need no engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from starfort.catalogue.schemas.learn import CHARACTERS, HASHES
from starfort.catalogue.schemas.shape import EXACT_BELOW, Value, greatest_number, least_number, longest

MOST: Final = 16
"""Deviations of one shape that are told."""

_WORDS: Final = {"n": "null", "b": "boolean", "i": "integer", "d": "number", "o": "object", "a": "array"}


def of_field(value: Value, schema: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, str]]:
    """Deviations of a text without a type (parameter, field of a form), as `(code, pointer)`."""
    repeated = any(isinstance(one, list) and one[0] == "r" for one in value)
    if schema.get("type") == "array":
        schema = schema["items"]
    elif repeated:
        yield "type", pointer
    for alternative in value:
        if isinstance(alternative, list) and alternative[0] in "sp":
            wanted = schema.get("type", "string")
            if wanted != "string" and alternative[1] not in _allowed(wanted):
                yield "type", pointer
            else:
                yield from _text(alternative, schema, pointer, is_number=wanted in ("integer", "number"))


def of_value(value: Value, schema: Mapping[str, Any] | bool, pointer: str) -> Iterator[tuple[str, str]]:
    """Deviations of a JSON value."""
    if isinstance(schema, bool) or not schema:
        return
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    for alternative in value:
        kind = alternative if isinstance(alternative, str) else alternative[0]
        word = _WORDS.get(kind, "string")
        if types and word not in types and not (word == "integer" and "number" in types):
            yield "type", pointer
        elif kind in ("s", "p"):
            yield from _text(alternative, schema, pointer)
        elif kind in ("i", "d"):
            yield from _number(alternative, schema, pointer)
        elif kind == "o":
            yield from of_object(alternative, schema, pointer)
        elif kind == "a":
            if alternative[2] > schema.get("maxItems", 2**31):
                yield "maxItems", pointer
            yield from of_value(alternative[3], schema.get("items", True), pointer + "/*")


def of_object(
    alternative: Value, schema: Mapping[str, Any], pointer: str, each: Any = of_value
) -> Iterator[tuple[str, str]]:
    """Deviations of an object, or of a form."""
    _, members, optional = alternative
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, value in members.items():
        if name in properties:
            yield from each(value, properties[name], f"{pointer}/{name}")
        elif rest is False:
            yield "unknown", f"{pointer}/{name}"
        elif isinstance(rest, dict):
            yield from each(value, rest, f"{pointer}/{name}")
    for name in schema.get("required", ()):
        if name not in members or name in optional:
            yield "required", f"{pointer}/{name}"


def first(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """At most `MOST`, each once."""
    told: dict[tuple[str, str], None] = {}
    for one in found:
        told[one] = None
        if len(told) == MOST:
            break
    return list(told)


def _allowed(wanted: str) -> tuple[str, ...]:
    return {"integer": ("integer",), "number": ("integer", "number"), "boolean": ("boolean",)}.get(wanted, ())


def _text(
    alternative: Value, schema: Mapping[str, Any], pointer: str, *, is_number: bool = False
) -> Iterator[tuple[str, str]]:
    kind, form, low, high, characters, *hashes = alternative
    if is_number:
        greatest = max(abs(schema.get("maximum", 0)), abs(schema.get("minimum", 0)))
        if "maximum" in schema and low > len(str(greatest)) + 1:
            yield "maximum", pointer
    else:
        # The longest that is told alike may be right still; of a secret, only powers of two are told.
        most = longest(high) if high >= EXACT_BELOW else high
        least = low if kind == "s" else low and 1 << (low - 1)
        if kind == "s" and most < schema.get("minLength", 0):
            yield "minLength", pointer
        if least > schema.get("maxLength", 2**31):
            yield "maxLength", pointer
    if "format" in schema and form != schema["format"]:
        yield "format", pointer
    if CHARACTERS in schema and set(characters) - set(schema[CHARACTERS]):
        yield "characters", pointer
    if HASHES in schema and (not hashes or set(hashes[0]) - set(schema[HASHES])):
        yield "enum", pointer


def _number(alternative: Value, schema: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, str]]:
    _, low, high, *hashes = alternative
    if greatest_number(low) < schema.get("minimum", float("-inf")):
        yield "minimum", pointer
    if least_number(high) > schema.get("maximum", float("inf")):
        yield "maximum", pointer
    if HASHES in schema and (not hashes or set(hashes[0]) - set(schema[HASHES])):
        yield "enum", pointer
