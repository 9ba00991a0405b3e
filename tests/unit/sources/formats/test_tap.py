"""Taps of Envoy."""

from typing import Any

from starfort.sources.call import Call, Part
from starfort.sources.formats.tap import Taps, wrapper_of_json
from tests.support.sources import (
    TAP,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_tap() -> None:
    """A tap gives both messages, and says of a body that was cut that there was more."""
    (call,) = Taps().take(wrapper_of_json(TAP))
    assert isinstance(call, Call)
    assert (call.method, call.target, call.host, call.status) == (
        "GET",
        b"/v1/orders/7",
        "api.example.com",
        200,
    )
    assert (call.body, call.response_body, call.response_bytes, call.address) == (
        b"hi",
        b"hello",
        6,
        "192.0.2.7",
    )


def test_a_streamed_tap_is_put_together() -> None:
    """Segments of a streamed tap become one call, whatever stands between them."""
    taps = Taps()
    heads = TAP["http_buffered_trace"]
    segments: list[dict[str, Any]] = [
        {"trace_id": 1, "request_headers": {"headers": heads["request"]["headers"]}},
        {"trace_id": 2, "request_headers": {"headers": heads["request"]["headers"]}},
        {"trace_id": 1, "request_body_chunk": {"as_string": "a"}},
        {"trace_id": 1, "response_headers": {"headers": heads["response"]["headers"]}},
        {"trace_id": 1, "response_body_chunk": {"as_string": "b"}},
        {"trace_id": 1, "response_body_chunk": {"as_string": "c"}},
        {"trace_id": 9, "response_body_chunk": {"as_string": "of a call before the tap"}},
    ]
    early = [
        outcome
        for segment in segments
        for outcome in taps.take(wrapper_of_json({"http_streamed_trace_segment": segment}))
    ]
    first, second = taps.end()
    assert early == []
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert (first.body, first.response_body, first.status) == (b"a", b"bc", 200)
    assert (second.status, Part.RESPONSE in second.unseen) == (None, True)
