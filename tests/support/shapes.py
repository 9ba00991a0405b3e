"""Shapes as the engine tells them, and schemas as others check them."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

from starfort import bundle, config
from starfort._engine import Engine
from starfort.catalogue.schemas import shape
from starfort.catalogue.schemas.learn import CHARACTERS
from starfort.compile import compile_config

_CONFIG = """
version: 1
listeners: [{name: web, address: "127.0.0.1:18080"}]
upstreams: [{name: shop, addresses: ["127.0.0.1:18081"]}]
rules: {sets: []}
apis: [{name: shop, upstream: shop, endpoints: [{match: "POST /orders/{id}", labels: [order]}]}]
"""


@cache
def engine() -> Engine:
    """An engine that tells the shape of each call."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "starfort.yaml"
        file.write_text(_CONFIG)
        made = compile_config(config.load(file), hash_key=bytes(32), signal_kinds=())
        return Engine(bundle.encode(made.bundle))


def event(body: str, content_type: str = "application/json", **changes: Any) -> dict[str, Any]:
    """The event of a call with this body."""
    request = {
        "method": "POST",
        "url": "https://shop.example.com/orders/7",
        "headers": [("content-type", content_type)],
        "body": body,
        "response": {"status": 200, "headers": [("content-type", "application/json")], "body": "{}"},
    }
    found: dict[str, Any] = engine().explain(request | changes)["event"]  # type: ignore[arg-type]
    return found


def shape_of(body: object) -> shape.Shape:
    """The shape of a JSON body."""
    return shape.read(event(json.dumps(body))["shape_request"])


def _codes(text: str) -> set[str]:
    def code(character: str) -> str:  # noqa: PLR0911 (a class each)
        if not character.isascii():
            # Python's Unicode has other letters than the engine's, so both classes count as one here.
            return "u"
        if character.islower():
            return "a"
        if character.isupper():
            return "A"
        if character.isdigit():
            return "0"
        if character in " \t":
            return "s" if character == " " else "t"
        if character in "\r\n":
            return "n"
        return character if character.isprintable() else "c"

    return {code(character) for character in text}


def _characters(validator: Any, allowed: str, instance: object, schema: object) -> Any:
    if isinstance(instance, str) and _codes(instance) - set(allowed.replace("l", "u")):
        yield ValidationError(f"characters beyond {allowed!r}")


VALIDATOR = validators.extend(Draft202012Validator, {CHARACTERS: _characters})
"""JSON Schema 2020-12 as its Python implementation checks it, formats too, and `x-starfort-characters`."""


def is_valid(instance: object, schema: Any) -> bool:
    """Whether a value fits a schema, its formats included."""
    return bool(VALIDATOR(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(instance))


_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "open",
            "2024-02-29",
            "a@example.com",
            "5f0c1d7e-8a0b-4c1d-9e2f-3a4b5c6d7e8f",
            "https://example.com/x",
        ]
    ),
    st.dates().map(str),
    st.emails(),
    st.uuids().map(str),
)
_NAMES = st.one_of(st.sampled_from(["id", "name", "items", "a.b", "x"]), st.text(max_size=6))

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**62), 2**62),
        st.floats(allow_nan=False, allow_infinity=False),
        _TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAMES, inner, max_size=4)),
    max_leaves=12,
)
"""Values of JSON."""
