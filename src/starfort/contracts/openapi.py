"""Reads OpenAPI 3.0, 3.1 and 3.2 into a contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast, get_args

from starfort.contracts import media, servers
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
    Style,
)
from starfort.contracts.operations import (
    IGNORED_HEADERS,
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

_PLACES: Final = frozenset(get_args(Place))
_STYLES: Final[dict[str, tuple[str, ...]]] = {
    "path": ("simple", "matrix", "label"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
}
"""The styles of each place, the default first (OpenAPI 3.2.0, Style Values)."""

_KINDS: Final = frozenset({"apiKey", "http", "oauth2", "openIdConnect", "mutualTLS"})


def read(data: JsonObject, at: At, parts: Parts) -> Contract:
    """Read a document.

    Args:
        data: the whole document.
        at: its root.
        parts: resolves references and takes what is wrong.
    """
    reader = _Reader(data, at, parts)
    operations = once_each(reader.operations(), parts.notes, at.below("paths"))
    schemes = dict(reader.schemes())
    parts.schemas.finish()
    info = mapping(data.get("info"))
    return Contract(
        api="",
        operations=operations,
        definitions=parts.schemas.definitions,
        schemes=schemes,
        servers=servers.read(data.get("servers")) or (),
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
        # What several operations refer to is read once and shared.
        self._known_parameters: dict[tuple[At, str], Parameter] = {}
        self._known_responses: dict[tuple[At, str], Response] = {}

    def operations(self) -> Iterator[Operation]:
        """Every operation, in the document's order."""
        paths = self._data.get("paths", {})
        for path, item, place_of_item in templates(self._parts, paths, self._at.below("paths")):
            found, at = self._parts.path_item(item, place_of_item)
            shared = list(self._parameters(found, at))
            for name, method, operation, here in self._methods(found, at):
                if not isinstance(operation, dict):
                    self._notes.problem(here, f"{name} must be a mapping")
                    continue
                yield self._operation(method, path, (found, operation), shared, here)

    def _methods(self, item: JsonObject, at: At) -> Iterator[tuple[str, str, object, At]]:
        for name in METHODS:
            if name in item:
                yield name, name.upper(), item[name], at.below(name)
        # Here a name is the method exactly as it is sent (OpenAPI 3.2.0, Path Item Object).
        for name, operation in mapping(item.get("additionalOperations")).items():
            yield name, name, operation, at.below("additionalOperations", name)

    def _operation(
        self,
        method: str,
        path: str,
        found: tuple[JsonObject, JsonObject],
        shared: list[tuple[Parameter, At]],
        at: At,
    ) -> Operation:
        item, operation = found
        own = security(operation.get("security"))
        body = operation.get("requestBody")
        return Operation(
            method,
            path,
            parameters=own_parameters(path, [*shared, *self._parameters(operation, at)], self._notes),
            body=None if body is None else self._body(body, at.below("requestBody")),
            responses=self._responses(operation.get("responses"), at.below("responses")),
            security=self._security if own is None else own,
            deprecated=operation.get("deprecated") is True,
            operation_id=text(operation, "operationId")[:200],
            # The nearest list replaces the others (OpenAPI 3.1.0, Operation Object).
            servers=servers.read(operation.get("servers")) or servers.read(item.get("servers")),
            location=place(at, self._at),
            sunset=text(operation, "x-sunset")[:40],
            stability=text(operation, "x-stability-level")[:20],
            internal=operation.get("x-internal") is True,
            tags=tuple(str(tag)[:100] for tag in listed(operation.get("tags"))),
        )

    def _parameters(self, holder: JsonObject, at: At) -> Iterator[tuple[Parameter, At]]:
        for number, one in enumerate(listed(holder.get("parameters"))):
            found, here = self._parts.resolved(one, at.below("parameters", number))
            name, where = found.get("name"), found.get("in")
            if not found:
                continue
            if where == "querystring":
                yield self._whole_query(found, here), here
            elif not isinstance(name, str) or not isinstance(where, str) or where not in _PLACES:
                what = "a parameter needs `name` and `in` (path, query, header or cookie); it is not read"
                self._notes.warning(here, "parameter", what)
            else:
                yield self._parameter(name, cast(Place, where), found, here), here

    def _parameter(self, name: str, where: Place, found: JsonObject, at: At) -> Parameter:
        known = self._known_parameters.get((at, name))
        if known is None:
            known = self._known_parameters[at, name] = self._new_parameter(name, where, found, at)
        return known

    def _new_parameter(self, name: str, where: Place, found: JsonObject, at: At) -> Parameter:
        style, explode = self._style(where, found, at)
        content = next(iter(self._content(found.get("content"), at.below("content"))), None)
        schema: Schema = content.schema if content else True
        if content is None and "schema" in found:
            schema = self._parts.schemas.read(found["schema"], at.below("schema"))
        return Parameter(
            name,
            where,
            required=where == "path" or found.get("required") is True,
            schema=_described(schema, found) if where == "query" else schema,
            style=style,
            explode=explode,
            allow_reserved=found.get("allowReserved") is True,
            allow_empty=where == "query" and found.get("allowEmptyValue") is True,
            media_type=content.type if content else "",
            deprecated=found.get("deprecated") is True,
        )

    def _style(self, where: Place, found: JsonObject, at: At) -> tuple[Style, bool]:
        style = found.get("style", _STYLES[where][0])
        if style not in _STYLES[where]:
            what = f"{str(style)[:40]!r} is no style of a parameter in {where}"
            self._notes.warning(at.below("style"), "style", what, f"there are: {', '.join(_STYLES[where])}")
            style = _STYLES[where][0]
        explode = found.get("explode")
        return cast(Style, style), explode if isinstance(explode, bool) else style in ("form", "cookie")

    def _whole_query(self, found: JsonObject, at: At) -> Parameter:
        """A parameter that is the whole query (OpenAPI 3.2.0, `in: querystring`).

        As a form it says the same as an exploded object. Another media type is nothing that can be checked.
        """
        content = next(iter(self._content(found.get("content"), at.below("content"))), None)
        schema = content.schema if content and content.type == "application/x-www-form-urlencoded" else True
        required = found.get("required") is True and schema is not True
        return Parameter(text(found, "name") or "query", "query", required, schema)

    def _body(self, body: object, at: At) -> Body:
        found, at = self._parts.resolved(body, at)
        return Body(found.get("required") is True, self._content(found.get("content"), at.below("content")))

    def _content(self, found: object, at: At) -> tuple[Media, ...]:
        medias = []
        for written, one in mapping(found).items():
            name = media.name_of(written)
            if name is None:
                self._notes.warning(at.below(written), "media type", f"{written[:80]!r} is no media type")
                continue
            part, here = self._parts.resolved(one, at.below(written)) if one else ({}, at)
            schema: Schema = True
            if "schema" in part:
                schema = self._parts.schemas.read(part["schema"], here.below("schema"))
            item: Schema | None = None
            if "itemSchema" in part:
                item = self._parts.schemas.read(part["itemSchema"], here.below("itemSchema"))
            encoding = self._encoding(part.get("encoding"), here.below("encoding"))
            medias.append(Media(name, schema, item, encoding))
        return media.joined(medias)

    def _encoding(self, found: object, at: At) -> dict[str, Encoding]:
        made = {}
        for name, one in mapping(found).items():
            part = mapping(one)
            types = text(part, "contentType").lower().split(",")
            style = part.get("style", "form")
            explode = part.get("explode")
            made[name] = Encoding(
                tuple(one.partition(";")[0].strip() for one in types if one.strip()),
                cast(Style, style) if style in _STYLES["query"] else "form",
                explode if isinstance(explode, bool) else style == "form",
                self._headers(part.get("headers"), at.below(name, "headers")),
            )
        return made

    def _responses(self, found: object, at: At) -> tuple[Response, ...]:
        made = []
        for written, one in mapping(found).items():
            if written.startswith("x-"):
                continue
            status = written.upper() if written != "default" else written
            if not is_status(status):
                self._notes.warning(at.below(written), "status", f"{written[:40]!r} is no status; not read")
                continue
            part, here = self._parts.resolved(one, at.below(written))
            known = self._known_responses.get((here, status))
            if known is None:
                headers = self._headers(part.get("headers"), here.below("headers"))
                content = self._content(part.get("content"), here.below("content"))
                known = self._known_responses[here, status] = Response(status, headers, content)
            made.append(known)
        return tuple(made)

    def _headers(self, found: object, at: At) -> tuple[Parameter, ...]:
        made = []
        for name, one in mapping(found).items():
            if name.lower() in IGNORED_HEADERS:
                continue
            part, here = self._parts.resolved(one, at.below(name))
            made.append(self._parameter(name, "header", part, here))
        return tuple(made)

    def schemes(self) -> Iterator[tuple[str, SecurityScheme]]:
        """The security schemes, by name."""
        here = self._at.below("components", "securitySchemes")
        components = mapping(self._data.get("components"))
        for name, one in mapping(components.get("securitySchemes")).items():
            part, _ = self._parts.resolved(one, here.below(name))
            yield name, _scheme(part)


def is_status(text: str) -> bool:
    """Whether a text is a status, a class of statuses (`2XX`) or `default`."""
    return text == "default" or (
        len(text) == 3 and text[0] in "12345" and (text[1:] == "XX" or text[1:].isdecimal())  # noqa: PLR2004
    )


def _described(schema: Schema, holder: JsonObject) -> Schema:
    """A schema with the description of what holds it, where it has none: that is where people write it."""
    said = holder.get("description")
    if not isinstance(said, str) or not isinstance(schema, dict) or "description" in schema:
        return schema
    return {**schema, "description": said[:MAX_TEXT]}


def _scheme(part: JsonObject) -> SecurityScheme:
    kind: Any = text(part, "type") if text(part, "type") in _KINDS else "unknown"
    where: Any = text(part, "in") if text(part, "in") in {"query", "header", "cookie"} else ""
    flows = mapping(part.get("flows")).values()
    scopes = dict.fromkeys(str(scope) for flow in flows for scope in mapping(mapping(flow).get("scopes")))
    return SecurityScheme(
        kind,
        where if kind == "apiKey" else "",
        text(part, "name") if kind == "apiKey" else "",
        text(part, "scheme").lower() if kind == "http" else "",
        text(part, "bearerFormat"),
        tuple(scopes),
        text(part, "openIdConnectUrl"),
        part.get("deprecated") is True,
    )
