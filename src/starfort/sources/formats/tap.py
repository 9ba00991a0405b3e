"""Envoy's tap: whole calls, as its HTTP tap filter writes them to files and streams them to `/tap`.

Source: envoy/data/tap/v3/wrapper.proto and http.proto. A trace is buffered (the whole call at once) or
streamed (segments of it, with the id of the call).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

from envoy.data.tap.v3.wrapper_pb2 import TraceWrapper
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from starfort.sources.call import (
    MAX_BODY_BYTES,
    NO_ADDRESS,
    Call,
    Headers,
    Part,
    address_of,
    peeled,
    to_bytes,
    value_of,
)
from starfort.sources.formats.fields import time_of
from starfort.sources.formats.outcome import Outcome, Skipped

MAX_OPEN: Final = 1_000
"""Streamed calls that are put together at once."""

MAX_OPEN_BYTES: Final = 64 << 20
"""Bytes of their bodies."""


def messages_of_json(text: str) -> Iterator[object]:
    """The JSON values that stand one after the other in a text.

    Raises:
        ValueError: what follows is no JSON.
    """
    decoder = json.JSONDecoder()
    at, end = 0, len(text)
    while True:
        while at < end and text[at] in " \t\r\n":
            at += 1
        if at >= end:
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError:
            raise ValueError("the JSON is nested too deep") from None
        yield value


def wrapper_of_json(value: object) -> TraceWrapper:
    """The message in a JSON value.

    Raises:
        ValueError: it is no message of a tap.
    """
    try:
        wrapper: TraceWrapper = json_format.ParseDict(value, TraceWrapper(), ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError(f"it is no message of a tap: {str(error)[:120]}") from None
    return wrapper


def wrapper_of_protobuf(message: bytes) -> TraceWrapper:
    """The message in some bytes.

    Raises:
        ValueError: it is no message of a tap.
    """
    try:
        return TraceWrapper.FromString(message)
    except DecodeError as error:
        raise ValueError("it is no message of a tap") from error


@dataclass(slots=True)
class _Open:
    """A streamed call that has not ended."""

    request: list[Any] = field(default_factory=list)
    request_body: bytearray = field(default_factory=bytearray)
    request_bytes: int = 0
    response: list[Any] = field(default_factory=list)
    response_body: bytearray = field(default_factory=bytearray)
    response_bytes: int = 0

    @property
    def held(self) -> int:
        """Bytes of memory for its bodies."""
        return len(self.request_body) + len(self.response_body)


class Taps:
    """Makes calls of the messages of one tap; streamed calls are put together.

    Envoy sends no message for the end of a streamed call. It has ended when its id begins another one, when
    the tap ends, or when newer calls need its place (`MAX_OPEN`, `MAX_OPEN_BYTES`).

    Args:
        live: the messages come as the calls do, so a call without a time was now.
    """

    def __init__(self, *, live: bool = False) -> None:
        self._live = live
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._held = 0

    def take(self, wrapper: Any) -> Iterator[Outcome]:
        """The calls that a message completes.

        Raises:
            ValueError: a call in it cannot be read.
        """
        kind = wrapper.WhichOneof("trace")
        if kind == "http_buffered_trace":
            yield self._timed(_buffered(wrapper.http_buffered_trace))
        elif kind == "http_streamed_trace_segment":
            yield from self._segment(wrapper.http_streamed_trace_segment)
        else:
            yield Skipped("not_http")

    def end(self) -> Iterator[Outcome]:
        """The streamed calls that were not over."""
        while self._open:
            yield self._close(next(iter(self._open)))

    def _segment(self, segment: Any) -> Iterator[Outcome]:
        piece, key = segment.WhichOneof("message_piece"), segment.trace_id
        if piece == "request_headers":
            if key in self._open:
                yield self._close(key)
            self._open[key] = _Open()
        known = self._open.get(key)
        if known is None:
            return  # its head was before the tap began, or it had to make room
        before = known.held
        _add(known, segment, piece)
        self._held += known.held - before
        while len(self._open) > MAX_OPEN or self._held > MAX_OPEN_BYTES:
            yield self._close(next(iter(self._open)))

    def _close(self, key: int) -> Call:
        call = self._open.pop(key)
        self._held -= call.held
        return self._timed(_streamed(call))

    def _timed(self, call: Call) -> Call:
        if call.time_us is not None or self._live:
            return call
        return replace(call, time_us=_dated(call.response_headers))


def _add(call: _Open, segment: Any, piece: str | None) -> None:
    if piece == "request_headers":
        call.request = list(segment.request_headers.headers)
    elif piece == "response_headers":
        call.response = list(segment.response_headers.headers)
    elif piece == "request_body_chunk":
        call.request_bytes += _append(call.request_body, segment.request_body_chunk)
    elif piece == "response_body_chunk":
        call.response_bytes += _append(call.response_body, segment.response_body_chunk)


def _append(body: bytearray, chunk: Any) -> int:
    piece = _body(chunk)
    body += piece[: max(0, MAX_BODY_BYTES - len(body))]
    return len(piece) + (1 if chunk.truncated else 0)


def _body(body: Any) -> bytes:
    return to_bytes(body.as_string) if body.WhichOneof("body_type") == "as_string" else bytes(body.as_bytes)


def _streamed(call: _Open) -> Call:
    return _call(
        _Side(call.request, bytes(call.request_body), call.request_bytes),
        _Side(call.response, bytes(call.response_body), call.response_bytes),
        NO_ADDRESS,
        None,
    )


def _buffered(trace: Any) -> Call:
    sides = []
    for message in (trace.request, trace.response):
        body = _body(message.body)
        # A body that was cut has an unknown length, and more than is here.
        sides.append(_Side(list(message.headers), body, len(body) + (1 if message.body.truncated else 0)))
    place = trace.downstream_connection.remote_address.socket_address.address
    has_time = trace.request.HasField("headers_received_time")
    time_us = trace.request.headers_received_time.ToMicroseconds() if has_time else None
    return _call(sides[0], sides[1], address_of(place), time_us)


@dataclass(frozen=True, slots=True)
class _Side:
    headers: list[Any]
    body: bytes
    length: int


def _call(request: _Side, response: _Side, address: str, time_us: int | None) -> Call:
    sent, answered = _pairs(request.headers), _pairs(response.headers)
    method, target = value_of(sent, b":method"), value_of(sent, b":path")
    if not method or not target:
        raise ValueError("no method and path")
    status = value_of(answered, b":status")
    caller, real = peeled(_real(sent))
    unseen: frozenset[Part] = frozenset() if status else frozenset({Part.RESPONSE})
    return Call(
        method=method,
        target=to_bytes(target),
        host=value_of(sent, b":authority") or value_of(sent, b"host"),
        scheme=value_of(sent, b"x-forwarded-proto") or value_of(sent, b":scheme") or "http",
        time_us=time_us,
        # Envoy puts the caller's address into the header before filters see it.
        address=caller if caller != NO_ADDRESS else address,
        headers=real,
        body=request.body,
        request_bytes=request.length,
        status=int(status) if status.isascii() and status.isdigit() and len(status) == 3 else None,  # noqa: PLR2004
        response_headers=_real(answered),
        response_body=response.body,
        response_bytes=response.length,
        unseen=unseen,
    )


def _pairs(headers: list[Any]) -> Headers:
    return tuple(
        (to_bytes(each.key).lower(), bytes(each.raw_value) if each.raw_value else to_bytes(each.value))
        for each in headers
    )


def _real(headers: Headers) -> Headers:
    return tuple(pair for pair in headers if not pair[0].startswith(b":"))


def _dated(headers: Headers) -> int | None:
    """When the response says that it was made (RFC 9110, 6.6.1); a tap before Envoy 1.33 has no time."""
    try:
        return time_of(parsedate_to_datetime(value_of(headers, b"date")).isoformat())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


NAMES: Final = (
    "http_buffered_trace", "httpBufferedTrace", "http_streamed_trace_segment", "httpStreamedTraceSegment",
)  # fmt: skip
"""Members of a message of a tap in JSON."""


def is_json_message(value: Mapping[str, object]) -> bool:
    """Whether a JSON object is a message of a tap."""
    return any(name in value for name in NAMES)
