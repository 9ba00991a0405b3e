"""What readers of OpenAPI and of Swagger share: paths, security, and the parts of an operation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from starfort.contracts import files, media
from starfort.contracts.files import JsonObject
from starfort.contracts.model import Operation, Parameter, Requirement
from starfort.contracts.resolver import MAX_CHAIN, At, Notes, Resolver, UnresolvedError
from starfort.contracts.schemas import Schemas

MAX_OPERATIONS: Final = 50_000
"""How many operations of one document are read at most."""

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
"""Source: OpenAPI 3.2.0, Path Item Object."""

IGNORED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})
"""Headers that are no parameters (OpenAPI 3.1.0, Parameter Object)."""


def mapping(part: object) -> JsonObject:
    """A part if it is a mapping, else an empty one."""
    return part if isinstance(part, dict) else {}


def listed(part: object) -> list[Any]:
    """A part if it is a list, else an empty one."""
    return part if isinstance(part, list) else []


@dataclass
class Parts:
    """What every reader of one document needs.

    Attributes:
        resolver: follows references.
        notes: takes what is wrong.
        schemas: translates schemas.
    """

    resolver: Resolver
    notes: Notes
    schemas: Schemas

    def resolved(self, part: object, at: At, kind: str = "reference") -> tuple[JsonObject, At]:
        """A part with its references followed; ({}, …) with a warning when they lead nowhere."""
        for _ in range(MAX_CHAIN):
            if not isinstance(part, dict):
                self.notes.warning(at, kind, "must be a mapping; this part is not read")
                return {}, at
            reference = part.get("$ref")
            if not isinstance(reference, str):
                return part, at
            try:
                part, at = self.resolver.follow(reference, at.below("$ref"))
            except UnresolvedError as problem:
                self.notes.warning(at.below("$ref"), kind, problem.what, problem.fix)
                return {}, at
        self.notes.warning(at, kind, f"has more than {MAX_CHAIN} references in a row")
        return {}, at

    def path_item(self, item: object, at: At) -> tuple[JsonObject, At]:
        """A path item with its references followed. Fields beside a reference win over those behind it."""
        found: JsonObject = {}
        for _ in range(MAX_CHAIN):
            if not isinstance(item, dict):
                self.notes.problem(at, "a path item must be a mapping")
                return found, at
            # OpenAPI 3.1.0, Path Item Object: which counts is undefined when a field stands beside `$ref` and
            # in its target. Here the nearer one does.
            found = {**item, **found}
            reference = item.get("$ref")
            if not isinstance(reference, str):
                return found, at
            try:
                item, at = self.resolver.follow(reference, at.below("$ref"))
            except UnresolvedError as problem:
                self.notes.problem(at.below("$ref"), problem.what, problem.fix)
                return found, at
        self.notes.problem(at, f"has more than {MAX_CHAIN} references in a row")
        return found, at


def templates(parts: Parts, paths: object, at: At) -> Iterator[tuple[str, object, At]]:
    """Each path of a document: template without query, its item, and the place of that."""
    if not isinstance(paths, dict):
        parts.notes.problem(at, "paths must be a mapping")
        return
    first: dict[str, str] = {}
    for path, item in paths.items():
        here = at.below(path)
        if path.startswith("x-") or not _is_template(path, here, parts.notes):
            continue
        # Some documents tell operations apart by query or fragment; neither is part of a path.
        written = re.split(r"[?#]", path, maxsplit=1)[0]
        other = first.setdefault(re.sub(r"\{[^{}]*\}", "{}", written), written)
        if other != written:
            # OpenAPI forbids it (3.1.0, Paths Object).
            what = f"{written} is the path {other} once more: only the names of parameters differ"
            fix = f"write {other} in both places, with all their methods under one"
            parts.notes.warning(here, "same path", what, fix)
        yield unquote(written), item, here


def _is_template(path: str, at: At, notes: Notes) -> bool:
    what = ""
    if not path.startswith("/"):
        what = f"the path {path!r} must begin with /"
    elif any(not re.fullmatch(r"[^{}]*(?:\{[^{}]+\}[^{}]*)*", part) for part in path.split("/")):
        what = f"the path {path!r} has braces that do not fit"
    if what:
        notes.problem(at, what, "write parameters as /users/{id}")
    return not what


def own_parameters(path: str, found: Iterable[tuple[Parameter, At]], notes: Notes) -> tuple[Parameter, ...]:
    """The parameters of an operation, once each; those that come later replace earlier ones."""
    known: dict[tuple[str, str], Parameter] = {}
    in_path = frozenset(re.findall(r"\{([^{}]+)\}", path))
    for one, at in found:
        if one.place == "header" and one.name.lower() in IGNORED_HEADERS:
            continue
        if one.place == "path" and one.name not in in_path:
            what = f"the path {path} has no {{{one.name}}}, so this parameter is not read"
            notes.warning(at, "path parameter", what, "write the name as in the path")
            continue
        known[one.place, one.name.lower() if one.place == "header" else one.name] = one
    return tuple(known.values())


def once_each(operations: Iterable[Operation], notes: Notes, at: At) -> tuple[Operation, ...]:
    """Operations once each by method and path, at most `MAX_OPERATIONS`."""
    found: dict[tuple[str, str], Operation] = {}
    for number, one in enumerate(operations):
        if number >= MAX_OPERATIONS:
            notes.problem(at, f"has more than {MAX_OPERATIONS} operations", "split the API")
            break
        key = (one.method, one.path)
        found[key] = media.both(found[key], one) if key in found else one
    return tuple(found.values())


def security(found: object) -> tuple[Requirement, ...] | None:
    """The alternatives of a security list; `None` when there is no list."""
    if not isinstance(found, list):
        return None
    return tuple(
        {str(name): tuple(map(str, listed(scopes))) for name, scopes in one.items()}
        for one in found
        if isinstance(one, dict)
    )


def text(part: JsonObject, key: str) -> str:
    """A text in a mapping, "" when there is none."""
    value = part.get(key)
    return value if isinstance(value, str) else str(value) if isinstance(value, (int, float)) else ""


def place(at: At, root: At) -> str:
    """A location as operations have it: a pointer, after the name of its file when that is another one."""
    before = "" if at.file == root.file else at.file.name
    return before + files.pointer(at.location)
