"""Access logs whose lines are JSON objects: Envoy, nginx, Caddy, Traefik and others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from starfort.sources.call import Call, Part, header_pairs
from starfort.sources.formats.fields import LOG_UNSEEN, Fields, call_of

Json: TypeAlias = "dict[str, object]"

_ALIASES: Final = {
    "time": (
        "start_time", "time", "timestamp", "@timestamp", "ts", "startutc", "startlocal", "start_time_utc",
        "request_time_utc",
    ),
    "end_time": ("time_iso8601", "time_local", "msec"),
    "request": ("request", "request_line"),
    "method": ("method", "request_method", "http_method", "requestmethod", "verb", "req_method"),
    "target": (
        "x_envoy_original_path", "x_envoy_origin_path", "path", "uri", "request_uri", "url", "target",
        "requestpath", "request_path", "original_path",
    ),
    "query": ("args", "query", "query_string"),
    "protocol": ("protocol", "server_protocol", "requestprotocol", "proto", "http_version"),
    "status": ("response_code", "status", "status_code", "downstreamstatus", "http_status", "code"),
    "host": ("authority", "http_host", "host", "requesthost", "domain", "domain_name"),
    "server": ("server_name", "vhost", "requested_server_name"),
    "scheme": ("scheme", "requestscheme", "x_forwarded_proto"),
    "address": (
        "downstream_remote_address_without_port", "downstream_remote_address", "client_ip", "remote_addr",
        "remote_ip", "clienthost", "client_address", "client", "remote_address",
    ),
    "forwarded": ("x_forwarded_for", "http_x_forwarded_for"),
    "id": ("request_id", "x_request_id", "http_x_request_id", "trace_id"),
    "request_bytes": ("bytes_received", "content_length", "requestcontentsize", "bytes_read"),
    "response_bytes": ("bytes_sent", "body_bytes_sent", "downstreamcontentsize", "size", "response_size"),
    "duration_s": ("request_time",),
    "duration_ms": ("duration_ms", "response_time_ms", "latency_ms"),
    "req:user-agent": ("user_agent", "http_user_agent", "requestuseragent"),
    "req:content-type": ("content_type", "http_content_type"),
    "resp:content-type": ("sent_http_content_type", "response_content_type"),
    "tls": ("ssl_protocol", "downstream_tls_version", "tls_version", "tlsversion"),
}  # fmt: skip
"""Fields, and the names of members that hold them, the more exact one first. Names are compared in lower
case, with `_` for other characters and without those at the ends (`:authority`, `user-agent`)."""

_OTHER: Final = re.compile(r"[^a-z0-9@]+")
_REDACTED: Final = "REDACTED"
"""What Caddy writes in place of credentials unless it is told otherwise."""


def call(value: object) -> Call:
    """The call of one line.

    Raises:
        ValueError: the line tells of no call.
    """
    if not isinstance(value, dict):
        raise ValueError("the line is no JSON object")
    if isinstance(value.get("request"), dict):
        return _caddy(value)
    return call_of(_fields(value))


def _fields(value: Mapping[str, object]) -> Fields:
    members = {_OTHER.sub("_", name.lower()).strip("_"): text for name, text in _texts(value)}
    found: Fields = {}
    for field, names in _ALIASES.items():
        text = next((members[name] for name in names if members.get(name, "-") not in {"", "-"}), None)
        if text is not None:
            found[field] = text
    # Envoy's whole number is in milliseconds; others write seconds with a fraction, or do not say.
    duration = members.get("duration", "")
    if duration.isdigit() and "response_code" in members:
        found["duration_ms"] = duration
    return found


def _texts(value: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, member in value.items():
        if isinstance(member, str):
            yield name, member
        elif isinstance(member, int | float) and not isinstance(member, bool):
            yield name, str(member)


def _caddy(value: Mapping[str, object]) -> Call:
    """Caddy's own line (https://caddyserver.com/docs/logging), which has the headers of both sides."""
    request = value["request"]
    assert isinstance(request, dict)  # noqa: S101 (`call` asked)
    fields = dict(_texts(request))
    moment = value.get("ts", value.get("time"))
    duration = value.get("duration")
    found: Fields = {
        "method": fields.get("method", ""),
        "target": fields.get("uri", ""),
        "host": fields.get("host", ""),
        "protocol": fields.get("proto", ""),
        "address": fields.get("client_ip", fields.get("remote_ip", "")),
        "scheme": "https" if isinstance(request.get("tls"), dict) else "http",
        "status": str(value.get("status", "")),
        "end_time" if isinstance(moment, str) else "time": "" if moment is None else str(moment),
        "duration_s": str(duration) if isinstance(duration, int | float) else "",
        "request_bytes": str(value.get("bytes_read", "")),
        "response_bytes": str(value.get("size", "")),
    }
    headers, hidden = _headers(request.get("headers"))
    answered, _ = _headers(value.get("resp_headers"))
    # With `log_credentials` off a credential is not told, but that there was one is.
    seen = {Part.RESPONSE_HEADERS} | (set() if hidden else {Part.REQUEST_HEADERS})
    return replace(
        call_of(found),
        headers=header_pairs(headers),
        response_headers=header_pairs(answered),
        unseen=LOG_UNSEEN - seen if headers else LOG_UNSEEN,
    )


def _headers(value: object) -> tuple[list[tuple[str, str]], bool]:
    """Headers but hidden ones, and whether any was hidden."""
    if not isinstance(value, dict):
        return [], False
    pairs: list[tuple[str, str]] = []
    hidden = False
    for name, values in value.items():
        for text in values if isinstance(values, list) else [values]:
            if text == _REDACTED:
                hidden = True
            elif isinstance(text, str):
                pairs.append((name, text))
    return pairs, hidden


def parse(line: str) -> object:
    """The JSON of a line.

    Raises:
        ValueError: it is none, or nested too deep.
    """
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None
