"""Where traffic leaves a document: what calls had that the document does not have, and the other way round.

The engine judges each call against the document (`crates/engine/src/contract`); this judges what all calls
together showed, so that it needs no engine and sees what only many calls show: a parameter that never comes,
an answer without credentials. Both sides are contracts with paths from the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starfort.contracts.changes.compare import shape
from starfort.contracts.changes.keywords import SchemaChange
from starfort.contracts.changes.model import Side
from starfort.contracts.changes.schemas import SchemaComparison
from starfort.contracts.model import Contract, Media, Operation, Parameter, Schema

MAX_DEVIATIONS: Final = 5_000
"""How many deviations of one API are told at most."""

Code = Literal[
    "undocumented_operation",
    "undocumented_method",
    "undocumented_parameter",
    "missing_parameter",
    "parameter_type",
    "deprecated_parameter",
    "undocumented_body",
    "undocumented_request_type",
    "undocumented_status",
    "undocumented_response_type",
    "undocumented_request_field",
    "missing_request_field",
    "request_field_type",
    "undocumented_response_field",
    "missing_response_field",
    "response_field_type",
    "unauthenticated",
    "deprecated_operation",
]

_OF_BROWSERS: Final = re.compile(
    r"accept.*|user-agent|referer|origin|cookie|connection|host|content-.*|cache-control|pragma|dnt|te|via"
    r"|sec-.*|x-forwarded-.*|x-real-ip|forwarded|if-.*|range|upgrade.*|traceparent|tracestate|x-request-id"
    r"|priority|date|expect|transfer-encoding|authorization|baggage|x-b3-.*|x-amzn-trace-id|keep-alive"
)
"""Headers that clients and proxies send to every API, so that no document names them."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way in which traffic leaves a document.

    Attributes:
        code: what it is.
        method: of the operation.
        path: of the operation: the document's template, or the one that was seen.
        where: the part: `query parameter page`, `response 200 application/json #/items/*/price`.
        text: a sentence about it.
    """

    code: Code
    method: str
    path: str
    where: str
    text: str


def deviations(document: Contract, seen: Contract) -> tuple[Deviation, ...]:
    """Every deviation of traffic from a document, at most `MAX_DEVIATIONS`, by path.

    Args:
        document: what a document says, with paths from the root (`mounted.mounted`).
        seen: what answered calls showed. An operation of it says nothing about what was not called, so
            operations of the document that it lacks are none.
    """
    comparison = _Comparison(document, seen)
    found: list[Deviation] = []
    for one in comparison.found():
        found.append(one)
        if len(found) >= MAX_DEVIATIONS:
            break
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.path, one.method, one.code, one.where)))


class _Comparison:
    def __init__(self, document: Contract, seen: Contract) -> None:
        self._document = document
        self._seen = seen
        self._schemas = SchemaComparison(document.definitions, seen.definitions)

    def found(self) -> Iterator[Deviation]:
        """Every deviation, in no order."""
        documented = {(one.method, shape(one.path)): one for one in self._document.operations}
        paths = {path for _, path in documented}
        for one in self._seen.operations:
            path = shape(one.path)
            known = documented.get((one.method, path))
            if known is not None:
                yield from self._operation(known, one)
            elif path in paths:
                yield _deviation(
                    "undocumented_method", one, "", f"the document has the path, and not {one.method}"
                )
            elif not _is_covered(one, self._document.operations):
                yield _deviation("undocumented_operation", one, "", "the document does not have it")

    def _operation(self, document: Operation, seen: Operation) -> Iterator[Deviation]:
        if document.deprecated:
            yield _deviation("deprecated_operation", document, "", "it is deprecated and called")
        yield from self._parameters(document, seen)
        yield from self._body(document, seen)
        yield from self._responses(document, seen)
        yield from _security(document, seen)

    def _parameters(self, document: Operation, seen: Operation) -> Iterator[Deviation]:
        known, came = _by_name(document.parameters), _by_name(seen.parameters)
        whole_query = any(one.place == "query" and _is_open(one) for one in document.parameters)
        keys = {scheme.name.lower() for scheme in self._document.schemes.values() if scheme.name}
        for (place, name), one in came.items():
            where = f"{place} parameter {one.name}"
            documented = known.get((place, name))
            if documented is not None:
                if documented.deprecated:
                    yield _deviation("deprecated_parameter", document, where, "it is deprecated and sent")
                yield from self._value(documented, one, document, where)
            elif name not in keys and not (place == "query" and whole_query) and _is_telling(place, name):
                yield _deviation("undocumented_parameter", document, where, "the document does not have it")
        for (place, name), one in known.items():
            missing = (place, name) not in came or not came[place, name].required
            if one.required and place in {"query", "header", "cookie"} and missing:
                where = f"{place} parameter {one.name}"
                yield _deviation(
                    "missing_parameter", document, where, "it is required, and calls without it were answered"
                )

    def _value(
        self, documented: Parameter, seen: Parameter, operation: Operation, where: str
    ) -> Iterator[Deviation]:
        if documented.media_type or documented.style not in {"form", "simple"}:
            return
        for change in self._schemas.changes(documented.schema, seen.schema):
            if not change.path and change.action == "type" and change.effect != "narrows":
                yield _deviation("parameter_type", operation, where, change.text)

    def _body(self, document: Operation, seen: Operation) -> Iterator[Deviation]:
        if seen.body is None or not seen.body.content:
            return
        if document.body is None:
            yield _deviation("undocumented_body", document, "request body", "the document has no body for it")
            return
        for came in seen.body.content:
            known = _matching(came.type, document.body.content)
            where = f"request body {came.type}"
            if known is None and document.body.content:
                yield _deviation(
                    "undocumented_request_type", document, where, f"{came.type} is not documented"
                )
            elif known is not None:
                yield from self._fields(known.schema, came.schema, "request", document, where)

    def _responses(self, document: Operation, seen: Operation) -> Iterator[Deviation]:
        if not document.responses:
            return
        known = {one.status: one for one in document.responses}
        for came in seen.responses:
            where = f"response {came.status}"
            documented = known.get(came.status) or known.get(f"{came.status[0]}XX") or known.get("default")
            if documented is None:
                yield _deviation("undocumented_status", document, where, f"{came.status} is not documented")
                continue
            for one in came.content:
                media = _matching(one.type, documented.content)
                here = f"{where} {one.type}"
                if media is None and documented.content:
                    text = f"{one.type} is not documented"
                    yield _deviation("undocumented_response_type", document, here, text)
                elif media is not None:
                    yield from self._fields(media.schema, one.schema, "response", document, here)

    def _fields(
        self,
        documented: Schema,
        seen: Schema,
        side: Literal["request", "response"],
        operation: Operation,
        where: str,
    ) -> Iterator[Deviation]:
        if seen is True or documented is True:
            return
        for change in self._schemas.changes(documented, seen):
            code = _code_of(change, side)
            if code is not None:
                here = f"{where} #/{'/'.join(change.path)}" if change.path else where
                yield _deviation(code, operation, here, _told(change, code))


def _code_of(change: SchemaChange, side: Side) -> Code | None:
    """What a difference between the documented schema and the one that was seen means."""
    is_request = side == "request"
    if change.action == "property-added":
        return "undocumented_request_field" if is_request else "undocumented_response_field"
    absent = change.read_only if is_request else change.write_only
    gone = change.action == "property-removed" and change.required
    if (gone or change.action == "property-became-optional") and not absent:
        return "missing_request_field" if is_request else "missing_response_field"
    differs = change.action == "type" and change.effect in {"widens", "incomparable"}
    if differs or change.action in {"became-nullable", "list-of-types-widened"}:
        return "request_field_type" if is_request else "response_field_type"
    return None


def _told(change: SchemaChange, code: Code) -> str:
    if code.startswith("undocumented"):
        return "the document does not have this field"
    if code.startswith("missing"):
        return "the document requires this field, and it was missing"
    return change.text.replace("type went from", "the type is not").replace(" to ", ", but ", 1)


def _security(document: Operation, seen: Operation) -> Iterator[Deviation]:
    asked = document.security
    if not asked or {} in asked or seen.security is None:
        return
    if {} in seen.security:
        text = "the document asks for credentials, and calls without any were answered"
        yield _deviation("unauthenticated", document, "security", text)


def _is_covered(one: Operation, operations: Iterable[Operation]) -> bool:
    """Whether a template of the document covers a path: `/users/{id}` covers `/users/me`."""
    steps = one.path.split("/")
    known = (other.path.split("/") for other in operations if other.method == one.method)
    return any(len(path) == len(steps) and all(map(_covers, path, steps)) for path in known)


def _covers(known: str, step: str) -> bool:
    return known == step or ("{" in known and "{" not in step)


def _by_name(parameters: Iterable[Parameter]) -> dict[tuple[str, str], Parameter]:
    return {
        (one.place, one.name.lower() if one.place == "header" else one.name): one
        for one in parameters
        if one.place != "path"
    }


def _is_open(parameter: Parameter) -> bool:
    """Whether a parameter stands for parameters of any name: an exploded object, or `deepObject`."""
    schema = parameter.schema
    return parameter.style == "deepObject" or (
        parameter.explode and isinstance(schema, Mapping) and schema.get("type") == "object"
    )


def _is_telling(place: str, name: str) -> bool:
    """Whether a parameter without documentation says anything: browsers send some to every API."""
    if place == "cookie":
        return False
    return place != "header" or _OF_BROWSERS.fullmatch(name) is None


def _matching(name: str, content: Iterable[Media]) -> Media | None:
    """The documented media type that one belongs to: itself, its range, or any (RFC 9110, 12.5.1)."""
    known = {one.type: one for one in content}
    kind, _, subtype = name.partition("/")
    suffix = f"{kind}/*+{subtype.rpartition('+')[2]}" if "+" in subtype else ""
    for wanted in (name, suffix, f"{kind}/*", "*/*"):
        if wanted in known:
            return known[wanted]
    return None


def _deviation(code: Code, operation: Operation, where: str, text: str) -> Deviation:
    return Deviation(code, operation.method, operation.path, where, text)
