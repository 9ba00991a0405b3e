"""Finds the fields in which people write: by what an API's document says, and otherwise by their names.

Rules of the Core Rule Set treat every value as if it were a parameter of a program. In these fields, the
engine weighs their matches by grammar (`crates/engine/src/rules/weigh`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from starfort import bundle
from starfort.bundle import ContentKind
from starfort.config.rules import Rules
from starfort.contracts.files import JsonObject
from starfort.contracts.model import Operation, Schema

MAX_FIELDS: Final = 200
"""How many fields of one operation are kept at most."""

MAX_DEPTH: Final = 8
"""How many levels of objects, and how many references from one schema to the next, are followed."""

MAX_SCHEMAS: Final = 2000
"""How many schemas are read for one operation at most."""

SHORT: Final = 40
"""A string of at most this many characters is a name or an identifier, whatever the field is called."""

_MEDIA: Final = {
    "text/html": "html", "application/xhtml+xml": "html", "text/markdown": "markdown",
    "text/x-markdown": "markdown", "text/plain": "prose", "application/sql": "query", "text/x-sql": "query",
    "application/javascript": "code", "text/javascript": "code", "text/css": "code", "text/x-python": "code",
    "application/yaml": "code",
}  # fmt: skip
"""Kind of content by `contentMediaType` (JSON Schema Validation 2020-12, 8.4)."""

_FORMATS: Final = {
    "html": "html", "richtext": "html", "rich-text": "html", "markdown": "markdown", "md": "markdown",
    "commonmark": "markdown", "multiline": "prose", "textarea": "prose", "text": "prose", "regex": "pattern",
    "code": "code", "sql": "query", "string": "",
}  # fmt: skip
"""Kind of content by `format`: the formats in use for text, and JSON Schema's `regex`. With any other format,
a value has a fixed form."""

_SAID: Final = (
    ("pattern", r"\bregular expressions?\b|\bregex(?:p|es)?\b"),
    ("query", r"\b(?:the|an?|raw|native) sql (?:query|statement)\b"),
    ("markdown", r"\bmarkdown\b"),
    (
        "html",
        (
            r"\b(?:in|as|supports?|accepts?|contains?|may contain|formatted (?:as|in)|the) html\b"
            r"|\bhtml (?:content|body|text|formatted|markup|is (?:allowed|supported))\b"
        ),
    ),
    ("code", r"\b(?:source code|code snippet)\b"),
    (
        "prose",
        (
            r"\bfree[- ]?(?:form )?text\b|\bfree[- ]form\b|\bhuman[- ]readable (?:description|text|message)\b"
            r"|\b(?:comment|message|description|note)s? (?:text|body)\b"
            r"|\btext of (?:the|a) (?:comment|message|note|review|post|question|answer)\b"
        ),
    ),
)
"""Kind of content by words in descriptions. The most specific kind is tried first."""

_ANY_SAID: Final = re.compile("|".join(pattern for _, pattern in _SAID))


@cache
def dictionary() -> tuple[tuple[str, ContentKind], ...]:
    """Names of fields and what such fields hold, as `content_fields.txt` lists them."""
    text = resources.files("starfort.compile").joinpath("content_fields.txt").read_text(encoding="utf-8")
    found: dict[str, ContentKind] = {}
    for line in text.splitlines():
        kind, _, names = line.partition("#")[0].partition(":")
        if names:
            found.update(dict.fromkeys(names.split(), ContentKind(kind.strip())))
    return tuple(sorted(found.items()))


@cache
def _names() -> frozenset[str]:
    return frozenset(name for name, _ in dictionary())


def to_bundle(rules: Rules) -> bundle.Content:
    """What the engine knows about fields by their names.

    Args:
        rules: the section of the configuration; its own names come before those of the dictionary.
    """
    if not rules.weigh_content:
        return bundle.Content()
    names = dict(dictionary())
    for name, kind in rules.content_fields.items():
        key = name.lower()
        # In the engine, an entry of the dictionary for the exact name would win, so it is removed.
        names.pop(f"={key.removeprefix('=')}", None)
        names[key] = kind_of(kind)
    return bundle.Content(weigh=True, names=tuple(sorted(names.items())))


def kind_of(configured: str) -> ContentKind:
    """The bundle's word for a kind as people write it: `none` is `other` there."""
    return ContentKind.OTHER if configured == "none" else ContentKind(configured)


def configured(fields: Mapping[str, str]) -> dict[str, ContentKind]:
    """Fields as the bundle has them: paths in lower case, without the prefix `json.`."""
    return {name.lower().removeprefix("json."): kind_of(kind) for name, kind in fields.items()}


def fields_of(operation: Operation, definitions: Mapping[str, Schema]) -> tuple[tuple[str, ContentKind], ...]:
    """What an operation's document says about its fields, where it says something.

    A string is content when it may be anything, and format, media type or description calls it text. A string
    that must be short, of a list or of a fixed form is no content, whatever its name is.

    Args:
        operation: the operation.
        definitions: the schemas that its schemas refer to.

    Returns:
        Paths of fields (`issue.body`) and their kinds (`other` for no content).
    """
    walk = _Walk(definitions)
    for parameter in operation.parameters:
        if parameter.place == "query":
            walk.schema(parameter.name, walk.resolved(parameter.schema), 0)
    for media in operation.body.content if operation.body else ():
        walk.schema("", walk.resolved(media.schema), 0)
    return tuple(sorted(walk.found.items()))[:MAX_FIELDS]


class _Walk:
    """The schemas of one operation."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions
        self.found: dict[str, ContentKind] = {}
        self.left = MAX_SCHEMAS

    def resolved(self, part: object) -> JsonObject:
        """A schema with its references followed; what stands beside a reference counts first."""
        beside: JsonObject = {}
        for _ in range(MAX_DEPTH):
            if not isinstance(part, Mapping):
                return beside
            beside = {**part, **beside}
            reference = part.get("$ref")
            if not isinstance(reference, str):
                return beside
            part = self.definitions.get(reference.removeprefix("#/$defs/"))
        return {}

    def schema(self, path: str, schema: JsonObject, depth: int) -> None:
        """Read a schema and everything in it."""
        # References may go in circles, and `allOf` of `allOf` grows without end: both limits are needed.
        self.left -= 1
        if depth > MAX_DEPTH or self.left < 0:
            return
        for key in ("allOf", "anyOf", "oneOf"):
            for one in _list(schema.get(key)):
                self.schema(path, self.resolved(one), depth + 1)
        if isinstance(schema.get("items"), Mapping):
            self.schema(path, self.resolved(schema["items"]), depth + 1)
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name, one in properties.items():
                self.schema(f"{path}.{name}" if path else str(name), self.resolved(one), depth + 1)
        # The first schema that says something counts: with `oneOf` nobody knows which one a value follows.
        elif path and _is_text(schema) and (kind := _kind(path, schema)):
            self.found.setdefault(path.lower(), ContentKind(kind))


def _kind(path: str, schema: JsonObject) -> str:
    """The kind that a schema gives a string; "" when it says no more than the name does."""
    by_name = _by_name(path)
    if _is_restricted(schema):
        return "other" if by_name else ""
    said = _MEDIA.get(str(schema.get("contentMediaType", "")).lower(), "")
    said = said or _FORMATS.get(str(schema.get("format", "")).lower(), "")
    if said:
        return said
    # Descriptions are cut: some hold whole manuals, and every pattern is searched in them.
    text = f"{schema.get('title', '')} {schema.get('description', '')}"[:2000]
    # Names tell prose better than descriptions do, so here only a field without a known name is prose.
    return next((kind for kind in _said(text) if not (kind == "prose" and by_name)), "")


@lru_cache(maxsize=2048)
def _said(text: str) -> tuple[str, ...]:
    """The kinds that a description names; documents repeat descriptions, and patterns take their time."""
    lower = text.lower()
    if _ANY_SAID.search(lower) is None:
        return ()
    return tuple(kind for kind, pattern in _SAID if re.search(pattern, lower))


def _is_text(schema: JsonObject) -> bool:
    kind = schema.get("type", "string" if "format" in schema or "enum" in schema else "")
    return kind == "string" or (isinstance(kind, list) and "string" in kind)


def _is_restricted(schema: JsonObject) -> bool:
    """Whether values have a form that no sentence has."""
    if any(key in schema for key in ("enum", "const")):
        return True
    longest = schema.get("maxLength")
    if isinstance(longest, int) and longest <= SHORT:
        return True
    form = str(schema.get("format", "")).lower()
    if form and form not in _FORMATS:
        return True
    pattern = schema.get("pattern")
    # A pattern that allows blanks may be one for sentences.
    return isinstance(pattern, str) and not re.search(r"\\s|\\S| |\.[*+]|\[\^|\\p|\^\$", pattern)


def _by_name(path: str) -> bool:
    """Whether the name alone says that a field holds content, as the engine reads it (`weigh/fields.rs`)."""
    return _is_known(path.rsplit(".", 1)[-1])


@lru_cache(maxsize=8192)
def _is_known(name: str) -> bool:
    # `postBody`, `post-body` and `post_body` are one name. Any end of it may be a known one: `body` here.
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[- ]", "_", name).lower().split("_")
    names = _names()
    whole = "_".join(words)
    return f"={whole}" in names or any("_".join(words[start:]) in names for start in range(len(words)))


def _list(part: object) -> Iterator[object]:
    yield from part if isinstance(part, list) else ()
