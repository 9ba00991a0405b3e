"""Access logs of nginx."""

from starfort.sources.call import Part
from tests.support.sources import (
    NGINX,
    line_of,
)

LOG = frozenset({Part.REQUEST_HEADERS, Part.REQUEST_BODY, Part.RESPONSE_HEADERS, Part.RESPONSE_BODY})


def test_nginx_combined() -> None:
    """A line of nginx's default format: caller, time with its zone, target, status, size, agent unescaped."""
    call = line_of(NGINX)
    assert (call.method, call.target, call.status, call.address) == (
        "GET",
        b"/v1/orders/7?page=1",
        200,
        "203.0.113.9",
    )
    assert (call.time_us, call.response_bytes) == (1602363336_000000, 2326)
    assert (b"user-agent", b'curl"') in call.headers
    assert (call.host, call.unseen) == ("", LOG)
