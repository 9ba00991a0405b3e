"""Access logs of Envoy."""

from starfort.sources.call import Part
from tests.support.sources import (
    ENVOY,
    line_of,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_envoy_text() -> None:
    """A line of Envoy's default format: the last address of X-Forwarded-For called, and took 226 ms."""
    call = line_of(ENVOY)
    assert (call.method, call.target, call.status, call.host) == (
        "POST",
        b"/v1/locations",
        204,
        "api.example.com",
    )
    assert (call.protocol, call.address, call.duration_us, call.request_bytes) == (
        "HTTP/2",
        "10.0.35.28",
        226_000,
        154,
    )
    assert call.id == "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2"
