"""An operation of a contract as people read it: a line for each parameter and member, with what is known.

JSON Schema is for programs. An outline has the same facts as short words (`integer, 1 to 50, required`), in
the order in which a call is written: path, query, headers, cookies, body, answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from starfort.admin.models import OutlineLine, OutlineSection
from starfort.contracts.model import Media, Operation, Parameter, Schema

MAX_LINES: Final = 300
"""Lines of one section. A body with more is read in the exported document."""

MAX_DEPTH: Final = 12
"""How deep members are followed; references may go in circles."""

MAX_NAMED: Final = 6
"""Values of an enumeration that a line names."""

_PLACES: Final = (("path", "Path"), ("query", "Query"), ("header", "Headers"), ("cookie", "Cookies"))
_CLASSES: Final = {
    "a": "a-z",
    "A": "A-Z",
    "0": "0-9",
    "s": "spaces",
    "t": "tabs",
    "n": "line breaks",
    "l": "other letters",
}


def outline(operation: Operation, definitions: Mapping[str, Schema]) -> list[OutlineSection]:
    """The sections of one operation; a section without lines is left out.

    Args:
        operation: of a document, or learned.
        definitions: of its contract, to which its schemas refer.
    """
    found: list[OutlineSection] = []
    for place, title in _PLACES:
        lines = [_parameter(one, definitions) for one in operation.parameters if one.place == place]
        found.append(OutlineSection(title=title, lines=lines[:MAX_LINES], left_out=len(lines[MAX_LINES:])))
    bodies = operation.body.content if operation.body else ()
    found += [_section("Request", media, definitions) for media in bodies]
    for response in operation.responses:
        if not response.content:
            found.append(OutlineSection(title=f"Answer {response.status}", lines=[], left_out=0))
        found += [_section(f"Answer {response.status}", media, definitions) for media in response.content]
    return [section for section in found if section.lines or section.title.startswith("Answer")]


def _section(title: str, media: Media, definitions: Mapping[str, Schema]) -> OutlineSection:
    lines = list(_members("", media.schema, definitions, 0, False))
    return OutlineSection(
        title=f"{title}, {media.type}", lines=lines[:MAX_LINES], left_out=len(lines[MAX_LINES:])
    )


def _parameter(one: Parameter, definitions: Mapping[str, Schema]) -> OutlineLine:
    schema = _followed(one.schema, definitions)
    return OutlineLine(
        name=one.name, depth=0, kind=kind_of(schema), facts=facts_of(schema), required=one.required
    )


def _members(
    name: str, schema: Schema, definitions: Mapping[str, Schema], depth: int, required: bool
) -> Iterator[OutlineLine]:
    """The line of a value and those of what is in it; bounded by `MAX_DEPTH` and what the caller takes."""
    found = _followed(schema, definitions)
    if name or not isinstance(found, Mapping) or "properties" not in found:
        yield OutlineLine(
            name=name or "(body)", depth=depth, kind=kind_of(found), facts=facts_of(found), required=required
        )
        depth += 1
    if not isinstance(found, Mapping) or depth > MAX_DEPTH:
        return
    asked = found.get("required", ())
    properties = found.get("properties", {})
    for index, (key, member) in enumerate(properties.items()):
        if index >= MAX_LINES:
            return
        yield from _members(str(key), member, definitions, depth, key in asked)
    if isinstance(items := found.get("items"), Mapping | bool) and items is not False:
        yield from _members("[ ]", items, definitions, depth, False)
    if isinstance(more := found.get("additionalProperties"), Mapping):
        yield from _members("any other name", more, definitions, depth, False)


def _followed(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A schema behind its reference; a circle of references ends as it is."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, Mapping) or not isinstance(reference := schema.get("$ref"), str):
            break
        schema = definitions.get(reference.removeprefix("#/$defs/"), True)
    return schema


def kind_of(schema: Schema) -> str:
    """The type in words: `integer`, `string or null`, `uuid`, `anything`."""
    if not isinstance(schema, Mapping):
        return "anything" if schema else "nothing"
    for key in ("oneOf", "anyOf", "allOf"):
        if isinstance(schema.get(key), list) and "type" not in schema:
            kinds = dict.fromkeys(kind_of(one) for one in schema[key])
            return (" and " if key == "allOf" else " or ").join(kinds)
    types = schema.get("type")
    named = [types] if isinstance(types, str) else list(types or ())
    words = [str(schema["format"]) if one == "string" and "format" in schema else str(one) for one in named]
    return " or ".join(words) or ("object" if "properties" in schema else "anything")


def facts_of(schema: Schema) -> str:
    """What else is known of a value: its range, its length, its characters, its values."""
    if not isinstance(schema, Mapping):
        return ""
    found = [
        _range(schema, "minimum", "maximum", ""),
        _range(schema, "minLength", "maxLength", " characters"),
        _range(schema, "minItems", "maxItems", " items"),
    ]
    if isinstance(values := schema.get("enum"), list):
        named = ", ".join(map(str, values[:MAX_NAMED]))
        found.append(
            f"one of {named}" + (f" and {len(values) - MAX_NAMED} more" if len(values) > MAX_NAMED else "")
        )
    if isinstance(hashes := schema.get("x-starfort-hashes"), list):
        known = "always one value, known by its hash"
        found.append(known if len(hashes) == 1 else f"one of {len(hashes)} values, known by their hashes")
    if isinstance(characters := schema.get("x-starfort-characters"), str):
        found.append("only " + ", ".join(_CLASSES.get(one, one) for one in characters))
    if isinstance(pattern := schema.get("pattern"), str):
        found.append(f"like {pattern[:60]}")
    return "; ".join(filter(None, found))


def _range(schema: Mapping[str, object], least: str, most: str, unit: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low is None and high is None:
        return ""
    if unit and (low if high is None else high) == 1:
        unit = unit.removesuffix("s")
    if low == high:
        return f"{low}{unit}"
    if high is None:
        return f"at least {low}{unit}"
    return f"up to {high}{unit}" if low is None else f"{low} to {high}{unit}"
