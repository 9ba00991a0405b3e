"""Mirrors Rust enums with one class for each variant."""

from __future__ import annotations

from typing import ClassVar


class Variant:
    """One variant of a Rust enum, written in serde's externally tagged form.

    A variant without fields is written as its tag, with unnamed fields as `{tag: value}` or
    `{tag: [values]}`, with named fields as `{tag: {name: value}}`. Source: serde.rs, "Enum
    representations". `__subclasses__` finds the variants, so they are made without `slots=True`, which would
    add each of them twice.
    """

    TAG: ClassVar[str]
    """Name of the variant in snake_case."""
    NAMED: ClassVar[bool] = False
    """Whether the Rust variant's fields have names."""
