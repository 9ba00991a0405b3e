"""Reads Swagger 2 (OpenAPI 2.0) into a contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from starfort.contracts import media
from starfort.contracts.files import JsonObject
from starfort.contracts.model import (
    Body,
    Contract,
    Encoding,
    Media,
    Operation,
    Parameter,
    Place,
    Response,
    Schema,
    SecurityScheme,
    Server,
    Style,
)
from starfort.contracts.openapi import is_status
from starfort.contracts.operations import (
    METHODS,
    Parts,
    listed,
    mapping,
    once_each,
    own_parameters,
    place,
    security,
    templates,
    text,
)
from starfort.contracts.resolver import At
from starfort.contracts.schemas import MAX_TEXT

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_PLACES: Final = frozenset({"path", "query", "header"})
_COLLECTIONS: Final[dict[str, tuple[Style, bool]]] = {
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
"""Style and explode of a `collectionFormat` (OpenAPI 2.0, Parameter Object); `tsv` has none."""


def read(data: JsonObject, at: At, parts: Parts) -> Contract:
    """Read a document.

    Args:
        data: the whole document.
        at: its root.
        parts: resolves references and takes what is wrong.
    """
    reader = _Reader(data, at, parts)
    operations = once_each(reader.operations(), parts.notes, at.below("paths"))
    parts.schemas.finish()
    info = mapping(data.get("info"))
    schemes = mapping(data.get("securityDefinitions"))
    return Contract(
        api="",
        operations=operations,
        definitions=parts.schemas.definitions,
        schemes={name: _scheme(mapping(one)) for name, one in schemes.items()},
        servers=tuple(_servers(data)),
        title=text(info, "title")[:200],
        version=text(info, "version")[:100],
    )


class _Reader:
    def __init__(self, data: JsonObject, at: At, parts: Parts) -> None:
        self._data = data
        self._at = at
        self._parts = parts
        self._notes = parts.notes
        self._security = security(data.get("security"))

    def operations(self) -> Iterator[Operation]:
        """Every operation, in the document's order."""
        for section in ("paths", "x-ms-paths"):
            if section == "paths" or section in self._data:
                yield from self._section(self._data.get(section, {}), self._at.below(section))

    def _section(self, paths: object, at: At) -> Iterator[Operation]:
        for path, item, place_of_item in templates(self._parts, paths, at):
            found, here = self._parts.path_item(item, place_of_item)
            shared = list(self._listed(found, here))
            for name in METHODS:
                if name not in found:
                    continue
                operation, there = found[name], here.below(name)
                if isinstance(operation, dict):
                    yield self._operation(name.upper(), path, operation, shared, there)
                else:
                    self._notes.problem(there, f"{name} must be a mapping")

    def _listed(self, holder: JsonObject, at: At) -> Iterator[tuple[JsonObject, At]]:
        for number, one in enumerate(listed(holder.get("parameters"))):
            found, here = self._parts.resolved(one, at.below("parameters", number))
            if isinstance(found.get("name"), str) or found.get("in") == "body":
                yield found, here
            elif found:
                self._notes.warning(here, "parameter", "a parameter needs `name` and `in`; it is not read")

    def _operation(
        self, method: str, path: str, operation: JsonObject, shared: list[tuple[JsonObject, At]], at: At
    ) -> Operation:
        found = [*shared, *self._listed(operation, at)]
        own = security(operation.get("security"))
        plain = [(self._parameter(one, here), here) for one, here in found if text(one, "in") in _PLACES]
        return Operation(
            method,
            path,
            parameters=own_parameters(path, plain, self._notes),
            body=self._body(operation, found),
            responses=self._responses(operation, at.below("responses")),
            security=self._security if own is None else own,
            deprecated=operation.get("deprecated") is True,
            operation_id=text(operation, "operationId")[:200],
            location=place(at, self._at),
            sunset=text(operation, "x-sunset")[:40],
            stability=text(operation, "x-stability-level")[:20],
            internal=operation.get("x-internal") is True,
            tags=tuple(str(tag)[:100] for tag in listed(operation.get("tags"))),
        )

    def _parameter(self, found: JsonObject, at: At) -> Parameter:
        where = cast(Place, found["in"])
        style, explode = _COLLECTIONS.get(str(found.get("collectionFormat", "csv")), ("form", False))
        if where != "query":
            style, explode = "simple", False
        schema = self._inline(found, at)
        said = found.get("description")
        if where == "query" and isinstance(said, str) and isinstance(schema, dict):
            schema = {**schema, "description": said[:MAX_TEXT]}
        return Parameter(
            found["name"],
            where,
            required=where == "path" or found.get("required") is True,
            schema=schema,
            style=style,
            explode=explode,
            allow_empty=where == "query" and found.get("allowEmptyValue") is True,
            deprecated=found.get("deprecated") is True,
        )

    def _inline(self, found: JsonObject, at: At) -> Schema:
        """The schema of a parameter or header, whose keywords stand in it itself."""
        if "schema" in found:
            return self._parts.schemas.read(found["schema"], at.below("schema"))
        if found.get("type") == "array":
            nested = mapping(found.get("items")).get("type") == "array"
            if nested or found.get("collectionFormat") == "tsv":
                return True  # lists in lists, and lists between tabs, have no style
        kept = {key: value for key, value in found.items() if key not in {"required", "description", "title"}}
        return self._parts.schemas.read(kept, at)

    def _body(self, operation: JsonObject, found: list[tuple[JsonObject, At]]) -> Body | None:
        consumes = self._types("consumes", operation)
        form = [(one, at) for one, at in found if one.get("in") == "formData"]
        whole = [(one, at) for one, at in found if one.get("in") == "body"]
        if whole:
            one, at = whole[-1]
            schema = self._parts.schemas.read(one["schema"], at.below("schema")) if "schema" in one else True
            return Body(
                one.get("required") is True,
                media.joined(Media(name, schema) for name in consumes or ("*/*",)),
            )
        if not form:
            return None
        has_file = any(one.get("type") == "file" for one, _ in form)
        types = [name for name in consumes if name in _FORMS] or [_FORMS[1]] if has_file else list(_FORMS)
        required = [one["name"] for one, _ in form if one.get("required") is True]
        schema = {"type": "object", "properties": {one["name"]: self._inline(one, at) for one, at in form}}
        if required:
            schema["required"] = required
        encoding = {
            one["name"]: Encoding((), *_COLLECTIONS.get(str(one.get("collectionFormat")), ("form", False)))
            for one, _ in form
            if one.get("type") == "array"
        }
        return Body(bool(required), tuple(Media(name, schema, None, encoding) for name in types))

    def _types(self, key: str, operation: JsonObject) -> list[str]:
        found = operation.get(key, self._data.get(key))
        return [name for one in listed(found) if (name := media.name_of(str(one))) is not None]

    def _responses(self, operation: JsonObject, at: At) -> tuple[Response, ...]:
        produces = self._types("produces", operation)
        made = []
        for written, one in mapping(operation.get("responses")).items():
            if written.startswith("x-"):
                continue
            if not is_status(written.upper() if written != "default" else written):
                self._notes.warning(at.below(written), "status", f"{written[:40]!r} is no status; not read")
                continue
            part, here = self._parts.resolved(one, at.below(written))
            headers = tuple(
                self._header(name, mapping(each), here) for name, each in mapping(part.get("headers")).items()
            )
            content: tuple[Media, ...] = ()
            if "schema" in part:
                schema = self._parts.schemas.read(part["schema"], here.below("schema"))
                # Errors often have a type of their own, which `produces` does not name.
                content = media.joined(Media(name, schema) for name in produces or ("*/*",))
            made.append(Response(written, headers, content))
        return tuple(made)

    def _header(self, name: str, found: JsonObject, at: At) -> Parameter:
        schema = self._inline(found, at.below("headers", name))
        return Parameter(name, "header", schema=schema, style="simple", explode=False)


def _scheme(part: JsonObject) -> SecurityScheme:
    kind = part.get("type")
    if kind == "basic":
        return SecurityScheme("http", scheme="basic")
    if kind == "apiKey" and text(part, "in") in {"query", "header"}:
        where: Any = part["in"]
        return SecurityScheme("apiKey", where, text(part, "name"))
    if kind == "oauth2":
        return SecurityScheme("oauth2", scopes=tuple(map(str, mapping(part.get("scopes")))))
    return SecurityScheme("unknown")


def _servers(data: JsonObject) -> Iterator[Server]:
    host, base = text(data, "host"), text(data, "basePath")
    if not host and not base:
        return
    path = base if base.startswith("/") or not base else f"/{base}"
    if not host:
        yield Server(path)
        return
    for scheme in [str(one) for one in listed(data.get("schemes"))[:4]] or ["https"]:
        yield Server(f"{scheme}://{host}{path}")
