"""OpenTelemetry spans."""

from typing import Any

import pytest

from starfort.sources.call import Call, Part
from starfort.sources.formats import otlp
from starfort.sources.formats.outcome import Skipped
from tests.support.sources import (
    NEW_SPAN,
    OLD_SPAN,
    otlp_protobuf,
    span,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


@pytest.mark.parametrize("made", [NEW_SPAN, OLD_SPAN])
def test_spans_in_both_conventions(made: dict[str, Any]) -> None:
    """The conventions of today and those before them give the same call, in JSON and in protobuf."""
    (from_json,) = otlp.of_json({"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]})
    (from_protobuf,) = otlp.of_protobuf(otlp_protobuf(made))
    assert from_json == from_protobuf
    assert isinstance(from_json, Call)
    assert (from_json.method, from_json.scheme, from_json.host) == ("GET", "https", "api.example.com")
    assert (from_json.target, from_json.status, from_json.address) == (
        b"/v1/orders/7?page=3",
        200,
        "192.0.2.9",
    )
    assert (from_json.time_us, from_json.duration_us) == (1650000000_000000, 100_000)


def test_spans_of_clients_and_of_databases_are_skipped() -> None:
    """A client's span is its server's call once more, and a span without HTTP is none."""
    client, database = {**NEW_SPAN, "kind": 3}, {**span(db__system="x"), "kind": 3}
    message = {"resourceSpans": [{"scopeSpans": [{"spans": [client, database]}]}]}
    assert list(otlp.of_json(message)) == [Skipped("not_a_server_span"), Skipped("not_http")]


def test_a_span_with_a_route_only_has_a_parameter() -> None:
    """Where a span names the route and no path, its parameters are values that nobody saw."""
    made = span(http__request__method="GET", http__route="/v1/orders/:id", server__address="a.example")
    (call,) = otlp.of_json({"resourceSpans": [{"scopeSpans": [{"spans": [made]}]}]})
    assert isinstance(call, Call)
    assert call.target == b"/v1/orders/{unknown}"
