"""Access logs in JSON."""

from starfort.sources.call import Part
from starfort.sources.formats import json_log
from tests.support.sources import (
    CADDY,
    ENVOY_JSON,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_envoy_json() -> None:
    """A line of Envoy's JSON, whose duration is in milliseconds."""
    call = json_log.call(ENVOY_JSON)
    assert (call.method, call.target, call.status, call.host) == (
        "POST",
        b"/v1/orders?a=1",
        201,
        "api.example.com",
    )
    assert (call.duration_us, call.address, call.id) == (12_000, "192.0.2.1", "abc")


def test_caddy_hides_credentials() -> None:
    """Caddy says that a credential came and not which: then nothing is said of credentials."""
    call = json_log.call(CADDY)
    assert (call.target, call.status, call.scheme, call.duration_us) == (b"/v1/orders/7", 200, "https", 930)
    assert Part.REQUEST_HEADERS in call.unseen
    assert not [name for name, _ in call.headers if name == b"authorization"]
    shown = {**CADDY, "request": {**CADDY["request"], "headers": {"Accept": ["*/*"]}}}
    assert Part.REQUEST_HEADERS not in json_log.call(shown).unseen
