"""Compares two schemas, independent of where they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from starfort.contracts.changes import keywords
from starfort.contracts.changes.keywords import SchemaChange
from starfort.contracts.changes.model import Effect
from starfort.contracts.model import Schema

MAX_CHANGES: Final = 2000
"""How many changes of one pair of schemas are kept at most."""

MAX_DEPTH: Final = 60
"""How many levels are compared."""

MAX_PAIRED: Final = 20
"""Of how many subschemas each is compared with each, to see which belong together."""

_WHOLE: Final = {
    "if": "if", "then": "then", "else": "else", "contains": "contains", "propertyNames": "property-names",
    "unevaluatedItems": "unevaluated-items", "unevaluatedProperties": "unevaluated-properties",
    "contentSchema": "content-schema", "not": "not", "additionalProperties": "additional-properties",
}  # fmt: skip
"""Keywords with a schema that only restricts: one that appears narrows, one that goes widens."""

_NAMED: Final = {"patternProperties": "pattern-property", "dependentSchemas": "dependent-schema"}

_ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "deprecated", "readOnly", "writeOnly", "format", "discriminator"}
)
"""Keywords that do not decide which values fit."""


class SchemaComparison:
    """Compares schemas of two contracts. Definitions are compared once each.

    Args:
        old: definitions of the older contract.
        new: definitions of the newer contract.
    """

    def __init__(self, old: Mapping[str, Schema], new: Mapping[str, Schema]) -> None:
        self._old = old
        self._new = new
        self._known: dict[tuple[str, str], tuple[SchemaChange, ...]] = {}

    def changes(self, old: Schema, new: Schema, depth: int = 0) -> tuple[SchemaChange, ...]:
        """Every change from one schema to the other, at most `MAX_CHANGES`."""
        if depth > MAX_DEPTH:
            return ()
        key = (_name(old), _name(new))
        if all(key) and _is_only_reference(old) and _is_only_reference(new):
            if key not in self._known:
                self._known[key] = ()  # a schema within itself has the changes that it has once
                resolved = _resolved(old, self._old), _resolved(new, self._new)
                self._known[key] = tuple(self._compare(*resolved, depth))[:MAX_CHANGES]
            return self._known[key]
        if old == new and not _refers(old):
            return ()
        return tuple(self._compare(_resolved(old, self._old), _resolved(new, self._new), depth))[:MAX_CHANGES]

    def _compare(self, old: Schema, new: Schema, depth: int) -> Iterator[SchemaChange]:
        if isinstance(old, bool) or isinstance(new, bool):
            if old is False and new is not False:
                yield SchemaChange("schema-became-not-false", "widens", text="something fits now")
            elif new is False and old is not False:
                yield SchemaChange("schema-became-false", "narrows", text="nothing fits any more")
            if old is False or new is False:
                return
            old, new = ({} if isinstance(one, bool) else one for one in (old, new))
        old, new = _unwrapped(old, self._old), _unwrapped(new, self._new)
        if (wrapped := self._wrapped(old, new, depth)) is not None:
            yield wrapped
            return
        yield from keywords.types(old, new)
        yield from keywords.values(old, new)
        yield from keywords.bounds(old, new)
        yield from keywords.texts(old, new)
        yield from self._properties(old, new, depth)
        yield from self._items(old, new, depth)
        yield from self._composed(old, new, depth)
        yield from self._whole(old, new, depth)
        yield from keywords.notes(old, new)

    def _below(self, old: Schema, new: Schema, step: str, depth: int) -> Iterator[SchemaChange]:
        read_only = all(_has(one, "readOnly") for one in (old, new))
        write_only = all(_has(one, "writeOnly") for one in (old, new))
        for change in self.changes(old, new, depth + 1):
            yield replace(
                change,
                path=(step, *change.path),
                read_only=change.read_only or read_only,
                write_only=change.write_only or write_only,
            )

    def _properties(self, old: Any, new: Any, depth: int) -> Iterator[SchemaChange]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() | after.keys():
            if name not in after:
                yield self._one("removed", before[name], self._old, name, name in needed)
            elif name not in before:
                yield self._one("added", after[name], self._new, name, name in needs)
            else:
                yield from self._below(before[name], after[name], name, depth)
                if (name in needed) != (name in needs):
                    yield self._requiredness(before[name], after[name], name, required=name in needs)
        for name in sorted((needs - needed) - after.keys()):
            text = f"{name!r} became required"
            yield SchemaChange("required-undescribed", "narrows", (name,), text, required=True)

    def _one(
        self, what: str, schema: Schema, definitions: Mapping[str, Schema], name: str, required: bool
    ) -> SchemaChange:
        found = _resolved(schema, definitions)
        return SchemaChange(
            f"property-{what}",
            "none",
            (name,),
            f"the property was {what}",
            required,
            isinstance(found, Mapping) and "default" in found,
            _has(found, "readOnly"),
            _has(found, "writeOnly"),
            _has(found, "deprecated"),
        )

    def _requiredness(self, old: Schema, new: Schema, name: str, *, required: bool) -> SchemaChange:
        found, before = _resolved(new, self._new), _resolved(old, self._old)
        action, effect = ("became-required", "narrows") if required else ("became-optional", "widens")
        return SchemaChange(
            f"property-{action}",
            effect,  # type: ignore[arg-type]
            (name,),
            f"the property {action.replace('-', ' ')}",
            has_default=isinstance(found, Mapping) and "default" in found,
            read_only=_has(found, "readOnly") and _has(before, "readOnly"),
            write_only=_has(found, "writeOnly") and _has(before, "writeOnly"),
        )

    def _items(self, old: Any, new: Any, depth: int) -> Iterator[SchemaChange]:
        if "items" in old or "items" in new:
            yield from self._below(old.get("items", True), new.get("items", True), "*", depth)
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from self._below(one, other, str(number), depth)
        if len(before) != len(after):
            action = "added" if len(after) > len(before) else "removed"
            text = f"prefixItems went from {len(before)} to {len(after)}"
            yield SchemaChange(f"prefix-items-{action}", "unknown", text=text)

    def _composed(self, old: Any, new: Any, depth: int) -> Iterator[SchemaChange]:
        if "discriminator" in old or "discriminator" in new:
            # One alternative counts, whichever of the two keywords a document has.
            old, new = (
                {**one, "oneOf": [*one.get("oneOf", ()), *one.get("anyOf", ())], "anyOf": []}
                for one in (old, new)
            )
        for key, word in (("allOf", "all-of"), ("anyOf", "any-of"), ("oneOf", "one-of")):
            is_all = key == "allOf"
            pairs, gone, come = self._paired(list(old.get(key, ())), list(new.get(key, ())), depth)
            for one, other in pairs:
                for change in self.changes(one, other, depth + 1):
                    yield replace(change, in_all_of=change.in_all_of or is_all)
            for one in gone:
                yield _part(f"{word}-removed", one, self._old, is_all=is_all, widens=is_all)
            for one in come:
                yield _part(f"{word}-added", one, self._new, is_all=is_all, widens=not is_all)

    def _wrapped(self, old: Any, new: Any, depth: int) -> SchemaChange | None:
        """The change of a schema that became one of several alternatives; `None` when it did not."""
        alternatives = new.get("oneOf") or new.get("anyOf")
        plain = {"type", "properties"}
        if not alternatives or plain & new.keys() or not plain & old.keys():
            return None
        if any(key in old for key in ("oneOf", "anyOf", "allOf")):
            return None
        kept = any(not self.changes(old, one, depth + 1) for one in alternatives)
        word = "wrapped-in-one-of" if "oneOf" in new else "wrapped-in-any-of"
        text = f"it became one of {len(alternatives)} alternatives"
        if kept:
            return SchemaChange(f"{word}-original-preserved", "unknown", text=text)
        return SchemaChange(word, "incomparable", text=text)

    def _paired(
        self, before: list[Any], after: list[Any], depth: int
    ) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
        """Subschemas that belong together, and those that are only on one side.

        The same reference or title belongs together, then what says the same; what is left is paired in order
        when both sides have as many left.
        """
        pairs: list[tuple[Any, Any]] = []
        tests: list[Callable[[Any, Any], bool]] = [
            lambda one, other: bool(one == other),
            lambda one, other: _label(one) == _label(other) != "a schema",
        ]
        if max(len(before), len(after)) <= MAX_PAIRED:
            tests.append(lambda one, other: not self.changes(one, other, depth + 1))
        for same in tests:
            for one in list(before):
                other = next((each for each in after if same(one, each)), None)
                if other is not None:
                    before.remove(one)
                    after.remove(other)
                    pairs.append((one, other))
        if len(before) == len(after) and not any(_name(one) for one in [*before, *after]):
            return [*pairs, *zip(before, after, strict=True)], [], []
        return pairs, before, after

    def _whole(self, old: Any, new: Any, depth: int) -> Iterator[SchemaChange]:
        for key, word in _WHOLE.items():
            before, after = old.get(key, True), new.get(key, True)
            if before == after and not _refers(before):
                continue
            if before is True or before == {}:
                yield SchemaChange(f"{word}-added", "narrows", text=f"{key} was added")
            elif after is True or after == {}:
                yield SchemaChange(f"{word}-removed", "widens", text=f"{key} was removed")
            elif key not in {"if", "not"}:
                yield from self._below(before, after, "*" if key == "additionalProperties" else key, depth)
            elif self.changes(before, after, depth + 1):
                # What is narrower here may make the whole wider.
                yield SchemaChange(f"{word}-changed", "unknown", text=f"{key} was changed")
        yield from self._named(old, new, depth)

    def _named(self, old: Any, new: Any, depth: int) -> Iterator[SchemaChange]:
        for key, word in _NAMED.items():
            before, after = old.get(key, {}), new.get(key, {})
            for name in sorted(before.keys() | after.keys()):
                if name not in before:
                    yield SchemaChange(f"{word}-added", "narrows", text=f"{key} has {name!r} now")
                elif name not in after:
                    yield SchemaChange(f"{word}-removed", "widens", text=f"{key} has no {name!r} any more")
                else:
                    yield from self._below(before[name], after[name], "*", depth)
        before, after = old.get("dependentRequired", {}), new.get("dependentRequired", {})
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield keywords.dependent(name, before.get(name), after.get(name))


# ------------------------------------------------------------------ helpers


def _name(schema: Schema) -> str:
    """The name of the definition that a schema refers to, or ""."""
    return "" if isinstance(schema, bool) else str(schema.get("$ref", "")).removeprefix("#/$defs/")


def _is_only_reference(schema: Schema) -> bool:
    return isinstance(schema, Mapping) and len(schema) == 1


def _refers(part: object) -> bool:
    """Whether a part has a reference anywhere; equal texts may then mean different things."""
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if "$ref" in one:
                return True
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
    return False


def _resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A schema with its reference followed; what stands beside a reference counts first."""
    beside: dict[str, Any] = {}
    for _ in range(MAX_DEPTH):
        if isinstance(schema, bool):
            return beside or schema
        beside = {**schema, **beside}
        name = _name(schema)
        if not name:
            break
        schema = definitions.get(name, True)
    beside.pop("$ref", None)
    return beside


def _has(schema: Schema, key: str) -> bool:
    return isinstance(schema, Mapping) and schema.get(key) is True


def _part(
    action: str, part: Schema, definitions: Mapping[str, Schema], *, is_all: bool, widens: bool
) -> SchemaChange:
    """The change of a subschema that came or went."""
    found = _resolved(part, definitions)
    if is_all and (isinstance(found, bool) or not found.keys() - _ANNOTATIONS):
        return SchemaChange(
            f"{action}-annotation-only", "none", text=f"{_label(part)} says nothing about values"
        )
    effect: Effect = "widens" if widens else "narrows"
    return SchemaChange(action, effect, text=f"{_label(part)}", in_all_of=is_all and widens)


def _unwrapped(schema: Any, definitions: Mapping[str, Schema]) -> Any:
    """A schema beside which null is an alternative, as the one schema with null among its types."""
    for key in ("oneOf", "anyOf"):
        alternatives = schema.get(key, ())
        others = [one for one in alternatives if one != {"type": "null"}]
        if len(others) == 1 and len(alternatives) == 2 and not schema.keys() - {key} - _ANNOTATIONS:  # noqa: PLR2004
            found = _resolved(others[0], definitions)
            if isinstance(found, bool) or "type" not in found:
                return schema
            types = found["type"] if isinstance(found["type"], list) else [found["type"]]
            beside = {name: value for name, value in schema.items() if name != key}
            return {**found, **beside, "type": [*types, "null"]}
    return schema


def _label(schema: Schema) -> str:
    """What a subschema is called."""
    if isinstance(schema, bool):
        return "a schema"
    return _name(schema) or str(schema.get("title") or "a schema")
