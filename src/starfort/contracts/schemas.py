"""Translates the schemas of documents into JSON Schema 2020-12.

Three dialects come in: Swagger 2 and OpenAPI 3.0, which are subsets of drafts 4 and 5 with words of their
own, and OpenAPI 3.1 and 3.2, which are JSON Schema 2020-12. Where documents in use and the text of the
specification differ, what more values fit is taken, because a contract must not refuse what an API accepts:

- `nullable` allows null beside `$ref`, `allOf` and `enum` too, although OpenAPI 3.0.4 says that it does not.
- `oneOf` with a `discriminator` is `anyOf`: its alternatives often differ in nothing but the value of that
  property, so that a value fits several.
- A keyword with a value that it cannot have (`type: int`, `maxLength: "5"`) is left out, and a warning tells.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from starfort.contracts.files import JsonObject
from starfort.contracts.model import Schema
from starfort.contracts.resolver import MAX_CHAIN, At, Notes, Resolver, UnresolvedError

Dialect = Literal["2.0", "3.0", "3.1"]
"""Of schemas: that of Swagger 2, of OpenAPI 3.0, and of OpenAPI 3.1 and 3.2."""

MAX_DEPTH: Final = 120
"""How many levels of one schema are read; what is below may be anything. Python's stack ends at some 300."""

MAX_TEXT: Final = 2000
"""Characters of a description that are kept; some hold whole manuals."""

TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})

_ONE: Final = frozenset(
    {
        "additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties", "contentSchema",
    }
)  # fmt: skip
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_COUNTS: Final = frozenset(
    {
        "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties", "maxContains",
        "minContains",
    }
)  # fmt: skip
_NUMBERS: Final = frozenset({"minimum", "maximum", "multipleOf"})
_BOUNDS: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_TRUTHS: Final = frozenset({"uniqueItems", "readOnly", "writeOnly", "deprecated"})
_TEXTS: Final = frozenset(
    {"pattern", "format", "contentMediaType", "contentEncoding", "title", "x-sunset", "x-stability-level"}
)
_NEWER: Final = frozenset(
    {
        "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
        "contentSchema", "prefixItems", "dependentSchemas", "dependentRequired", "const", "maxContains",
        "minContains",
    }
)  # fmt: skip
"""Keywords that OpenAPI 3.0 does not have, so that they mean nothing there. It has no `patternProperties`
either, but that one is read: beside `additionalProperties: false` it allows more."""

_APPLICATORS: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
"""Keywords whose schemas judge the same value."""

_ANNOTATIONS: Final[tuple[str, ...]] = (
    "readOnly",
    "writeOnly",
    "deprecated",
    "title",
    "description",
    "default",
)


class Schemas:
    """Translates the schemas of one document.

    Attributes:
        definitions: the schemas that others refer to, complete after `finish`.
    """

    def __init__(self, resolver: Resolver, dialect: Dialect, notes: Notes) -> None:
        self.definitions: dict[str, Schema] = {}
        self._resolver = resolver
        self._dialect = dialect
        self._notes = notes
        self._names: dict[tuple[object, ...], str] = {}
        self._waiting: list[tuple[str, Any, At]] = []

    def read(self, node: object, at: At) -> Schema:
        """Translate a schema.

        Args:
            node: the schema as the document has it.
            at: where it stands.
        """
        made = self._schema(node, at, 0)
        return True if made == {} else made

    def finish(self) -> None:
        """Translate all schemas that were referred to, and those that they refer to."""
        while self._waiting:
            name, node, at = self._waiting.pop()
            self.definitions[name] = self._schema(node, at, 0)
        for name in _cut_loops(self.definitions):
            what = f"the schema {name!r} is defined by itself alone, so anything fits it"
            self._notes.warning(self._place(name), "loop", what, "let its reference lead to a property")

    def _place(self, name: str) -> At:
        file, location = next(key for key, known in self._names.items() if known == name)
        return At(file, location)  # type: ignore[arg-type]

    def _schema(self, node: object, at: At, depth: int) -> Schema:
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict) or depth > MAX_DEPTH:
            self._doubt(at, "a schema must be a mapping" if depth <= MAX_DEPTH else "is nested too deeply")
            return True
        if isinstance(node.get("$id"), str) and at.location and self._dialect == "3.1":
            at = At(at.file, at.location, at.location)
        made = self._keywords(node, at, depth)
        if self._dialect == "3.1" and "$dynamicRef" in node and "$ref" not in node:
            node = {**node, "$ref": node["$dynamicRef"]}
        if isinstance(node.get("$ref"), str):
            return self._referring(node, made, at)
        if node.get("nullable") is True or node.get("x-nullable") is True:
            return _nullable(made)
        return made

    def _referring(self, node: JsonObject, made: dict[str, Any], at: At) -> Schema:
        name = self._name(node["$ref"], at.below("$ref"))
        target: Schema = True if name is None else {"$ref": f"#/$defs/{name}"}
        # Before OpenAPI 3.1 what stands beside a reference is ignored (3.0.3, Reference Object).
        beside = {} if self._dialect != "3.1" else made
        if node.get("nullable") is True or node.get("x-nullable") is True:
            return {"anyOf": [target, {"type": "null"}], **beside}
        if name is None:
            return beside or True
        assert isinstance(target, Mapping)  # noqa: S101 - tells mypy what the line above decided
        return {**target, **beside}

    def _name(self, reference: str, at: At) -> str | None:
        """The name of the definition that a reference leads to; it is translated later."""
        seen: set[tuple[object, ...]] = set()
        for _ in range(MAX_CHAIN):
            try:
                node, found = self._resolver.follow(reference, at)
            except UnresolvedError as problem:
                self._notes.warning(at, "reference", problem.what, problem.fix)
                return None
            key = (found.file, found.location)
            if key in self._names:
                return self._names[key]
            further = node.get("$ref") if isinstance(node, dict) else None
            if not isinstance(further, str) or not self._is_only_reference(node):
                return self._add(key, node, found)
            if key in seen:
                break
            seen.add(key)
            reference, at = further, found.below("$ref")
        self._notes.warning(at, "reference", f"{reference!r} leads in a circle, so nothing is known here")
        return None

    def _is_only_reference(self, node: JsonObject) -> bool:
        return len(node) == 1 or (self._dialect != "3.1" and node.get("nullable") is not True)

    def _add(self, key: tuple[object, ...], node: object, at: At) -> str:
        last = str(at.location[-1]) if at.location else at.file.stem
        name = plain = re.sub(r"[^A-Za-z0-9._-]", "_", last)[:100] or "schema"
        number = 2
        while name in self.definitions:
            name, number = f"{plain}_{number}", number + 1
        self.definitions[name] = True  # taken, until `finish` has its turn
        self._names[key] = name
        self._waiting.append((name, node, at))
        return name

    def _keywords(self, node: JsonObject, at: At, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.items():
            if self._dialect != "3.1" and key in _NEWER:
                continue
            if key in _ONE:
                self._one(made, key, value, at, depth)
            elif key in _LISTS:
                if isinstance(value, list) and value:
                    made[key] = [
                        self._schema(one, at.below(key, n), depth + 1) for n, one in enumerate(value)
                    ]
                else:
                    self._doubt(at.below(key), f"{key} must be a list of schemas")
            elif key in _MAPS:
                if isinstance(value, dict):
                    made[key] = {
                        str(name): self._schema(one, at.below(key, name), depth + 1)
                        for name, one in value.items()
                    }
                else:
                    self._doubt(at.below(key), f"{key} must be a mapping of schemas")
            elif (reader := _READERS.get(key)) is not None:
                problem = reader(made, key, value)
                if problem:
                    self._doubt(at.below(key), problem)
        self._older(made, node, at, depth)
        _exclusive(made, node)
        self._discriminator(made, node.get("discriminator"), at)
        return made

    def _one(self, made: dict[str, Any], key: str, value: object, at: At, depth: int) -> None:
        if key == "items" and isinstance(value, list):
            # Until draft 2019-09 a list of items was what `prefixItems` is now.
            made["prefixItems"] = [
                self._schema(one, at.below(key, n), depth + 1) for n, one in enumerate(value)
            ]
        else:
            made[key] = self._schema(value, at.below(key), depth + 1)

    def _older(self, made: dict[str, Any], node: JsonObject, at: At, depth: int) -> None:
        """Keywords of drafts before 2020-12, which documents of OpenAPI 3.1 have at times."""
        if self._dialect != "3.1":
            return
        if isinstance(node.get("items"), list):
            made.pop("items", None)
            if not made["prefixItems"]:
                del made["prefixItems"]
            if "additionalItems" in node:
                made["items"] = self._schema(node["additionalItems"], at.below("additionalItems"), depth + 1)
        dependencies = node.get("dependencies")
        for name, value in dependencies.items() if isinstance(dependencies, dict) else ():
            if isinstance(value, list):
                made.setdefault("dependentRequired", {})[name] = list(map(str, value))
            else:
                schema = self._schema(value, at.below("dependencies", name), depth + 1)
                made.setdefault("dependentSchemas", {})[name] = schema

    def _discriminator(self, made: dict[str, Any], value: object, at: At) -> None:
        if isinstance(value, str):  # Swagger 2
            value = {"propertyName": value}
        if not isinstance(value, dict) or not isinstance(value.get("propertyName"), str):
            return
        mapping: dict[str, str] = {}
        for one in [*made.get("oneOf", ()), *made.get("anyOf", ())]:
            if isinstance(one, dict) and str(one.get("$ref", "")).startswith("#/$defs/"):
                mapping[one["$ref"].removeprefix("#/$defs/")] = one["$ref"]
        written = value.get("mapping")
        for name, reference in written.items() if isinstance(written, dict) else ():
            if isinstance(reference, str) and (known := self._mapped(reference, at)) is not None:
                mapping[str(name)] = f"#/$defs/{known}"
        made["discriminator"] = {"propertyName": value["propertyName"], "mapping": mapping}
        if "oneOf" in made and "anyOf" not in made:
            made["anyOf"] = made.pop("oneOf")

    def _mapped(self, reference: str, at: At) -> str | None:
        at = at.below("discriminator", "mapping")
        # A value may be the name of a schema too (OpenAPI 3.0.3, Discriminator Object).
        if re.fullmatch(r"[A-Za-z0-9._-]+", reference):
            section = "#/definitions/" if self._dialect == "2.0" else "#/components/schemas/"
            try:
                self._resolver.follow(section + reference, at)
            except UnresolvedError:
                pass
            else:
                reference = section + reference
        return self._name(reference, at)

    def _doubt(self, at: At, what: str) -> None:
        self._notes.warning(at, "schema", f"{what}; this part is not read")


# ------------------------------------------------------------------ keywords with plain values

_GREATEST: Final = sys.float_info.max
"""The greatest number. Nothing that an API takes is beyond it, and many readers of JSON refuse what is."""

_MOST: Final = 2**63 - 1
"""The greatest count. No value has so many characters, items or members."""

_Reader = Callable[[dict[str, Any], str, Any], str]
"""Puts a keyword into a schema; says what is wrong when it cannot, else ""."""


def _count(made: dict[str, Any], key: str, value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return f"{key} must be a whole number from 0"
    made[key] = min(value, _MOST)
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _GREATEST


def _has_only_numbers(value: object) -> bool:
    """Whether every number of a value is one that the engine's reader of JSON takes."""
    open_values = [value]
    while open_values:
        one = open_values.pop()
        if isinstance(one, (dict, list)):
            open_values += one.values() if isinstance(one, dict) else one
        elif isinstance(one, (int, float)) and not abs(one) <= _GREATEST:
            return False
    return True


def _number(made: dict[str, Any], key: str, value: Any) -> str:
    if not _is_number(value) or (key == "multipleOf" and value <= 0):
        return f"{key} must be a number" + (" above 0" if key == "multipleOf" else "")
    made[key] = value
    return ""


def _bound(made: dict[str, Any], key: str, value: Any) -> str:
    if isinstance(value, bool):
        return ""  # OpenAPI 3.0, see `_exclusive`
    return _number(made, key, value)


def _exclusive(made: dict[str, Any], node: JsonObject) -> None:
    """`exclusiveMinimum: true` (draft 4) makes the minimum itself exclusive."""
    for key, bound in _BOUNDS.items():
        if node.get(key) is True and bound in made:
            made[key] = made.pop(bound)


def _truth(made: dict[str, Any], key: str, value: Any) -> str:
    if not isinstance(value, bool):
        return f"{key} must be true or false"
    if value:
        made[key] = True
    return ""


def _text(made: dict[str, Any], key: str, value: Any) -> str:
    if not isinstance(value, str):
        return f"{key} must be text"
    made[key] = value[:MAX_TEXT] if key in {"title", "description"} else value
    return ""


def _type(made: dict[str, Any], key: str, value: Any) -> str:
    written = value if isinstance(value, list) else [value]
    known = [one for one in written if isinstance(one, str) and one in TYPES]
    if known and len(known) == len(written):
        made[key] = known[0] if len(known) == 1 else list(dict.fromkeys(known))
        return ""
    # `file` is Swagger's word for bytes.
    return "" if written in (["file"], ["any"]) else f"{str(value)[:40]!r} is no type"


def _required(made: dict[str, Any], key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "" if not value else "required must be a list of names beside properties"
    if not isinstance(value, list):
        return "required must be a list of names"
    names = list(dict.fromkeys(map(str, value)))
    if names:
        made[key] = names
    return ""


def _enum(made: dict[str, Any], key: str, value: Any) -> str:
    if not isinstance(value, list) or not value:
        return f"{key} must be a list of values"
    if not _has_only_numbers(value):
        return f"{key} has a number beyond those of 64-bit floats"
    made[key] = value
    return ""


def _value(made: dict[str, Any], key: str, value: Any) -> str:
    if not _has_only_numbers(value):
        return f"{key} has a number beyond those of 64-bit floats"
    made[key] = value
    return ""


def _dependent(made: dict[str, Any], key: str, value: Any) -> str:
    if not isinstance(value, dict) or not all(isinstance(one, list) for one in value.values()):
        return f"{key} must be a mapping of lists of names"
    made[key] = {name: [str(one) for one in names] for name, names in value.items()}
    return ""


_READERS: Final[dict[str, _Reader]] = {
    **dict.fromkeys(_COUNTS, _count),
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_BOUNDS, _bound),
    **dict.fromkeys(_TRUTHS, _truth),
    **dict.fromkeys(_TEXTS, _text),
    "description": _text,
    "type": _type,
    "required": _required,
    "enum": _enum,
    "const": _value,
    "default": _value,
    "x-extensible-enum": _enum,
    "dependentRequired": _dependent,
}


def _nullable(made: dict[str, Any]) -> dict[str, Any]:
    """A schema that null fits too."""
    if not _APPLICATORS.isdisjoint(made):
        outer = {key: made[key] for key in _ANNOTATIONS if key in made}
        return {"anyOf": [made, {"type": "null"}], **outer}
    types = made.get("type")
    if types is not None:
        listed = types if isinstance(types, list) else [types]
        made["type"] = listed if "null" in listed else [*listed, "null"]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    if "const" in made and made["const"] is not None:
        made["enum"] = [made.pop("const"), None]
    return made


# ------------------------------------------------------------------ definitions that consist of themselves


def in_place(schema: Schema) -> Iterator[dict[str, Any]]:
    """The schemas within one that judge the same value, itself included, references not followed."""
    waiting: list[Any] = [schema]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        yield one
        for key in ("allOf", "anyOf", "oneOf"):
            waiting += one.get(key, ())
        waiting += [one[key] for key in ("not", "if", "then", "else") if key in one]
        waiting += one.get("dependentSchemas", {}).values()


def _cut_loops(definitions: Mapping[str, Schema]) -> list[str]:
    """Remove the references by which definitions consist of themselves; a validator would never end.

    Returns:
        The definitions where such a reference stood.
    """
    done: set[str] = set()
    cut: list[str] = []
    for start in definitions:
        path: list[tuple[str, Iterator[dict[str, Any]]]] = []
        on_path: set[str] = set()
        if start not in done:
            path.append((start, in_place(definitions[start])))
            on_path.add(start)
        while path:
            name, parts = path[-1]
            part = next(parts, None)
            if part is None:
                path.pop()
                on_path.discard(name)
                done.add(name)
                continue
            target = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if target in on_path:
                del part["$ref"]
                cut.append(name)
            elif target and target not in done and target in definitions:
                path.append((target, in_place(definitions[target])))
                on_path.add(target)
    return cut
