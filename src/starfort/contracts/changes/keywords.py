"""Compares the keywords of two schemas that have plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from starfort.contracts.changes.model import Effect
from starfort.contracts.schemas import TYPES

_HIGHER: Final = {
    "maxLength": "max-length", "maximum": "max", "exclusiveMaximum": "exclusive-max", "maxItems": "max-items",
    "maxProperties": "max-properties", "maxContains": "max-contains",
}  # fmt: skip
_LOWER: Final = {
    "minLength": "min-length", "minimum": "min", "exclusiveMinimum": "exclusive-min", "minItems": "min-items",
    "minProperties": "min-properties", "minContains": "min-contains",
}  # fmt: skip
_WIDER_FORMATS: Final = {("int32", "int64"), ("float", "double"), ("date", "date-time")}


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change between two schemas.

    Attributes:
        action: what happened, without the unit: `max-length-decreased`, `property-removed`.
        effect: on the values that fit.
        path: the properties and items that lead there; `*` for items and for any property.
        text: a sentence about it.
        required: whether the property was, or is, required; for properties that come and go.
        has_default: whether the property has a default.
        read_only: whether it is only in answers, in both schemas.
        write_only: whether it is only in requests, in both schemas.
        deprecated: whether the property that went had been deprecated.
        in_all_of: whether it is in a part of `allOf`, where another part may say what changed here.
    """

    action: str
    effect: Effect
    path: tuple[str, ...] = ()
    text: str = ""
    required: bool = False
    has_default: bool = False
    read_only: bool = False
    write_only: bool = False
    deprecated: bool = False
    in_all_of: bool = False


def types(old: Any, new: Any) -> Iterator[SchemaChange]:
    """Type, format, and whether null fits."""
    before, after = _type_set(old), _type_set(new)
    null_before, null_after = _allows_null(old), _allows_null(new)
    if null_before != null_after:
        action, effect = ("became-nullable", "widens") if null_after else ("became-not-nullable", "narrows")
        yield SchemaChange(action, effect, text=f"null {'fits now' if null_after else 'fits no more'}")  # type: ignore[arg-type]
    first, second = before - {"null"}, after - {"null"}
    told = f"type went from {shown(old.get('type'))} to {shown(new.get('type'))}"
    if not first or not second:
        return
    lost, gained = _left_over(first, second), _left_over(second, first)
    if (lost or gained) and all(1 < len(one) < len(TYPES) - 1 for one in (first, second)):
        if lost:
            yield SchemaChange("list-of-types-narrowed", "narrows", text=told)
        if gained:
            yield SchemaChange("list-of-types-widened", "widens", text=told)
    elif lost or gained:
        way: Effect = "incomparable" if lost and gained else "narrows" if lost else "widens"
        yield SchemaChange("type", way, text=told)
    else:
        yield from _format(old.get("format"), new.get("format"))


def _format(before: object, after: object) -> Iterator[SchemaChange]:
    if before == after:
        return
    told = f"format went from {shown(before)} to {shown(after)}"
    if after is None or (before, after) in _WIDER_FORMATS:
        yield SchemaChange("format", "widens", text=told)
    elif before is None or (after, before) in _WIDER_FORMATS:
        yield SchemaChange("format", "narrows", text=told)
    else:
        yield SchemaChange("format", "incomparable", text=told)


def _type_set(schema: Any) -> frozenset[str]:
    found = schema.get("type")
    if found is None:
        return TYPES - {"integer"}  # a number may be whole
    return frozenset(found if isinstance(found, list) else [found])


def _allows_null(schema: Any) -> bool:
    """Whether null fits by type, or by being an alternative of its own."""
    if "type" in schema:
        return "null" in _type_set(schema)
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return {"type": "null"} in alternatives


def _left_over(some: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """The types of one set that the other does not allow."""
    left = some - others
    return left - {"integer"} if "number" in others else left


def values(old: Any, new: Any) -> Iterator[SchemaChange]:
    """Listed values and constants."""
    for key in ("enum", "x-extensible-enum"):
        word = key if key != "enum" else "enum"
        before, after = ([one for one in schema.get(key, ()) if one is not None] for schema in (old, new))
        if before and not after:
            yield SchemaChange(
                f"became-not-{word}", "widens", text="any value fits now, not only listed ones"
            )
        elif after and not before:
            yield SchemaChange(f"became-{word}", "narrows", text=f"only {shown(after)} fit now")
        for value in _missing(before, after) if before and after else ():
            yield SchemaChange(
                f"{word}-value-removed", "narrows", text=f"the value {shown(value)} was removed"
            )
        for value in _missing(after, before) if before and after else ():
            yield SchemaChange(f"{word}-value-added", "widens", text=f"the value {shown(value)} was added")
    if "const" in old and "const" in new and old["const"] != new["const"]:
        told = f"the constant went from {shown(old['const'])} to {shown(new['const'])}"
        yield SchemaChange("const-changed", "incomparable", text=told)
    elif "const" in old and "const" not in new:
        yield SchemaChange("const-removed", "widens", text=f"the constant {shown(old['const'])} was removed")
    elif "const" in new and "const" not in old:
        yield SchemaChange("const-added", "narrows", text=f"only {shown(new['const'])} fits now")


def _missing(some: list[Any], others: list[Any]) -> list[Any]:
    known = {json.dumps(one, sort_keys=True, default=str) for one in others}
    return [one for one in some if json.dumps(one, sort_keys=True, default=str) not in known]


def bounds(old: Any, new: Any) -> Iterator[SchemaChange]:
    """Lengths, sizes and magnitudes."""
    for words, lower_narrows in ((_HIGHER, True), (_LOWER, False)):
        for key, word in words.items():
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            told = f"{key} went from {shown(before)} to {shown(after)}"
            if before is None:
                yield SchemaChange(f"{word}-set", "narrows", text=told)
            elif after is None:
                yield SchemaChange(f"{word}-unset", "widens", text=told)
            else:
                decreased = after < before
                action = "decreased" if decreased else "increased"
                yield SchemaChange(
                    f"{word}-{action}", "narrows" if decreased == lower_narrows else "widens", text=told
                )
    yield from _set_or_changed(old, new, "multipleOf", "multiple-of")
    if old.get("uniqueItems", False) != new.get("uniqueItems", False):
        action, effect = ("set", "narrows") if new.get("uniqueItems") else ("unset", "widens")
        yield SchemaChange(f"unique-items-{action}", effect, text=f"uniqueItems was {action}")  # type: ignore[arg-type]


def _set_or_changed(old: Any, new: Any, key: str, word: str) -> Iterator[SchemaChange]:
    before, after = old.get(key), new.get(key)
    if before == after:
        return
    told = f"{key} went from {shown(before)} to {shown(after)}"
    if before is None or after is None:
        yield SchemaChange(
            f"{word}-{'set' if before is None else 'unset'}",
            "narrows" if before is None else "widens",
            text=told,
        )
    else:
        yield SchemaChange(f"{word}-changed", "incomparable", text=told)


def texts(old: Any, new: Any) -> Iterator[SchemaChange]:
    """Patterns, and what is in a text."""
    before, after = old.get("pattern") or None, new.get("pattern") or None
    if before != after:
        told = f"pattern went from {shown(before)} to {shown(after)}"
        if before is None:
            yield SchemaChange("pattern-added", "narrows", text=told)
        elif after is None:
            yield SchemaChange("pattern-removed", "widens", text=told)
        elif after in {".*", "^.*$"}:
            yield SchemaChange("pattern-generalized", "widens", text=told)
        else:
            # Whether one regular expression contains another is not decided here.
            yield SchemaChange("pattern-changed", "unknown", text=told)
    for key, word in (("contentMediaType", "content-media-type"), ("contentEncoding", "content-encoding")):
        if old.get(key) != new.get(key):
            told = f"{key} went from {shown(old.get(key))} to {shown(new.get(key))}"
            yield SchemaChange(f"{word}-changed", "incomparable", text=told)


def notes(old: Any, new: Any) -> Iterator[SchemaChange]:
    """Keywords that do not change what fits."""
    before, after = old.get("default"), new.get("default")
    if before != after:
        action = "added" if "default" not in old else "removed" if "default" not in new else "changed"
        told = f"default went from {shown(before)} to {shown(after)}"
        yield SchemaChange(f"default-value-{action}", "none", text=told)
    if old.get("deprecated", False) != new.get("deprecated", False):
        action = "deprecated" if new.get("deprecated") else "reactivated"
        yield SchemaChange(action, "none", text=f"it was {action}")
    for key, word in (("readOnly", "read-only"), ("writeOnly", "write-only")):
        if old.get(key, False) != new.get(key, False):
            became = f"became-{word}" if new.get(key) else f"became-not-{word}"
            yield SchemaChange(became, "none", text=f"it {became.replace('-', ' ')}")
    yield from _discriminator(old.get("discriminator"), new.get("discriminator"))


def _discriminator(before: Any, after: Any) -> Iterator[SchemaChange]:
    if (before is None) != (after is None):
        action = "added" if before is None else "removed"
        yield SchemaChange(f"discriminator-{action}", "none", text=f"the discriminator was {action}")
    elif before is not None and before != after:
        if before["propertyName"] != after["propertyName"]:
            told = f"the discriminator went from {before['propertyName']!r} to {after['propertyName']!r}"
            yield SchemaChange("discriminator-property-name-changed", "none", text=told)
        if before["mapping"] != after["mapping"]:
            yield SchemaChange(
                "discriminator-mapping-changed", "none", text="the discriminator's mapping changed"
            )


def dependent(name: str, before: Any, after: Any) -> SchemaChange:
    """A property that asks for others."""
    told = f"dependentRequired of {name!r} went from {shown(before)} to {shown(after)}"
    if before is None:
        return SchemaChange("dependent-required-added", "narrows", text=told)
    if after is None:
        return SchemaChange("dependent-required-removed", "widens", text=told)
    return SchemaChange("dependent-required-changed", "incomparable", text=told)


def shown(value: object) -> str:
    """A value as sentences have it, cut to a line."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 - fits into a line
