"""Makes an OpenAPI 3.1 document from the traffic of an API.

Names and types come from the `parameters` of events, which hold no values. The document leaves open what
traffic cannot show, such as the inside of answers. Its `x-starfort-*` fields say what everything else rests
on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, Protocol

from starfort.base.sql import load_sql
from starfort.catalogue import Endpoint
from starfort.store import Store
from starfort.store.parameters import Value
from starfort.store.reach import is_far

MAX_VALUES: Final = 200
"""Values of one kind and endpoint; of more, the most frequent ones. A document with more would not be
read."""

MAX_ROWS: Final = 200_000
"""Rows of evidence; the store lets no reader have more (`starfort.store.access`)."""

MIN_CALLS: Final = 20
"""A parameter is called required when it was in each of at least so many calls; with fewer calls, that says
nothing."""

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


Seen = dict[str, dict[str, int]]
"""How often calls of one endpoint had a value, by kind of value and value."""


class Endpoints(Protocol):
    """What is asked of the catalogue."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""


def export_openapi(
    catalogue: Endpoints, store: Store, api: str, *, since: datetime | None = None
) -> dict[str, object]:
    """Describe one API as its traffic shows it.

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
    document: dict[str, object] = {
        "openapi": "3.1.0",
        "info": {"title": api, "version": "observed", "description": "Made by Starfort from traffic."},
        "paths": dict(sorted(_paths(found, _evidence(store, api, begin)).items())),
    }
    # Hosts come from the `Host` headers of callers. One that is not a host name would make the document
    # invalid.
    hosts = sorted({host for endpoint in found for host in endpoint.hosts if re.fullmatch(r"[\w.-]+", host)})
    if hosts:
        document["servers"] = [{"url": f"https://{host}"} for host in hosts]
    described = [endpoint for endpoint in found if endpoint.method.lower() in _METHODS]
    schemes = {scheme for endpoint in described for scheme in endpoint.auth_seen if scheme in _SCHEMES}
    if schemes:
        document["components"] = {"securitySchemes": {name: _SCHEMES[name] for name in sorted(schemes)}}
    return document


def _evidence(store: Store, api: str, begin: datetime) -> dict[str, Seen]:
    """What calls had, by endpoint."""
    parameters: dict[str, Value] = {"since": begin, "api": api, "values": MAX_VALUES, "limit": MAX_ROWS}
    # Over a long time there are too many events to read them in time. The rollups have the same columns.
    name = "openapi_evidence_rolled" if is_far(store, begin) else "openapi_evidence"
    evidence: dict[str, Seen] = {}
    for row in store.query(load_sql("visibility", f"queries/{name}"), parameters):
        kinds = evidence.setdefault(row["endpoint_id"], {})
        kinds.setdefault(row["kind"], {})[row["value"]] = row["seen"]
    return evidence


def _paths(found: Iterable[Endpoint], evidence: Mapping[str, Seen]) -> dict[str, dict[str, object]]:
    """The Paths Object: operations by path and method."""
    paths: dict[str, dict[str, object]] = {}
    names: dict[str, str] = {}
    for endpoint in found:
        # The Path Item Object has fields for these methods only.
        if endpoint.method.lower() not in _METHODS:
            continue
        # Templates that differ only in the names of parameters are one path (OpenAPI 3.1.0, Paths Object).
        template = names.setdefault(re.sub(r"\{[^}]*\}", "{}", endpoint.template), endpoint.template)
        kinds = evidence.get(endpoint.id, {})
        paths.setdefault(template, {})[endpoint.method.lower()] = _operation(endpoint, template, kinds)
    return paths


def _operation(endpoint: Endpoint, template: str, kinds: Seen) -> dict[str, object]:
    calls = sum(kinds.get("calls", {}).values())
    parameters, body = _parameters(kinds.get("parameter", {}), template, calls)
    operation: dict[str, object] = {
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
        # An empty requirement says that calls without credentials were answered too.
        operation["security"] = [*security, {}] if kinds.get("open") else security
    return operation


def _parameters(
    seen: dict[str, int], template: str, calls: int
) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Parameter objects, and the body's schema ({} without one)."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for text, count in seen.items():
        place, _, rest = text.partition(":")
        name, _, kind = rest.rpartition(":")
        if name:
            kinds = found.setdefault((place, name), {})
            kinds[kind] = kinds.get(kind, 0) + count
    in_path = re.findall(r"\{([^}]+)\}", template)
    parameters: list[dict[str, object]] = [
        {"name": name, "in": "path", "required": True, "schema": _schema(found.get(("path", name), {}))}
        for name in in_path
    ]
    properties: dict[str, object] = {}
    required: list[str] = []
    for (place, name), kinds in sorted(found.items()):
        always = calls >= MIN_CALLS and sum(kinds.values()) >= calls
        if place == "body":
            properties[name] = _schema(kinds)
            required += [name] if always else []
        elif place in _PLACES and place != "path" and name.lower() not in _NO_PARAMETERS:
            parameters.append({"name": name, "in": place, "required": always, "schema": _schema(kinds)})
    body: dict[str, object] = {"type": "object", "properties": properties} if properties else {}
    return parameters, body | ({"required": required} if required else {})


def _schema(kinds: Iterable[str]) -> dict[str, object]:
    """The schema of a value that was seen with these types."""
    schemas = [_TYPES[kind] for kind in sorted(set(kinds)) if kind in _TYPES]
    unique = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    if not unique or {"type": "string"} in unique:
        return {"type": "string"}
    return dict(unique[0]) if len(unique) == 1 else {"anyOf": [dict(schema) for schema in unique]}


def _responses(seen: dict[str, int]) -> dict[str, object]:
    calls: dict[str, int] = {}
    content: dict[str, dict[str, object]] = {}
    for text, count in sorted(seen.items()):
        status, _, content_type = text.partition(" ")
        if not re.fullmatch(r"[1-5]\d\d", status):  # the Responses Object has a place for no other
            continue
        calls[status] = calls.get(status, 0) + count
        if _is_media_type(content_type):
            content.setdefault(status, {})[content_type] = {}
    if not calls:
        return {"default": {"description": "no answer was recorded within the window"}}
    return {
        status: {"description": _reason(int(status)), "x-starfort-calls": count}
        | ({"content": content[status]} if status in content else {})
        for status, count in calls.items()
    }


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def _bodies(content_types: Iterable[str], schema: dict[str, object]) -> dict[str, object]:
    known = sorted(filter(_is_media_type, content_types))
    return {name: {"schema": schema} for name in known or ["application/json"]}


def _is_media_type(text: str) -> bool:
    return re.fullmatch(r"[\w.+-]{1,64}/[\w.+*-]{1,64}", text, re.ASCII) is not None
