"""Writes a contract as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from starfort.contracts.model import (
    Body,
    Contract,
    Encoding,
    Media,
    Operation,
    Parameter,
    Response,
    Schema,
    SecurityScheme,
    Server,
)

METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
"""Methods that a Path Item Object has a field for (OpenAPI 3.1.0)."""

MAX_DEPTH: Final = 200
"""How many levels of a schema are written; what is below may be anything."""

_PRIVATE: Final = frozenset({"x-starfort-hashes", "x-starfort-characters"})
"""Keywords that only the engine reads. Hashes are of values, and no other tool could use them."""

_DATA: Final = frozenset({"enum", "const", "default"})
_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_EXPLODED: Final = frozenset({"form", "cookie"})


def to_openapi(contract: Contract, info: Mapping[str, object]) -> dict[str, Any]:
    """The OpenAPI 3.1.0 document of a contract, ready for JSON.

    Operations whose method 3.1 has no place for are left out. Of templates that differ only in the names of
    parameters, which OpenAPI forbids, the first one's names are used.

    Args:
        contract: the contract.
        info: the Info Object; it needs `title` and `version`.
    """
    document: dict[str, Any] = {"openapi": "3.1.0", "info": dict(info)}
    if contract.servers:
        document["servers"] = [_server(one) for one in contract.servers]
    document["paths"] = _paths(contract.operations)
    components: dict[str, Any] = {}
    if contract.definitions:
        components["schemas"] = {name: schema_of(one) for name, one in sorted(contract.definitions.items())}
    if contract.schemes:
        schemes = sorted(contract.schemes.items())
        components["securitySchemes"] = {name: _scheme(one) for name, one in schemes}
    if components:
        document["components"] = components
    return document


def _paths(operations: Iterable[Operation]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    templates: dict[str, str] = {}
    for one in operations:
        if one.method.lower() in METHODS:
            template = templates.setdefault(re.sub(r"\{[^{}]*\}", "{}", one.path), one.path)
            paths.setdefault(template, {})[one.method.lower()] = _operation(one, template)
    return dict(sorted(paths.items()))


def _operation(one: Operation, template: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.operation_id:
        made["operationId"] = one.operation_id
    if one.tags:
        made["tags"] = list(one.tags)
    if one.deprecated:
        made["deprecated"] = True
    if one.servers:
        made["servers"] = [_server(server) for server in one.servers]
    parameters = list(_parameters(one, template))
    if parameters:
        made["parameters"] = parameters
    if one.body is not None:
        made["requestBody"] = _body(one.body)
    made["responses"] = {response.status: _response(response) for response in one.responses} or {
        "default": {"description": "not known"}
    }
    if one.security is not None:
        made["security"] = [
            {name: list(scopes) for name, scopes in requirement.items()} for requirement in one.security
        ]
    return made


def _parameters(one: Operation, template: str) -> Iterator[dict[str, Any]]:
    """The Parameter Objects, one for each parameter of the template and those in other places."""
    own, written = (re.findall(r"\{([^{}]*)\}", path) for path in (one.path, template))
    renamed = dict(zip(own, written, strict=False))
    described = {
        renamed[each.name]: each for each in one.parameters if each.place == "path" and each.name in renamed
    }
    for name in dict.fromkeys(written):
        found = described.get(name, Parameter(name, "path", required=True, style="simple", explode=False))
        yield _parameter(found, name)
    for each in one.parameters:
        if each.place != "path":
            yield _parameter(each, each.name)


def _parameter(one: Parameter, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "in": one.place, "required": one.required or one.place == "path"}
    made |= _valued(one)
    if one.deprecated:
        made["deprecated"] = True
    if one.allow_empty and one.place == "query":
        made["allowEmptyValue"] = True
    if one.allow_reserved and one.place == "query":
        made["allowReserved"] = True
    return made


def _valued(one: Parameter) -> dict[str, Any]:
    """How a parameter or header carries its value."""
    if one.media_type:
        return {"content": {one.media_type: {"schema": schema_of(one.schema)}}}
    made: dict[str, Any] = {"schema": schema_of(one.schema)}
    default = {"path": "simple", "header": "simple"}.get(one.place, "form")
    if one.style not in {default, "cookie"}:
        made["style"] = one.style
    if one.explode != (one.style in _EXPLODED):
        made["explode"] = one.explode
    return made


def _body(one: Body) -> dict[str, Any]:
    made: dict[str, Any] = {"content": _content(one.content) or {"*/*": {}}}
    if one.required:
        made["required"] = True
    return made


def _content(medias: Sequence[Media]) -> dict[str, Any]:
    return {one.type: _media(one) for one in medias}


def _media(one: Media) -> dict[str, Any]:
    made: dict[str, Any] = {} if one.schema is True else {"schema": schema_of(one.schema)}
    if one.encoding:
        made["encoding"] = {name: _encoding(each) for name, each in one.encoding.items()}
    return made


def _encoding(one: Encoding) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if one.content_types:
        made["contentType"] = ", ".join(one.content_types)
    elif one.style != "form" or not one.explode:
        made |= {"style": one.style, "explode": one.explode}
    return made


def _response(one: Response) -> dict[str, Any]:
    made: dict[str, Any] = {"description": reason(one.status)}
    if one.headers:
        made["headers"] = {
            each.name: ({"required": True} if each.required else {}) | _valued(each) for each in one.headers
        }
    if one.content:
        made["content"] = _content(one.content)
    return made


def reason(status: str) -> str:
    """What a status means, for a description."""
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return f"status {status}" if status != "default" else "any other answer"


def _scheme(one: SecurityScheme) -> dict[str, Any]:
    if one.kind == "apiKey":
        return {"type": "apiKey", "in": one.place or "header", "name": one.name or "x-api-key"}
    if one.kind == "http":
        made = {"type": "http", "scheme": one.scheme or "bearer"}
        return made | ({"bearerFormat": one.bearer_format} if one.bearer_format else {})
    if one.kind == "openIdConnect" and one.url:
        return {"type": "openIdConnect", "openIdConnectUrl": one.url}
    if one.kind == "oauth2":
        # Flows need addresses, which a contract does not keep; an empty one is valid.
        return {"type": "oauth2", "flows": {}}
    if one.kind == "mutualTLS":
        return {"type": "mutualTLS"}
    return {"type": "http", "scheme": "bearer"}


def _server(one: Server) -> dict[str, Any]:
    made: dict[str, Any] = {"url": one.url}
    if one.variables:
        made["variables"] = {
            name: {"default": variable.default} | ({"enum": list(variable.values)} if variable.values else {})
            for name, variable in one.variables.items()
        }
    return made


def schema_of(schema: Schema, depth: int = 0) -> Any:
    """A schema as a document has it: its references lead to the document's components."""
    if isinstance(schema, bool) or depth > MAX_DEPTH:
        # A Schema Object of OpenAPI 3.1 may be a boolean; not every tool knows that for `true`.
        return False if schema is False else {}
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _PRIVATE:
            continue
        if key == "$ref":
            made[key] = _reference(str(value))
        elif key == "discriminator":
            mapping = {name: _reference(target) for name, target in value.get("mapping", {}).items()}
            made[key] = {"propertyName": value["propertyName"]} | ({"mapping": mapping} if mapping else {})
        elif key in _DATA:
            made[key] = value
        elif key in _MAPS:
            made[key] = {name: schema_of(one, depth + 1) for name, one in value.items()}
        elif isinstance(value, Mapping):
            made[key] = schema_of(value, depth + 1) if key != "dependentRequired" else dict(value)
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            made[key] = [schema_of(one, depth + 1) for one in value]
        else:
            made[key] = value
    return made


def _reference(reference: str) -> str:
    return reference.replace("#/$defs/", "#/components/schemas/", 1)
