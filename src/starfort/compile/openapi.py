"""Reads the operations of OpenAPI documents (3.0, 3.1 and 3.2; JSON or YAML)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from starfort.bundle import ContentKind
from starfort.compile import content, documents, references
from starfort.compile.documents import JsonObject, Location
from starfort.config import ConfigError, ConfigProblem
from starfort.contracts.model import Contract

MAX_DOCUMENT_BYTES: Final = 32 << 20
"""Largest document; GitHub's, the largest in wide use, has 12 MB."""

MAX_OPERATIONS: Final = 50_000
"""How many operations of one document are read at most."""

MAX_REFERENCES: Final = 8
"""How many references from one path item to the next are followed; they may go in circles."""

MAX_SERVERS: Final = 16

MAX_UNDERSCORED: Final = 20
"""How many headers with underscores of one document are named at most."""

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
"""Source: OpenAPI 3.2.0, Path Item Object."""


_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
"""Type and subtype (RFC 6838, 4.2), at half of the allowed length; ranges (`image/*`) name no type."""


@dataclass(frozen=True)
class Operation:
    """One operation of a document.

    Attributes:
        method: upper case.
        path: template as documented, without query and fragment.
        server_paths: paths of the servers that it is for, "" for the root; never empty.
        media_types: what its request body may be, lower case, without parameters and ranges.
        content: what its fields hold, where the document says it; see `content.fields_of`.
    """

    method: str
    path: str
    server_paths: tuple[str, ...]
    media_types: tuple[str, ...] = ()
    content: tuple[tuple[str, ContentKind], ...] = ()


@dataclass
class Document:
    """The content of a document.

    Attributes:
        file: its path.
        operations: its operations, in its order.
        contract: what calls and answers should look like, when it can be read.
        problems: the mistakes in it.
        warnings: parts that are read in another way than the author may believe.
        underscored: warnings about request headers with `_` in their names, for configurations that drop
            them.
    """

    file: Path
    operations: list[Operation] = field(default_factory=list)
    contract: Contract | None = None
    problems: list[ConfigProblem] = field(default_factory=list)
    warnings: list[ConfigProblem] = field(default_factory=list)
    underscored: list[ConfigProblem] = field(default_factory=list)


def read(file: Path) -> Document:
    """Read a document. What is wrong is in `problems`; nothing is raised."""
    document = Document(file)
    try:
        text, data = documents.read(file, MAX_DOCUMENT_BYTES, document.warnings)
    except ConfigError as error:
        document.problems = error.problems
        return document
    reader = _Reader(data)
    document.operations = list(reader.operations())
    if reader.problems:
        document.problems = documents.placed(file, text, reader.problems)
    elif doubtful := [*same_paths(data), *references.dangling(text, data)]:
        document.warnings += documents.placed(file, text, doubtful)
    if not reader.problems and (names := list(islice(underscored_headers(data), MAX_UNDERSCORED))):
        document.underscored = documents.placed(file, text, names)
    return document


def underscored_headers(data: object) -> Iterator[tuple[Location, str, str]]:
    """Headers that the document expects from clients and that have `_` in their names."""
    places: list[tuple[Location, object]] = []
    components = _mapping(_mapping(data).get("components"))
    for section in ("parameters", "securitySchemes"):
        named = _mapping(components.get(section)).items()
        places += [(("components", section, str(name)), one) for name, one in named]
    for path, item in _mapping(_mapping(data).get("paths")).items():
        holders: list[tuple[Location, object]] = [(("paths", str(path)), item)]
        holders += [(("paths", str(path), name), _mapping(item).get(name)) for name in METHODS]
        for location, holder in holders:
            listed = _mapping(holder).get("parameters")
            places += [
                ((*location, "parameters", n), one)
                for n, one in enumerate(listed if isinstance(listed, list) else ())
            ]
    for location, one in places:
        name = _mapping(one).get("name")
        if _mapping(one).get("in") == "header" and isinstance(name, str) and "_" in name:
            what = f"the header {name!r} never reaches the upstream: names with underscores are dropped"
            yield (*location, "name"), what, "set connections.headers_with_underscores: allow, or rename it"


def _mapping(part: object) -> JsonObject:
    return part if isinstance(part, dict) else {}


def same_paths(data: object) -> Iterator[tuple[Location, str, str]]:
    """Paths that differ only in the names of parameters, which OpenAPI forbids (3.1.0, Paths Object)."""
    paths = data.get("paths") if isinstance(data, dict) else None
    first: dict[str, str] = {}
    for path in map(str, paths if isinstance(paths, dict) else ()):
        template = re.split(r"[?#]", path, maxsplit=1)[0]
        shape = re.sub(r"\{[^{}]*\}", "{}", template)
        other = first.setdefault(shape, template)
        if other != template:
            what = f"{template} is the path {other} once more: only the names of parameters differ"
            yield ("paths", path), what, f"write {other} in both places, with all their methods under one"


class _Reader:
    """One walk over the paths of a document; problems have the location of what is wrong."""

    def __init__(self, data: object) -> None:
        self.document = data
        self.data: JsonObject = _mapping(data)
        self.problems: list[tuple[Location, str, str]] = []

    def operations(self) -> Iterator[Operation]:
        """Every operation, up to `MAX_OPERATIONS`."""
        if not self._is_supported():
            return
        paths = self.data.get("paths", {})
        if not isinstance(paths, dict):
            self.problems.append((("paths",), "paths must be a mapping", ""))
            return
        left = MAX_OPERATIONS
        for path, item in paths.items():
            location = ("paths", str(path))
            if str(path).startswith("x-") or not self._is_template(str(path), location):
                continue
            for operation in self._of_path(str(path), item, location):
                left -= 1
                if left < 0:
                    what = f"has more than {MAX_OPERATIONS} operations"
                    self.problems.append((location, what, "split the API"))
                    return
                yield operation

    def _is_supported(self) -> bool:
        if not isinstance(self.document, dict):
            self.problems.append(((), "is no OpenAPI document: it must be a mapping", ""))
        elif "swagger" in self.data:
            what = f"is Swagger {self.data['swagger']}, which is not read"
            self.problems.append((("swagger",), what, "convert it to OpenAPI 3 (converter.swagger.io does)"))
        elif not re.match(r"3\.[0-2](\.|$)", str(self.data.get("openapi", ""))):
            found = f"version {self.data['openapi']}" if "openapi" in self.data else "no version"
            where = ("openapi",) if "openapi" in self.data else ()
            what = f"has {found} of OpenAPI"
            self.problems.append((where, what, "3.0, 3.1 and 3.2 are read; begin with `openapi: 3.1.0`"))
        return not self.problems

    def _is_template(self, path: str, location: Location) -> bool:
        what = ""
        if not path.startswith("/"):
            what = f"the path {path!r} must begin with /"
        elif any(not re.fullmatch(r"[^{}]*(?:\{[^{}]+\}[^{}]*)*", part) for part in path.split("/")):
            what = f"the path {path!r} has braces that do not fit"
        if what:
            self.problems.append((location, what, "write parameters as /users/{id}"))
        return not what

    def _of_path(self, path: str, item: object, location: Location) -> Iterator[Operation]:
        found = self._resolved(item, location)
        # Some documents tell operations apart by query or fragment; neither is part of a path.
        template = unquote(re.split(r"[?#]", path, maxsplit=1)[0])
        methods = [(name, name.upper()) for name in METHODS if name in found]
        # Here a name is the method exactly as it is sent (OpenAPI 3.2.0, Path Item Object).
        more = _mapping(found.get("additionalOperations"))
        methods += [(name, name) for name in more]
        for name, method in methods:
            operation = found.get(name) if name in found else more.get(name)
            if not isinstance(operation, dict):
                self.problems.append(((*location, name), f"{name} must be a mapping", ""))
                continue
            # The nearest list replaces the others (OpenAPI 3.1.0, Operation Object).
            servers = operation.get("servers") or found.get("servers") or self.data.get("servers")
            fields = content.fields_of(self.data, found, operation)
            media_types = self._media_types(operation)
            yield Operation(method, template, _server_paths(servers), media_types, fields)

    def _media_types(self, operation: JsonObject) -> tuple[str, ...]:
        """Media types of a request body. A reference that leads nowhere is reported by `references`."""
        body = operation.get("requestBody")
        for _ in range(MAX_REFERENCES):
            if not isinstance(body, dict) or not isinstance(body.get("$ref"), str):
                break
            try:
                body = documents.pointed(self.data, body["$ref"])
            except LookupError:
                return ()
        types = body.get("content") if isinstance(body, dict) else None
        names = (
            str(name).partition(";")[0].strip().lower() for name in types or () if isinstance(types, dict)
        )
        return tuple(name for name in names if _MEDIA_TYPE.fullmatch(name))

    def _resolved(self, item: object, location: Location) -> JsonObject:
        """A path item with its references followed. Fields beside a reference win over those behind it."""
        found: JsonObject = {}
        for _ in range(MAX_REFERENCES):
            if not isinstance(item, dict):
                self.problems.append((location, "a path item must be a mapping", ""))
                return found
            # OpenAPI 3.1.0, Path Item Object: which counts is undefined when a field stands beside `$ref` and
            # in its target. Here the nearer one does.
            found = {**item, **found}
            reference = item.get("$ref")
            if reference is None:
                return found
            if not isinstance(reference, str) or not reference.startswith("#/"):
                what = f"{reference!r} refers to another file, which is not read"
                self.problems.append(((*location, "$ref"), what, "bundle the document into one file"))
                return found
            try:
                item = documents.pointed(self.data, reference)
            except LookupError:
                what = f"{reference!r} refers to nothing in this document"
                self.problems.append(((*location, "$ref"), what, ""))
                return found
        self.problems.append((location, f"has more than {MAX_REFERENCES} references in a row", ""))
        return found


def _server_paths(servers: object) -> tuple[str, ...]:
    """The different paths of server URLs, with the default of each variable.

    Source: OpenAPI 3.1.0, Server Object.
    """
    paths: list[str] = []
    for server in servers[:MAX_SERVERS] if isinstance(servers, list) else []:
        if not isinstance(server, dict) or not isinstance(server.get("url"), str):
            continue
        url, variables = server["url"], server.get("variables")
        for name, variable in variables.items() if isinstance(variables, dict) else ():
            if isinstance(variable, dict):
                url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        try:
            path = unquote(urlsplit(url).path).rstrip("/")
        except ValueError:
            continue
        # A relative server URL counts from where the document is served, which nobody knows here: the root.
        if path and not path.startswith("/"):
            path = f"/{path}"
        if "{" not in path and path not in paths:
            paths.append(path)
    return tuple(paths) or ("",)
