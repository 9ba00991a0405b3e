"""OpenTelemetry spans: OTLP in JSON, JSON lines and protobuf, as collectors write them to files.

Source: https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/ and the HTTP conventions
https://opentelemetry.io/docs/specs/semconv/http/http-spans/ (stable since 1.23) and those before them
(`http.method`, `http.target`, `http.status_code`).

The classes are those of `xds-protos`, made of an earlier version of the schema. On the wire the two
agree: what is called `scope_spans` today has the field number of `instrumentation_library_spans`, and so have
all fields within (opentelemetry-proto, CHANGELOG, 0.15.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from starfort.sources.call import (
    NO_ADDRESS,
    Call,
    Part,
    address_of,
    header_pairs,
    protocol_of,
    split_url,
    to_bytes,
)
from starfort.sources.formats.outcome import Failure, Outcome, Skipped

_SERVER: Final = frozenset({2, "2", "SPAN_KIND_SERVER"})
_ANY_KIND: Final = frozenset({0, "0", "", None, "SPAN_KIND_UNSPECIFIED"})
_PARAMETER: Final = re.compile(r":[A-Za-z_]\w*\??|<[^<>/]+>|\{[^{}/]*\}|\*+")
_MOST_ITEMS: Final = 128
"""Values of one attribute, and attributes of one span: what SDKs keep by default
(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT)."""

Attributes = Mapping[str, object]


def of_json(document: object, where: str = "") -> Iterator[Outcome]:
    """The calls of one OTLP message in JSON.

    Args:
        document: `{"resourceSpans": [...]}`.
        where: its place in the file, for mistakes.

    Raises:
        ValueError: it is no such message.
    """
    resources = _member(document, "resourceSpans", "resource_spans") if isinstance(document, dict) else None
    if not isinstance(resources, list):
        raise ValueError("it has no list resourceSpans")
    for one, resource in enumerate(resources):
        scopes = _member(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans")
        for two, scope in enumerate(scopes if isinstance(scopes, list) else ()):
            spans = _member(scope, "spans")
            for three, span in enumerate(spans if isinstance(spans, list) else ()):
                place = f"{where}resourceSpans[{one}].scopeSpans[{two}].spans[{three}]"
                yield _of_json(span, place)


def _of_json(span: object, where: str) -> Outcome:
    if not isinstance(span, dict):
        return Failure(where, "is no object")
    try:
        return call(
            span.get("kind"),
            _attributes(span.get("attributes")),
            _nanoseconds(_member(span, "startTimeUnixNano", "start_time_unix_nano")),
            _nanoseconds(_member(span, "endTimeUnixNano", "end_time_unix_nano")),
        )
    except ValueError as error:
        return Failure(where, str(error))


def of_protobuf(message: bytes, where: str = "") -> Iterator[Outcome]:
    """The calls of one OTLP message in protobuf (`ExportTraceServiceRequest`, which equals `TracesData`).

    Raises:
        ValueError: it is no such message.
    """
    data = ExportTraceServiceRequest()
    try:
        data.ParseFromString(message)
    except DecodeError as error:
        raise ValueError("it is no OTLP message") from error
    for one, resource in enumerate(data.resource_spans):
        for two, scope in enumerate(resource.instrumentation_library_spans):
            for three, span in enumerate(scope.spans):
                attributes = {each.key: _plain(each.value) for each in span.attributes[:_MOST_ITEMS]}
                try:
                    yield call(span.kind, attributes, span.start_time_unix_nano, span.end_time_unix_nano)
                except ValueError as error:
                    place = f"{where}resource_spans[{one}].scope_spans[{two}].spans[{three}]"
                    yield Failure(place, str(error))


def _plain(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [
            _plain(each)
            for each in value.array_value.values[:_MOST_ITEMS]
            if not each.HasField("array_value")
        ]
    return (
        getattr(value, kind) if kind in {"string_value", "int_value", "bool_value", "double_value"} else None
    )


def call(kind: object, attributes: Attributes, start_ns: int, end_ns: int) -> Call | Skipped:
    """The call that a span of a server stands for.

    Args:
        kind: of the span: only a server's is a call to it; a client's is the same call once more.
        attributes: of the span.
        start_ns: its begin, Unix nanoseconds.
        end_ns: its end.

    Raises:
        ValueError: it is a call of HTTP, and a value in it cannot be read.
    """
    method = _text(attributes, "http.request.method", "http.method")
    if not method:
        return Skipped("not_http")
    if kind not in _SERVER and kind not in _ANY_KIND:
        return Skipped("not_a_server_span")
    if method == "_OTHER":
        method = _text(attributes, "http.request.method_original") or method
    scheme, host, target = _place(attributes)
    if not target:
        return Skipped("no_path")
    status = _number(attributes, "http.response.status_code", "http.status_code")
    headers, shown = _headers(attributes, "http.request.header.")
    answered, _ = _headers(attributes, "http.response.header.")
    agent = _text(attributes, "user_agent.original", "http.user_agent")
    if agent:
        headers.append(("user-agent", agent))
    unseen = {Part.REQUEST_BODY, Part.RESPONSE_BODY, Part.RESPONSE_HEADERS, Part.REQUEST_HEADERS}
    return Call(
        method=method.upper(),
        target=to_bytes(target),
        host=host,
        scheme=scheme or "http",
        time_us=start_ns // 1000 or None,
        duration_us=max(0, end_ns - start_ns) // 1000,
        protocol=protocol_of(_text(attributes, "network.protocol.version", "http.flavor")),
        address=_address(attributes),
        headers=header_pairs(headers),
        request_bytes=_number(attributes, "http.request.body.size", "http.request_content_length"),
        status=status if status is not None and 100 <= status <= 999 else None,  # noqa: PLR2004 (RFC 9110, 15)
        response_headers=header_pairs(answered),
        response_bytes=_number(attributes, "http.response.body.size", "http.response_content_length"),
        # Which headers are captured is a setting of each SDK, so that one is missing proves nothing.
        unseen=frozenset(unseen - {Part.REQUEST_HEADERS} if "authorization" in shown else unseen)
        | (frozenset() if status is not None else {Part.RESPONSE}),
    )


def _place(attributes: Attributes) -> tuple[str, str, str]:
    """Scheme, host and target, in the conventions of today and in those before them."""
    scheme = _text(attributes, "url.scheme", "http.scheme").lower()
    host = _host(attributes)
    target = _text(attributes, "http.target")
    if not target and (path := _text(attributes, "url.path")):
        query = _text(attributes, "url.query").removeprefix("?")
        target = path + (f"?{query}" if query else "")
    full = _text(attributes, "url.full", "http.url")
    if full.startswith(("http://", "https://")):
        of_url = split_url(full)
        scheme, host, target = scheme or of_url[0], host or of_url[1], target or of_url[2]
    if not target:
        # Some instrumentations name the route only. Its parameters are values that nobody saw.
        route = _text(attributes, "http.route")
        target = _PARAMETER.sub("{unknown}", route) if route.startswith("/") else ""
    return scheme, host, split_url(target)[2] if target else ""


def _host(attributes: Attributes) -> str:
    shown = attributes.get("http.request.header.host")
    if isinstance(shown, list) and shown and isinstance(shown[0], str):
        return shown[0]
    named = _text(attributes, "http.host")
    if named:
        return named
    name = _text(attributes, "server.address", "http.server_name", "net.host.name")
    port = _number(attributes, "server.port", "net.host.port")
    return f"{name}:{port}" if name and port else name


def _address(attributes: Attributes) -> str:
    names = (
        "client.address", "http.client_ip", "network.peer.address", "net.sock.peer.addr", "net.peer.ip",
    )  # fmt: skip
    for name in names:
        found = address_of(_text(attributes, name))
        if found != NO_ADDRESS:
            return found
    return NO_ADDRESS


def _headers(attributes: Attributes, prefix: str) -> tuple[list[tuple[str, str]], set[str]]:
    """Captured headers, and their names. Conventions before 1.23 wrote `_` for hyphens."""
    pairs = []
    for name, values in attributes.items():
        if name.startswith(prefix) and isinstance(values, list):
            header = name.removeprefix(prefix).lower().replace("_", "-")
            pairs += [(header, value) for value in values if isinstance(value, str)]
    return pairs, {name for name, _ in pairs}


def _attributes(listed: object) -> Attributes:
    found: dict[str, object] = {}
    for each in (listed if isinstance(listed, list) else ())[:_MOST_ITEMS]:
        if isinstance(each, dict) and isinstance(each.get("key"), str):
            found[each["key"]] = _json_value(each.get("value"))
    return found


def _json_value(value: object) -> object:
    if not isinstance(value, dict):
        return None
    array = _member(value, "arrayValue", "array_value")
    if isinstance(array, dict):
        values = array.get("values")
        return [_single(each) for each in (values if isinstance(values, list) else ())[:_MOST_ITEMS]]
    return _single(value)


def _single(value: object) -> object:
    # 64-bit integers are text in JSON (protobuf, JSON mapping).
    return _member(
        value, "stringValue", "string_value", "intValue", "int_value", "doubleValue", "double_value",
        "boolValue", "bool_value",
    )  # fmt: skip


def _member(value: object, *names: str) -> object:
    if not isinstance(value, dict):
        return None
    return next((value[name] for name in names if name in value), None)


def _text(attributes: Attributes, *names: str) -> str:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _number(attributes: Attributes, *names: str) -> int | None:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, bool) or value is None:
            continue
        text = str(value)
        if text.isascii() and text.isdigit() and len(text) <= 18:  # noqa: PLR2004 (2^63)
            return int(text)
    return None


def _nanoseconds(value: object) -> int:
    text = str(value if value is not None else 0)
    if not text.isascii() or not text.isdigit() or len(text) > 20:  # noqa: PLR2004 (2^64)
        raise ValueError("a time is no number of nanoseconds")
    return int(text)
