"""Makes an OpenAPI 3.1 document from the traffic of an API, against which that traffic validates.

Schemas come from what was learned of an endpoint's shapes (`starfort.catalogue.schemas`). What these do not
have comes from the `parameters` of events, which hold no values. The document leaves open what traffic cannot
show. Its `x-starfort-*` fields say what everything else rests on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias

from starfort.base.sql import load_sql
from starfort.catalogue import Endpoint
from starfort.contracts.export import METHODS, to_openapi
from starfort.contracts.model import (
    Body,
    Contract,
    Media,
    Operation,
    Parameter,
    Place,
    Requirement,
    Response,
    Schema,
    SecurityScheme,
    Server,
)
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
_SCHEMES: Final[dict[str, SecurityScheme]] = {
    "bearer": SecurityScheme("http", scheme="bearer"),
    "basic": SecurityScheme("http", scheme="basic"),
    "digest": SecurityScheme("http", scheme="digest"),
    "hawk": SecurityScheme("http", scheme="hawk"),
    "negotiate": SecurityScheme("http", scheme="negotiate"),
    "oauth1": SecurityScheme("http", scheme="oauth"),
    "aws4": SecurityScheme("http", scheme="aws4-hmac-sha256"),
    "signature": SecurityScheme("http", scheme="signature"),
    "token": SecurityScheme("http", scheme="token"),
    "jwt": SecurityScheme("http", scheme="bearer", bearer_format="JWT"),
    "api_key": SecurityScheme("apiKey", "header", "x-api-key"),
    "cookie": SecurityScheme("apiKey", "cookie", "session"),
    "mtls": SecurityScheme("mutualTLS"),
}
"""A scheme for each kind of credential; keys and cookies are where they were seen, when that is known."""

_PLACED: Final = {
    "api_key": ("header", "query", "cookie"),
    "token": ("header", "query"),
    "cookie": ("cookie",),
}
# OpenAPI 3.1.0, Parameter Object: these headers are no parameters
_NO_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization", "cookie"})
_PLACES: Final = ("path", "query", "header", "cookie")
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

Learned: TypeAlias = Callable[[str], Operation | None]
"""What was learned of an endpoint's shapes, by its id."""


Seen = dict[str, dict[str, int]]
"""How often calls of one endpoint had a value, by kind of value and value."""


class Endpoints(Protocol):
    """What is asked of the catalogue."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time of calls, UTC: from `since` (else seven days before the end) to `until` (else now)."""

    since: datetime | None = None
    until: datetime | None = None


def export_openapi(
    catalogue: Endpoints,
    store: Store,
    api: str,
    span: Span | None = None,
    *,
    learned: Learned | None = None,
) -> dict[str, Any]:
    """Describe one API as its traffic shows it.

    Args:
        catalogue: has its endpoints.
        store: has its events.
        api: name of the API.
        span: the time to describe; by default the last seven days. Of an earlier time only endpoints that
            were called then are described, and without schemas, which are of all time.
        learned: has the schemas of its endpoints.

    Returns:
        An OpenAPI 3.1.0 document, ready for JSON. Endpoints that were never called are left out.

    Raises:
        StoreError: the store does not answer.
    """
    contract, found, evidence = _observed(catalogue, store, api, span or Span(), learned)
    info = {"title": api, "version": "observed", "description": "Made by Starfort from traffic."}
    document = to_openapi(contract, info)
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
    }
    for endpoint in found:
        if endpoint.id in operations:
            operations[endpoint.id] |= _facts(endpoint, evidence.get(endpoint.id, {}))
            _count(operations[endpoint.id], evidence.get(endpoint.id, {}).get("status", {}))
    return document


def observed_contract(
    catalogue: Endpoints,
    store: Store,
    api: str,
    span: Span | None = None,
    *,
    learned: Learned | None = None,
) -> Contract:
    """The contract that `export_openapi` writes; the same arguments and errors."""
    return _observed(catalogue, store, api, span or Span(), learned)[0]


def _observed(
    catalogue: Endpoints, store: Store, api: str, span: Span, learned: Learned | None
) -> tuple[Contract, list[Endpoint], dict[str, Seen]]:
    """A contract, the endpoints in it, and what their calls had."""
    found = [row for row in catalogue.endpoints() if row.api == api and row.first_seen is not None]
    end = span.until or datetime.now(UTC)
    evidence = _evidence(store, api, span.since or end - timedelta(days=7), end)
    if span.until is not None:
        found, learned = [row for row in found if row.id in evidence], None
    return observed(api, found, evidence, learned), found, evidence


def observed(
    api: str, found: Sequence[Endpoint], evidence: Mapping[str, Seen], learned: Learned | None = None
) -> Contract:
    """The contract that an API's calls and answers kept.

    Args:
        api: its name.
        found: its endpoints.
        evidence: what their calls had, by id.
        learned: has their schemas.
    """
    operations: list[Operation] = []
    schemes: dict[str, SecurityScheme] = {}
    for endpoint in found:
        if endpoint.method.lower() not in METHODS:
            continue  # OpenAPI 3.1 has no place for it
        kinds = evidence.get(endpoint.id, {})
        made = _operation(endpoint, kinds, schemes)
        shaped = learned(endpoint.id) if learned else None
        operations.append(made if shaped is None else _with_shapes(made, shaped))
    # Hosts come from the `Host` headers of callers. One that is not a host name would make the document
    # invalid.
    hosts = sorted({host for endpoint in found for host in endpoint.hosts if re.fullmatch(r"[\w.-]+", host)})
    plain = {
        text for kinds in evidence.values() for text in kinds.get("scheme", {}) if text in {"http", "https"}
    }
    servers = tuple(Server(f"{scheme}://{host}") for host in hosts for scheme in sorted(plain) or ["https"])
    return Contract(api, tuple(operations), schemes=schemes, servers=servers, source="learned")


def _facts(endpoint: Endpoint, kinds: Seen) -> dict[str, object]:
    """What an operation rests on."""
    facts: dict[str, object] = {
        "x-starfort-documented": endpoint.documented,
        "x-starfort-calls": sum(kinds.get("calls", {}).values()),
    }
    if endpoint.first_seen and endpoint.last_seen:
        facts["x-starfort-first-seen"] = endpoint.first_seen.isoformat()
        facts["x-starfort-last-seen"] = endpoint.last_seen.isoformat()
    sensitive = sorted({*endpoint.sensitive, *kinds.get("sensitive", {})})
    return facts | ({"x-starfort-sensitive": sensitive} if sensitive else {})


def _count(operation: dict[str, Any], statuses: Mapping[str, int]) -> None:
    """Add to each answer how often it was given."""
    for text, count in statuses.items():
        answer = operation["responses"].get(text.partition(" ")[0])
        if answer is not None:
            answer["x-starfort-calls"] = answer.get("x-starfort-calls", 0) + count


def _evidence(store: Store, api: str, begin: datetime, end: datetime) -> dict[str, Seen]:
    """What calls had, by endpoint."""
    parameters: dict[str, Value] = {
        "since": begin,
        "until": end,
        "api": api,
        "values": MAX_VALUES,
        "limit": MAX_ROWS,
    }
    # Over a long time there are too many events to read them in time. The rollups have the same columns.
    name = "openapi_evidence_rolled" if is_far(store, begin) else "openapi_evidence"
    evidence: dict[str, Seen] = {}
    for row in store.query(load_sql("visibility", f"queries/{name}"), parameters):
        kinds = evidence.setdefault(row["endpoint_id"], {})
        kinds.setdefault(row["kind"], {})[row["value"]] = row["seen"]
    return evidence


def _operation(endpoint: Endpoint, kinds: Seen, schemes: dict[str, SecurityScheme]) -> Operation:
    """What events say of an endpoint; `schemes` gets the credentials that it takes."""
    calls = sum(kinds.get("calls", {}).values())
    parameters, fields = _parameters(kinds.get("parameter", {}), endpoint.template, calls)
    body = None
    types = sorted(filter(_is_media_type, kinds.get("content_type", {})))
    if fields or types:
        body = Body(content=tuple(Media(name, _body(fields, name)) for name in types or ["application/json"]))
    security = tuple(_security(endpoint, kinds, schemes))
    if security and kinds.get("open"):
        # An empty requirement says that calls without credentials were answered too.
        security = (*security, {})
    return Operation(
        endpoint.method,
        endpoint.template,
        parameters=parameters,
        body=body,
        responses=_responses(kinds.get("status", {})),
        security=security or None,
        operation_id=endpoint.id,
        tags=endpoint.labels,
    )


def _security(endpoint: Endpoint, kinds: Seen, schemes: dict[str, SecurityScheme]) -> Iterator[Requirement]:
    places = [text.split(":", 1) for text in sorted(kinds.get("place", {})) if ":" in text]
    for kind in sorted(endpoint.auth_seen):
        known = _SCHEMES.get(kind)
        if known is None:
            continue
        named = [
            (place, name)
            for place, name in places
            if place in _PLACED.get(kind, ()) and name != "authorization"
        ]
        if not named:
            schemes[kind] = known
            yield {kind: ()}
        for place, name in named:
            key = re.sub(r"[^A-Za-z0-9._-]", "_", f"{kind}_{name}")[:80]
            where: Any = place
            schemes[key] = SecurityScheme("apiKey", where, name)
            yield {key: ()}


def _parameters(
    seen: dict[str, int], template: str, calls: int
) -> tuple[tuple[Parameter, ...], dict[str, set[str]]]:
    """Parameters, and the kinds of values of the fields of bodies."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for text, count in seen.items():
        place, _, rest = text.partition(":")
        name, _, kind = rest.rpartition(":")
        if name:
            kinds = found.setdefault((place, name), {})
            kinds[kind] = kinds.get(kind, 0) + count
    parameters = [
        Parameter(name, "path", True, _schema(found.get(("path", name), {})), "simple", False)
        for name in re.findall(r"\{([^}]+)\}", template)
    ]
    fields: dict[str, set[str]] = {}
    for (place, name), kinds in sorted(found.items()):
        always = calls >= MIN_CALLS and sum(kinds.values()) >= calls
        if place == "body":
            fields[name] = set(kinds)
        elif place in _PLACES and place != "path" and name.lower() not in _NO_PARAMETERS:
            parameters.append(_parameter(place, name, always, kinds))
    return tuple(parameters), fields


def _parameter(place: str, name: str, always: bool, kinds: Iterable[str]) -> Parameter:
    where: Place = "query" if place == "query" else "header" if place == "header" else "cookie"
    is_header = where == "header"
    return Parameter(name, where, always, _schema(kinds), "simple" if is_header else "form", not is_header)


def _body(fields: Mapping[str, set[str]], media_type: str) -> Schema:
    """The schema of a body by the names of its fields.

    The kind of a value is told by its text, so only forms, which are text, have types. A name may be a path
    (`owner.email`) through objects and lists, which `properties` leaves open.
    """
    root: dict[str, Any] = {}
    for name, kinds in sorted(fields.items()):
        here = root
        steps = [name] if media_type in _FORMS else name.split(".")
        for step in steps:
            here = here.setdefault("properties", {}).setdefault(step, {})
        if media_type in _FORMS:
            here.update(_schema(kinds))
    return {"type": "object", **root} if media_type in _FORMS and root else root or True


def _schema(kinds: Iterable[str]) -> dict[str, Any]:
    """The schema of a value that was seen with these types."""
    schemas = [_TYPES[kind] for kind in sorted(set(kinds)) if kind in _TYPES]
    unique = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    if not unique or {"type": "string"} in unique:
        return {"type": "string"}
    return dict(unique[0]) if len(unique) == 1 else {"anyOf": [dict(schema) for schema in unique]}


def _responses(seen: Mapping[str, int]) -> tuple[Response, ...]:
    types: dict[str, list[str]] = {}
    for text in sorted(seen):
        status, _, content_type = text.partition(" ")
        if re.fullmatch(r"[1-5]\d\d", status):  # the Responses Object has a place for no other
            types.setdefault(status, []).extend([content_type] if _is_media_type(content_type) else [])
    return tuple(Response(status, content=tuple(map(Media, names))) for status, names in types.items())


def _with_shapes(seen: Operation, shaped: Operation) -> Operation:
    """An operation with the schemas that were learned, and what only its events show."""
    names = {(one.place, one.name.lower()) for one in shaped.parameters}
    others = tuple(one for one in seen.parameters if (one.place, one.name.lower()) not in names)
    # Learned from samples: a parameter that a sample lacks may be in other calls, and is optional.
    others = tuple(one if one.place == "path" else dataclasses.replace(one, required=False) for one in others)
    content = _media(seen.body.content if seen.body else (), shaped.body.content if shaped.body else ())
    answers = {one.status: one for one in shaped.responses}
    responses = [
        Response(one.status, answers[one.status].headers, _media(one.content, answers[one.status].content))
        if one.status in answers
        else one
        for one in seen.responses
    ]
    known = {one.status for one in seen.responses}
    responses += [one for one in shaped.responses if one.status not in known]
    return dataclasses.replace(
        seen,
        parameters=(*shaped.parameters, *others),
        body=Body(bool(shaped.body and shaped.body.required), content) if content else None,
        responses=tuple(responses),
    )


def _media(seen: Iterable[Media], shaped: Iterable[Media]) -> tuple[Media, ...]:
    """Media types with learned schemas; those that no sample had may be anything."""
    found = {one.type: one for one in shaped if _is_media_type(one.type)}
    return (*found.values(), *(Media(one.type) for one in seen if one.type not in found))


def _is_media_type(text: str) -> bool:
    return re.fullmatch(r"[\w.+-]{1,64}/[\w.+*-]{1,64}", text, re.ASCII) is not None
