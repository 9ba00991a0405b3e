"""An OpenAPI 3.1 document of what was seen of an API.

Names and types come from `parameters` of events, never values. What traffic can't show (which parameters are
required, what answers look like inside) stays open; `x-starfort-*` says what the rest rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

from starfort.base.sql import load_sql
from starfort.catalogue import Endpoint
from starfort.store import Store
from starfort.store.parameters import Value
from starfort.store.reach import is_far

MAX_VALUES: Final = 200
"""Values of one kind and endpoint."""

MAX_ROWS: Final = 200_000

MIN_CALLS: Final = 20
"""Calls from which a parameter that was in all of them is called required: of a few that says nothing."""

_TYPES: Final[dict[str, dict[str, str]]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "email": {"type": "string", "format": "email"},
    "string": {"type": "string"},
    "empty": {"type": "string"},
}
_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "session"},
    "mtls": {"type": "mutualTLS"},
}
_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
# OpenAPI 3.1.0, Parameter Object: these headers are no parameters
_NO_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization", "cookie"})
_PLACES: Final = ("path", "query", "header", "cookie")


class Endpoints(Protocol):
    """What is asked of the catalogue."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""


def export_openapi(
    catalogue: Endpoints, store: Store, api: str, *, since: datetime | None = None
) -> dict[str, Any]:
    """Describe what was seen of one API.

    Args:
        catalogue: has its endpoints.
        store: has its events.
        api: name of the API.
        since: calls from then on, UTC; by default the last seven days.

    Returns:
        An OpenAPI 3.1.0 document, ready for JSON. Endpoints that were never called are left out.

    Raises:
        StoreError: the store does not answer.
    """
    found = [row for row in catalogue.endpoints() if row.api == api and row.first_seen is not None]
    begin = since or datetime.now(UTC) - timedelta(days=7)
    parameters: dict[str, Value] = {
        "since": begin,
        "api": api,
        "values": MAX_VALUES,
        "limit": MAX_ROWS,
    }
    evidence: dict[str, dict[str, dict[str, int]]] = {}
    name = "openapi_evidence_rolled" if is_far(store, begin) else "openapi_evidence"
    text = load_sql("visibility", f"queries/{name}")
    for row in store.query(text, parameters):
        kinds = evidence.setdefault(row["endpoint_id"], {})
        kinds.setdefault(row["kind"], {})[row["value"]] = row["seen"]
    paths: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    schemes: set[str] = set()
    for endpoint in found:
        if endpoint.method.lower() not in _METHODS:
            continue
        # templates that differ in names only are one path (OpenAPI 3.1.0, Paths Object)
        template = names.setdefault(re.sub(r"\{[^}]*\}", "{}", endpoint.template), endpoint.template)
        kinds = evidence.get(endpoint.id, {})
        schemes.update(scheme for scheme in endpoint.auth_seen if scheme in _SCHEMES)
        paths.setdefault(template, {})[endpoint.method.lower()] = _operation(endpoint, template, kinds)
    hosts = sorted({host for endpoint in found for host in endpoint.hosts if re.fullmatch(r"[\w.-]+", host)})
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": api, "version": "observed", "description": "Made by Starfort from traffic."},
        "paths": dict(sorted(paths.items())),
    }
    if hosts:
        document["servers"] = [{"url": f"https://{host}"} for host in hosts]
    if schemes:
        document["components"] = {"securitySchemes": {name: _SCHEMES[name] for name in sorted(schemes)}}
    return document


def _operation(endpoint: Endpoint, template: str, kinds: dict[str, dict[str, int]]) -> dict[str, Any]:
    calls = sum(kinds.get("calls", {}).values())
    parameters, body = _parameters(kinds.get("parameter", {}), template, calls)
    operation: dict[str, Any] = {
        "operationId": endpoint.id,
        "responses": _responses(kinds.get("status", {})),
        "x-starfort-documented": endpoint.documented,
        "x-starfort-calls": calls,
    }
    if endpoint.first_seen and endpoint.last_seen:
        operation["x-starfort-first-seen"] = endpoint.first_seen.isoformat()
        operation["x-starfort-last-seen"] = endpoint.last_seen.isoformat()
    sensitive = sorted({*endpoint.sensitive, *kinds.get("sensitive", {})})
    if sensitive:
        operation["x-starfort-sensitive"] = sensitive
    if endpoint.labels:
        operation["tags"] = list(endpoint.labels)
    if parameters:
        operation["parameters"] = parameters
    if body and endpoint.method not in ("GET", "HEAD", "DELETE"):
        operation["requestBody"] = {"content": _bodies(kinds.get("content_type", {}), body)}
    security: list[dict[str, list[str]]] = [
        {scheme: []} for scheme in sorted(endpoint.auth_seen) if scheme in _SCHEMES
    ]
    if security:
        # an empty requirement says that calls without any were answered as well
        operation["security"] = [*security, {}] if kinds.get("open") else security
    return operation


def _parameters(
    seen: dict[str, int], template: str, calls: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Parameter objects, and the body's schema ({} without one)."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for text, count in seen.items():
        place, _, rest = text.partition(":")
        name, _, kind = rest.rpartition(":")
        if name:
            kinds = found.setdefault((place, name), {})
            kinds[kind] = kinds.get(kind, 0) + count
    in_path = re.findall(r"\{([^}]+)\}", template)
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _schema(found.get(("path", name), {}))}
        for name in in_path
    ]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for (place, name), kinds in sorted(found.items()):
        always = calls >= MIN_CALLS and sum(kinds.values()) >= calls
        if place == "body":
            properties[name] = _schema(kinds)
            required += [name] if always else []
        elif place in _PLACES and place != "path" and name.lower() not in _NO_PARAMETERS:
            parameters.append({"name": name, "in": place, "required": always, "schema": _schema(kinds)})
    body: dict[str, Any] = {"type": "object", "properties": properties} if properties else {}
    return parameters, body | ({"required": required} if required else {})


def _schema(kinds: Iterable[str]) -> dict[str, Any]:
    """The schema of a value that was seen with these types."""
    schemas = [_TYPES[kind] for kind in sorted(set(kinds)) if kind in _TYPES]
    unique = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    if not unique or {"type": "string"} in unique:
        return {"type": "string"}
    return dict(unique[0]) if len(unique) == 1 else {"anyOf": [dict(schema) for schema in unique]}


def _responses(seen: dict[str, int]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for text, count in sorted(seen.items()):
        status, _, content_type = text.partition(" ")
        if not re.fullmatch(r"[1-5]\d\d", status):  # what the specification has a place for
            continue
        response = responses.setdefault(status, {"description": _reason(int(status)), "x-starfort-calls": 0})
        response["x-starfort-calls"] += count
        if _is_media_type(content_type):
            response.setdefault("content", {})[content_type] = {}
    return responses or {"default": {"description": "no answer was recorded within the window"}}


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def _bodies(content_types: Iterable[str], schema: dict[str, Any]) -> dict[str, Any]:
    known = sorted(filter(_is_media_type, content_types))
    return {name: {"schema": schema} for name in known or ["application/json"]}


def _is_media_type(text: str) -> bool:
    return re.fullmatch(r"[\w.+-]{1,64}/[\w.+*-]{1,64}", text, re.ASCII) is not None
